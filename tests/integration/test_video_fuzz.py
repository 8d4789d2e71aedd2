"""Broken videos, generated from fixed seeds: the reader gives frames or says why not, and does no harm.

A few hundred here; `python -m benchmarks.video_fuzz --count 20000` reads as many as you have time for. What does harm
there goes to `tests/fixtures/fuzz`, and stays harmless once it has been made so.
"""

from functools import partial
from pathlib import Path

import pytest

from benchmarks.video_fuzz import FuzzLimits, default_sources, fuzz
from benchmarks.video_mutations import mutant
from tests.conftest import ROOT, TINY_MP4

pytestmark = [pytest.mark.integration, pytest.mark.worker]

MUTANTS = range(1, 301)
MODEST_BYTES = 200 << 20
"""The libraries themselves take half of it; a small video takes nothing to speak of."""


def test_broken_videos_do_no_harm(tmp_path: Path) -> None:
    sources = [path.read_bytes() for path in default_sources()]
    report = fuzz(partial(mutant, sources=sources), MUTANTS, FuzzLimits(), tmp_path)
    assert report.harmful == []
    assert report.outcomes.total() == len(MUTANTS)
    assert {"refused", "frames", "frames, some lost"} == set(report.outcomes)


@pytest.mark.parametrize(("what", "limits"), [("memory", FuzzLimits(memory_bytes=1)), ("hang", FuzzLimits(0.0))])
def test_a_video_that_takes_too_much_is_named_and_kept(what: str, limits: FuzzLimits, tmp_path: Path) -> None:
    broken = partial(mutant, sources=[TINY_MP4.read_bytes()])
    report = fuzz(broken, range(5, 7), limits, tmp_path)
    assert [(finding.seed, finding.what) for finding in report.harmful] == [(5, what), (6, what)]
    assert (tmp_path / f"{what}-5.mp4").read_bytes() == broken(5)


def test_videos_that_did_harm_once_do_none_now(tmp_path: Path) -> None:
    videos = [path.read_bytes() for path in sorted((ROOT / "tests" / "fixtures" / "fuzz").glob("*.mp4"))]
    report = fuzz(videos.__getitem__, range(len(videos)), FuzzLimits(memory_bytes=MODEST_BYTES), tmp_path)
    assert report.harmful == []
    assert report.outcomes["refused"] == len(videos) > 0


def test_a_seed_always_gives_the_same_mutant() -> None:
    source = TINY_MP4.read_bytes()
    assert [mutant(seed, [source]) for seed in range(20)] == [mutant(seed, [source]) for seed in range(20)]
    assert len({mutant(seed, [source]) for seed in range(20)}) == 20
