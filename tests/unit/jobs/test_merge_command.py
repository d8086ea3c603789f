"""`aiic merge`: what is wrong is told before Spark starts."""

from __future__ import annotations

from jobs.cli import main


def test_a_merge_of_nothing_is_a_mistake(tmp_path, capsys):
    assert main(["merge", "--warehouse", str(tmp_path / "w")]) == 2
    assert "name shards or folders of them, or --compact" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_an_absent_shard_is_told(tmp_path, capsys):
    absent = tmp_path / "absent.parquet"
    assert main(["merge", str(absent), "--warehouse", str(tmp_path / "w")]) == 1
    assert f"{absent}: no shard there" in capsys.readouterr().err


def test_the_stream_takes_no_files_by_the_way(tmp_path, capsys):
    assert main(["merge", "x.parquet", "--follow", "start", "--warehouse", str(tmp_path / "w")]) == 2
    assert "--follow goes without files" in capsys.readouterr().err


def test_a_stream_that_does_not_run_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AIIC_STACK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AIIC_MERGE_PORT", "1")
    assert main(["merge", "--follow", "status", "--warehouse", str(tmp_path / "w")]) == 1
    assert "merge: down, pid -" in capsys.readouterr().out
