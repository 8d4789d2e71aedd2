"""What a worker of the tests finds in every video, in the shape of the built-in pipelines."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from shared.results import FrameResult, decode_frame

FAILURE = "the file holds [only] audio [/b]"
"""What a worker of the tests says that can do no job."""

FRAME_MS = 40.0


def frame(index: int, labels: dict[str, float], texts: dict[str, float]) -> dict[str, Any]:
    """Return the result of one frame with these labels and lines of text, and the confidence of each."""
    box = [10.0 + index, 20.0, 60.0 + index, 80.0]
    polygon = [[5.0, 90.0], [105.0, 90.0], [105.0, 110.0], [5.0, 110.0]]
    return {
        "frame_index": index,
        "result": {
            "detections": [
                {"label": label, "class_id": number, "confidence": confidence, "box": box}
                for number, (label, confidence) in enumerate(labels.items())
            ],
            "text": "\n".join(texts),
            "text_lines": [
                {"text": text, "confidence": confidence, "polygon": polygon} for text, confidence in texts.items()
            ],
            "timestamp_ms": index * FRAME_MS,
        },
    }


def frame_results(results: Iterable[Mapping[str, Any]]) -> list[FrameResult]:
    """Return the results of these frames as the client reads them."""
    return [
        decode_frame(json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode(), one["frame_index"])
        for one in results
    ]


RESULTS = [
    frame(0, {"car": 0.5}, {"STOP": 0.95}),
    frame(1, {"car": 0.75, "dog": 0.9}, {"[live] Кадр": 0.95}),
    frame(2, {}, {"STOP": 0.7, "[/b]": 0.6}),
    frame(3, {"car": 0.6}, {}),
]
FRAME_RESULTS = frame_results(RESULTS)
