"""Measure a detector on rendered frames and on labelled frames of real videos: `python -m training.evaluate`.

Average precision is Ultralytics' own (101 points, IoU 0.5). Precision, recall and false alarms are those of the
confidence at which a worker runs the detector.
"""

# ruff: noqa: PLC0415 - what only looks at labels loads no model library

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.measuring import command_line, save, show_table
from job_worker.detection.base import DEFAULT_IOU
from job_worker.detection.bundled_detector import BUNDLED_CHECKPOINT, BUNDLED_CONFIDENCE, bundled_image_size
from job_worker.detection.image_size import ImageSize
from training.arguments import folder_with
from training.boxes import CLASSES, LabelledBox, overlap_of_union
from training.labelled import LabelledFrame, real_frames, rendered_frames
from training.photographs import SOURCES

MIN_CONFIDENCE = 0.001
"""Average precision needs all detections."""

NEAR_HALF = 0.05
"""How far from 0.5 confidences are for the share that is right to be counted."""

IOU = 0.5
"""Two boxes whose overlap over union is at least this are at the same place."""

STILLS = {"photographs": "validate", "calibration": "calibrate"}
"""The reports on photographs: those that nothing was fitted to, and those that confidences were."""

Found = tuple[LabelledBox, float]
"""A box and its confidence."""

Find = Callable[[LabelledFrame], list[Found]]
"""Finds boxes in a frame, the one with the highest confidence first."""


def evaluate(find: Find, frames: Iterable[LabelledFrame]) -> dict[str, Any]:
    """Run the detector on the frames and compare.

    Returns:
        The number of frames, `map50`, for every class that is there `ap50`, `precision`, `recall`, `labelled` and how
        many of those `near_half` are right, and `false_alarms` on frames that show none of the classes.
    """
    answers: list[tuple[Found, bool]] = []
    labelled: Counter[str] = Counter()
    alarms: list[int] = []
    count = 0
    for count, frame in enumerate(frames, start=1):  # noqa: B007 (used below)
        judged = judge(find, frame)
        answers += judged
        labelled.update(box.label for box in frame.boxes)
        alarms += [sum(confidence >= BUNDLED_CONFIDENCE for (_, confidence), _ in judged)] if frame.is_empty else []
    classes = _average_precisions(answers, labelled)
    accepted = [(box.label, hit) for (box, confidence), hit in answers if confidence >= BUNDLED_CONFIDENCE]
    for name in (name for name in CLASSES if name in labelled):
        hits = [hit for label, hit in accepted if label == name]
        classes.setdefault(name, {"ap50": 0.0}).update(
            precision=round(sum(hits) / len(hits), 3) if hits else 0.0,
            recall=round(sum(hits) / labelled[name], 3),
            labelled=labelled[name],
            near_half=_near_half(answers, name),
        )
    return {
        "frames": count,
        "map50": round(float(np.mean([entry["ap50"] for entry in classes.values()])), 3) if classes else 0.0,
        "classes": classes,
        "false_alarms": {"frames": len(alarms), "per_frame": round(float(np.mean(alarms)), 3) if alarms else 0.0},
    }


def judge(find: Find, frame: LabelledFrame) -> list[tuple[Found, bool]]:
    """Return what is found in a frame, and of each whether it is right; without what does not count."""
    found = [(box, confidence) for box, confidence in find(frame) if not _is_ignored(box, frame)]
    return list(zip(found, _matched(found, frame.boxes), strict=True))


def _near_half(answers: list[tuple[Found, bool]], name: str) -> str:
    """Return how many of the detections of a class with a confidence of 0.45 to 0.55 are right, as `3 of 5`."""
    hits = [hit for (box, confidence), hit in answers if box.label == name and abs(confidence - 0.5) <= NEAR_HALF]
    return f"{sum(hits)} of {len(hits)}"


def _average_precisions(answers: list[tuple[Found, bool]], labelled: Counter[str]) -> dict[str, dict[str, Any]]:
    """Return `ap50` of the classes, as Ultralytics computes it."""
    if not answers:
        return {}
    from ultralytics.utils.metrics import ap_per_class

    hits = np.array([hit for _, hit in answers])[:, None]
    confidences = np.array([confidence for (_, confidence), _ in answers])
    predicted = np.array([CLASSES.index(box.label) for (box, _), _ in answers])
    truth = np.array([CLASSES.index(label) for label in labelled.elements()])
    result = ap_per_class(hits, confidences, predicted, truth)
    averages = zip(result[6].tolist(), result[5][:, 0].tolist(), strict=True)
    return {CLASSES[number]: {"ap50": round(average, 3)} for number, average in averages}


class Finder:
    """Runs weights by way of Ultralytics."""

    def __init__(self, weights: Path, image_size: ImageSize, device: str) -> None:
        from ultralytics.models.yolo import YOLO

        self._model = YOLO(str(weights), task="detect")
        self._image_size = image_size
        self._settings: dict[str, Any] = {"device": device, "conf": MIN_CONFIDENCE, "iou": DEFAULT_IOU}

    def __call__(self, frame: LabelledFrame) -> list[Found]:
        """Return what is found, the highest confidence first."""
        side = self._image_size.of(*frame.image.shape[:2])
        (result,) = cast("list[Any]", self._model.predict(frame.image, imgsz=side, verbose=False, **self._settings))
        rows = result.boxes.data.cpu().numpy().tolist()
        return sorted(
            ((LabelledBox(CLASSES[int(row[5])], *row[:4]), row[4]) for row in rows), key=lambda found: -found[1]
        )


def _is_ignored(box: LabelledBox, frame: LabelledFrame) -> bool:
    return any(area.label in ("", box.label) and box.overlap(area) > 0.5 * box.area for area in frame.ignored)


def _matched(found: list[Found], truth: list[LabelledBox]) -> list[bool]:
    """Return which of the boxes found match one of the truth that none with a higher confidence matches."""
    free = list(truth)
    hits = []
    for box, _ in found:
        near = [other for other in free if other.label == box.label and overlap_of_union(box, other) >= IOU]
        if near:
            free.remove(max(near, key=partial(overlap_of_union, box)))
        hits.append(bool(near))
    return hits


def show(title: str, report: dict[str, Any]) -> None:
    """Print one report as a table."""
    rows = [{"class": name, **measured} for name, measured in report["classes"].items()]
    show_table(f"{title}: {report['frames']} frames, mAP50 {report['map50']:.3f}", rows)
    alarms = report["false_alarms"]
    print(f"false alarms: {alarms['per_frame']} a frame on {alarms['frames']} frames that show no class")


def main() -> None:
    """Run the command."""
    parser = command_line(__doc__)
    parser.add_argument("--weights", type=Path, default=BUNDLED_CHECKPOINT)
    dataset = folder_with("images/test/*.jpg")
    parser.add_argument("--dataset", type=dataset, help="a dataset; its parts test, validate and calibrate are used")
    videos = folder_with("*.mp4")
    parser.add_argument("--videos", type=videos, help="the folder with the videos of labels/real_frames.json")
    parser.add_argument("--imgsz", type=int, help="the longer side of all images; by default as a worker chooses it")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="save the numbers to this JSON file")
    given = parser.parse_args()
    if not (given.dataset or given.videos):
        parser.error("nothing to measure on: --dataset or --videos is required")
    image_size = ImageSize.fixed(given.imgsz) if given.imgsz else bundled_image_size()
    find = Finder(given.weights, image_size, given.device)
    report = {}
    if given.dataset:
        report["rendered"] = evaluate(find, rendered_frames(given.dataset))
        for name, part in STILLS.items():
            stills = list(rendered_frames(given.dataset, part))
            for source in SOURCES if stills else ():
                report[f"{name}_{source}"] = evaluate(find, (one for one in stills if one.name.startswith(source)))
    if given.videos:
        report["real"] = evaluate(find, real_frames(given.videos))
    for title, measured in report.items():
        show(title, measured)
    if given.out:
        save(given.out, report)


if __name__ == "__main__":
    main()
