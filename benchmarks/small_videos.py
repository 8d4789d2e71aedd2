"""The videos that benchmarks run on: the project's own and, where they are available, small real and unusual ones."""

import os
from pathlib import Path

from shared.contract.mp4_signature import mp4_problem

ROOT = Path(__file__).parents[1]
OUTSIDE = Path(os.environ.get("FOREGSYTE_TEST_VIDEOS", ROOT.parent / "shared" / "videos"))
"""The folder of videos that are not part of the project."""

SLOW = frozenset({"editlist_positive_shift.mp4"})
"""Small files of hundreds of large frames: one would take as long as all the others."""


def small_videos(folder: Path, max_bytes: int) -> list[Path]:
    """Return the project's own video and those of the folder that a server accepts, in a fixed order."""
    small = [path for path in sorted(folder.glob("*.*")) if path.stat().st_size <= max_bytes and path.name not in SLOW]
    accepted = [path for path in small if not mp4_problem(path.read_bytes())]
    return [ROOT / "tests" / "fixtures" / "tiny.mp4", *accepted]
