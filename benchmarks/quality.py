"""What the pipeline finds of what is really in the videos: `python -m benchmarks.quality`.

Runs variants on frames of the videos whose content is known, and has the videos' own judge count what was found; see
`benchmarks.recall`.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.machine import machine_facts
from benchmarks.pipeline_variants import VARIANTS
from benchmarks.recall import found, known_videos, recall_table
from benchmarks.small_videos import OUTSIDE, ROOT

__all__ = ["main"]

WEIGHTS = Path(
    os.environ.get("FOREGSYTE_TEST_WEIGHTS", ROOT.parent / "shared" / "models" / "yolo11n_int8_openvino_model")
)
"""General weights: what is known of the videos is told in their labels."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the variants, prints what was found, saves results and numbers."""
    asked = _arguments(arguments)
    videos = {
        video: content for video, content in known_videos().items() if not asked.videos or video.name in asked.videos
    }
    if not videos:
        raise SystemExit(f"no such video is told of in {OUTSIDE}; name another folder in FOREGSYTE_TEST_VIDEOS")
    report: dict[str, Any] = {
        "machine": machine_facts(asked.threads),
        "variants": {
            name: found(name, asked.weights, asked.threads, videos, Path(asked.out) / name) for name in asked.variants
        },
    }
    Console().print(recall_table(report["machine"]["text"], report["variants"]))
    (Path(asked.out) / "quality.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="*", help="file names of videos; default: all whose content is known")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--weights", default=str(WEIGHTS), help="weights of the detector")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", default=str(ROOT / "build" / "quality"), help="folder for results and numbers")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
