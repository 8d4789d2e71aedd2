"""Detections for labelling tools: the object detection format of COCO (cocodataset.org, "Data format").

`track_id`, which the format of TAO adds (taodataset.org), is that of the events; noise has one too.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from job_client.timeline import tracked
from shared.results import FrameResult

FILE_NAME = "frame_{:06}.png"
"""Where the tools find an image; `ffmpeg -i video.mp4 -fps_mode passthrough -start_number 0 frame_%06d.png`."""

MAX_BOX_SIDE = 1e9
"""Beyond it there is no image; plugins may state any number, and JSON has no infinite area."""


def coco(results: Sequence[FrameResult], size: tuple[int, int] | None = None) -> str:
    """Return the document.

    Args:
        results: The result of every frame.
        size: Width and height of the frames in pixels; results do not hold it, and without it the images have none.
    """
    categories = _categories(results)
    document = {
        "info": {"description": "detections by Foregsyte"},
        "images": [_image(frame.frame_index, size) for frame in results],
        "annotations": list(_annotations(results, categories)),
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def _categories(results: Sequence[FrameResult]) -> dict[str, int]:
    names = {found.label for frame in results for found in frame.detections}
    return {name: number for number, name in enumerate(sorted(names), 1)}


def _image(index: int, size: tuple[int, int] | None) -> dict[str, Any]:
    image: dict[str, Any] = {"id": index, "file_name": FILE_NAME.format(index)}
    return image | ({"width": size[0], "height": size[1]} if size else {})


def _annotations(results: Sequence[FrameResult], categories: dict[str, int]) -> Iterator[dict[str, Any]]:
    numbers = count(1)
    for frame, found, track_id in tracked(results):
        x1, y1, x2, y2 = found.box
        width, height = (round(max(-MAX_BOX_SIDE, min(side, MAX_BOX_SIDE)), 1) for side in (x2 - x1, y2 - y1))
        annotation = {
            "id": next(numbers),
            "image_id": frame.frame_index,
            "category_id": categories[found.label],
            "bbox": [x1, y1, width, height],
            "area": round(width * height, 2),
            "segmentation": [_outline(x1, y1, x1 + width, y1 + height)],
            "iscrowd": 0,
            "score": found.confidence,
        }
        yield annotation if track_id is None else annotation | {"track_id": track_id}


def _outline(x1: float, y1: float, x2: float, y2: float) -> list[float]:
    """Return a box as a polygon, without which no tool draws or masks it."""
    return [round(side, 2) for side in (x1, y1, x2, y1, x2, y2, x1, y2)]
