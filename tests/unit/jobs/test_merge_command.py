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
