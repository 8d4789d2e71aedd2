"""Feed broken videos to the reader and see what comes out: `python -m benchmarks.video_fuzz --count 20000 --seed 1`.

Each video is read to its end by the worker's own `VideoReader`, in a child process. What may come out is frames or
`VideoError`. What must not: another exception, a crash of the process, a file that takes longer than `--file-seconds`,
memory above `--memory-mib`. Such files are kept in `--keep`, named by what went wrong and by their seed, and the
command ends with exit code 1. Copied to `tests/fixtures/fuzz`, they are read by a test ever after. Linux only.
"""

import json
import logging
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.measuring import command_line, peak_bytes
from benchmarks.small_videos import OUTSIDE, ROOT, small_videos
from benchmarks.video_mutations import mutant
from shared.process.settings import MIB
from shared.video.errors import VideoError
from shared.video.frame import Frame
from shared.video.reader import VideoReader

MAX_SOURCE_BYTES = 70_000
"""Only small files are broken: thousands an hour instead of hundreds, and every bit counts."""
BATCH = 500
"""Files that one child reads, so that what leaks a little every time adds up to something seen."""

Make = Callable[[int], bytes]
"""Makes the file of a seed, the same one every time."""


class FuzzLimits(NamedTuple):
    """What reading one file may take.

    Attributes:
        file_seconds: The longest time.
        memory_bytes: The most memory resident in the child, whatever it read before.
    """

    file_seconds: float = 60.0
    memory_bytes: int = 512 * MIB


class HarmfulFile(NamedTuple):
    """A broken video that did harm.

    Attributes:
        seed: Which file.
        what: `crash`, `hang`, `memory` or `exception`.
        detail: More of it.
    """

    seed: int
    what: str
    detail: str


@dataclass(slots=True)
class FuzzReport:
    """What came out.

    Attributes:
        outcomes: How many files ended how.
        harmful: Those that did harm.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    harmful: list[HarmfulFile] = field(default_factory=list)


def default_sources() -> list[Path]:
    """Return the small videos that have an index of samples; of the others too little is read."""
    return [path for path in small_videos(OUTSIDE, MAX_SOURCE_BYTES) if b"stbl" in path.read_bytes()]


def _outcome_of(path: Path) -> str:
    """Read a file to its end and return what came out.

    Raises:
        AssertionError: A frame is not what the reader documents.
    """
    reader = VideoReader(path)
    latest = -np.inf
    try:
        for index, frame in enumerate(reader):
            _check(frame, index, latest)
            latest = frame.timestamp_ms
    except VideoError:
        return "refused"
    assert reader.damaged_packets >= 0, f"{reader.damaged_packets} damaged packets"
    return "frames, some lost" if reader.damaged_packets else "frames"


def _check(frame: Frame, index: int, latest_ms: float) -> None:
    assert frame.index == index, f"frame {frame.index} in the place of {index}"
    assert latest_ms <= frame.timestamp_ms < np.inf, f"time {frame.timestamp_ms} after {latest_ms}"
    height, width, colours = frame.image.shape
    assert height * width > 0, f"an image of {width}x{height}"
    assert colours == 3, f"{colours} colours"
    assert frame.image.dtype == np.uint8, frame.image.dtype


def fuzz(make: Make, seeds: range, limits: FuzzLimits, keep: Path) -> FuzzReport:
    """Read the files of these seeds, in batches, each in a child process of its own.

    Args:
        make: Makes the file of a seed; picklable, for the child makes them.
        seeds: Which files.
        limits: What one may take.
        keep: Where those that did harm are kept.
    """
    report = FuzzReport()
    left = seeds
    while left:
        batch, harmful = left[:BATCH], None
        with _child(make, batch) as child:
            while batch and not harmful:
                harmful = _result_of(batch[0], child, limits, report)
                batch, left = batch[1:], left[1:]
        print(f"{len(seeds) - len(left)} of {len(seeds)} {harmful or ''}", flush=True)
        if harmful:
            report.outcomes[harmful.what] += 1
            report.harmful.append(harmful)
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{harmful.what}-{harmful.seed}.mp4").write_bytes(make(harmful.seed))
    return report


@contextmanager
def _child(make: Make, seeds: range) -> Iterator[Connection]:
    """Make a child process read files; yield the pipe on which it says how each ended."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="foregsyte-fuzz-") as folder:
        child = context.Process(target=_serve, args=(theirs, Path(folder) / "video.mp4", make, seeds), daemon=True)
        child.start()
        theirs.close()
        try:
            yield ours
        finally:
            ours.close()
            child.kill()
            child.join()


def _result_of(seed: int, child: Connection, limits: FuzzLimits, report: FuzzReport) -> HarmfulFile | None:
    if not child.poll(limits.file_seconds):
        return HarmfulFile(seed, "hang", f"more than {limits.file_seconds:g} s")
    try:
        outcome, detail, peak_bytes = child.recv()
    except EOFError:
        return HarmfulFile(seed, "crash", "the process ended")
    if outcome == "exception":
        return HarmfulFile(seed, outcome, detail)
    if peak_bytes > limits.memory_bytes:
        return HarmfulFile(seed, "memory", f"{peak_bytes // MIB} MiB")
    report.outcomes[outcome] += 1
    return None


def _serve(connection: Connection, path: Path, make: Make, seeds: range) -> None:
    """Read one file after the other, in the child, and send how each ended."""
    logging.disable(logging.CRITICAL)
    for seed in seeds:
        path.write_bytes(make(seed))
        try:
            outcome, detail = _outcome_of(path), ""
        except BaseException as error:  # noqa: BLE001 (what gets out is what is looked for)
            outcome, detail = "exception", f"{type(error).__name__}: {error}"
        connection.send((outcome, detail, peak_bytes()))


def main() -> int:
    """Run the command; return its exit code: 0 where nothing did harm, else 1."""
    usual = FuzzLimits()
    parser = command_line(__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="how many broken videos")
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument("--file-seconds", type=float, default=usual.file_seconds)
    parser.add_argument("--memory-mib", type=int, default=usual.memory_bytes // MIB)
    parser.add_argument("--keep", type=Path, default=ROOT / "build" / "video_fuzz", help="where harmful files are kept")
    chosen = parser.parse_args()
    sources = [path.read_bytes() for path in default_sources()]
    limits = FuzzLimits(chosen.file_seconds, chosen.memory_mib * MIB)
    print(f"{chosen.count} mutants of {len(sources)} files from seed {chosen.seed}", flush=True)
    report = fuzz(partial(mutant, sources=sources), range(chosen.seed, chosen.seed + chosen.count), limits, chosen.keep)
    for outcome, count in report.outcomes.most_common():
        print(f"{count:8} {outcome}")
    for harmful in report.harmful:
        print(json.dumps(harmful._asdict()))
    return 1 if report.harmful else 0


if __name__ == "__main__":
    raise SystemExit(main())
