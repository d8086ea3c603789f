"""What a person is told of an error."""

from __future__ import annotations

import pytest

from jobs.batch.expected_errors import in_words


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "w/x"), "[Errno 28] No space left on device: 'w/x'; the disk is full: make room"),
        (OSError(30, "Read-only file system", "w"), "[Errno 30] Read-only file system: 'w'; the warehouse cannot be written"),
        (RuntimeError("java.io.IOException: No space left on device\n" + "at x\n" * 900), "; the disk is full: make room"),
        (RuntimeError("step plan: it is so"), "step plan: it is so"),
        (TimeoutError(), "TimeoutError"),
    ],
)  # fmt: skip
def test_words_of_the_system_get_a_remedy(error, told):
    found = in_words(error)
    assert told in found
    assert len(found) < 500


def test_a_remedy_is_told_once():
    once = in_words(OSError(28, "No space left on device"))
    again = f"step merge: {once}\nlog: {'x' * 400}"
    assert in_words(RuntimeError(again)) == again
