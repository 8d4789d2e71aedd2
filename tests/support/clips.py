"""Short videos made of long ones, and results of videos."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import av

from shared.video.frame import Frame
from shared.video.reader import VideoReader


def head_of(video: Path, packets: int, target: Path) -> Path:
    """Copy the first packets of a video, as they are encoded, into a file of their own; return that."""
    with av.open(str(video)) as original, av.open(str(target), "w") as copy:
        track = copy.add_stream_from_template(original.streams.video[0])
        for packet in islice(original.demux(video=0), packets):
            packet.stream = track
            copy.mux(packet)
    return target


def thinned(video: Path, step: int, target: Path) -> Path:
    """Encode every so many frames of a video anew, at the same rate, into a file of their own; return that."""
    return encoded(islice(VideoReader(video), None, None, step), target)


def encoded(frames: Iterable[Frame], target: Path) -> Path:
    """Encode frames, 25 a second, into a file; return that."""
    with av.open(str(target), "w") as copy:
        track: Any = copy.add_stream("libx264", rate=25, options={"crf": "12"})
        track.pix_fmt = "yuv420p"
        for number, frame in enumerate(frames):
            if number == 0:
                track.height, track.width = frame.image.shape[:2]
            copy.mux(track.encode(av.VideoFrame.from_ndarray(frame.image, format="bgr24")))
        copy.mux(track.encode())
    return target


def empty_results(video: Path) -> list[dict[str, Any]]:
    """Return the results of a video in which nothing was found."""
    return [
        {"frame_index": frame.index, "result": {"timestamp_ms": frame.timestamp_ms}} for frame in VideoReader(video)
    ]
