"""Scores of left-out items find their candidates, or are refused."""

import numpy as np
import pytest
import scipy.sparse as sp

from pipelines.library.candidates import Candidate
from pipelines.library.ranker import PairInput
from pipelines.models.ranker_data import RankerRows
from pipelines.models.scorer_scores import ScoresMismatch, attach_scores, read_scores


def rows(*sizes):
    """One pair a size, all of item `a`."""
    pairs = [PairInput(0, [Candidate(str(n), -1, 0) for n in range(size)], (), ()) for size in sizes]
    return RankerRows(
        pairs, [frozenset()] * len(sizes), ["a"] * len(sizes), ["f"] * len(sizes), ["k"] * len(sizes),
        [False] * len(sizes), sp.csr_matrix((sum(sizes), 1)),
    )  # fmt: skip


def save(folder, names, parts):
    folder.mkdir()
    ends = np.cumsum([len(part) for part in parts])
    np.savez(folder / "scores.npz", names=np.asarray(names), ends=ends, logits=np.concatenate(parts))


def test_an_item_of_many_keys_has_its_rows_joined(tmp_path):
    save(tmp_path / "without-0", ["a", "b", "a"], [np.array([1.0, 2.0]), np.array([9.0]), np.array([3.0])])
    given = rows(2, 1)
    attach_scores(given, read_scores(tmp_path))
    assert [pair.scores.tolist() for pair in given.pairs] == [[1.0, 2.0], [3.0]]


def test_of_new_keys_the_runs_that_never_learned_them_speak(tmp_path):
    save(tmp_path / "without-0", ["a", "b"], [np.array([1.0, 2.0, 3.0]), np.array([9.0])])
    save(tmp_path / "new-keys-0", ["a"], [np.array([np.nan, -2.0, np.nan])])
    save(tmp_path / "new-keys-1", ["a"], [np.array([np.nan, np.nan, -3.0])])
    found = read_scores(tmp_path)
    assert {name: of_item.tolist() for name, of_item in found.items()} == {"a": [1.0, -2.0, -3.0], "b": [9.0]}


def test_runs_of_other_data_are_refused(tmp_path):
    save(tmp_path / "without-0", ["a"], [np.array([1.0, 2.0])])
    save(tmp_path / "new-keys-0", ["a"], [np.array([1.0, 2.0, 3.0])])
    with pytest.raises(ScoresMismatch, match="a has other candidates"):
        read_scores(tmp_path)


@pytest.mark.parametrize("sizes", [(2,), (2, 2)])
def test_scores_of_other_candidates_are_refused(tmp_path, sizes):
    save(tmp_path / "without-0", ["a"], [np.array([1.0, 2.0, 3.0])])
    with pytest.raises(ScoresMismatch, match="a: "):
        attach_scores(rows(*sizes), read_scores(tmp_path))


def test_an_item_left_out_twice_is_refused(tmp_path):
    for name in ("without-0", "without-0-1"):
        save(tmp_path / name, ["a"], [np.array([1.0])])
    with pytest.raises(ScoresMismatch, match="another run"):
        read_scores(tmp_path)


def test_no_scores_say_how_to_make_them(tmp_path):
    with pytest.raises(ScoresMismatch, match="--leave-out"):
        read_scores(tmp_path)


def test_an_item_whose_pairs_have_no_candidate_needs_no_scores(tmp_path):
    save(tmp_path / "without-0", ["b"], [np.array([1.0])])
    given = rows(0, 0)
    attach_scores(given, read_scores(tmp_path))
    assert [len(pair.scores) for pair in given.pairs] == [0, 0]
