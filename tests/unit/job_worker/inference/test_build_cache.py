"""A folder that several processes need at once appears complete, and once."""

import threading
from pathlib import Path

import pytest

from job_worker.inference.build_cache import cached_build
from tests.support.waiting import in_thread

pytestmark = [pytest.mark.unit, pytest.mark.worker]


def written(words: str, working: Path) -> Path:
    (working / "made").mkdir()
    (working / "made" / "file").write_text(words)
    return working / "made"


def test_it_is_made_the_first_time_and_kept(tmp_path: Path) -> None:
    target = tmp_path / "models" / "a"
    assert cached_build(target, lambda working: written("first", working)) == target
    assert cached_build(target, lambda _: pytest.fail("made again")) == target
    assert (target / "file").read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["a"]


def test_of_two_that_make_it_at_once_one_wins_and_both_have_it(tmp_path: Path) -> None:
    target, both = tmp_path / "a", threading.Barrier(2, timeout=10)

    def make(words: str) -> Path:
        def slowly(working: Path) -> Path:
            both.wait()
            return written(words, working)

        return cached_build(target, slowly)

    calls = [in_thread(lambda words=words: make(words)) for words in ("one", "other")]
    assert [call.result(10) for call in calls] == [target, target]
    assert (target / "file").read_text() in {"one", "other"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_goes_wrong_leaves_nothing(tmp_path: Path) -> None:
    def fail(working: Path) -> Path:
        written("half", working)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cached_build(tmp_path / "a", fail)
    assert list(tmp_path.iterdir()) == []
