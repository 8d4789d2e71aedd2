"""The annotated video keeps what the original has, frame by frame."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.audio.resampler import AudioResampler
from av.video.frame import PictureType

from job_client import JobClient
from job_client.__main__ import main
from job_client.errors import UnsuitableVideo
from job_client.media.annotation import annotate_video
from job_client.media.original import OriginalVideo
from job_client.media.writer import ENCODER_OPTIONS, VideoWriter
from shared.process.exit_codes import ExitCode
from shared.video.frame import DecodedFrame
from shared.video.reader import VideoReader
from tests.conftest import ROOT, TINY_MP4
from tests.support.clips import empty_results
from tests.support.found import frame_results
from tests.support.processes import environment
from tests.support.samples import results_document
from tests.support.waiting import eventually
from tests.support.worker_fakes import FakeRunner
from tests.support.working import working

pytestmark = pytest.mark.integration

ANNOTATED = [
    "counter_digits.mp4",
    "derived_remux_vp9_odd_dimensions.mp4",
    "derived_truncated_50pct_moov_front.mp4",
    "fragmented_basic.mp4",
    "hevc_bframes.mp4",
    "mde_ftyp3gp5.mp4",
    "one_frame_h264_white_sar_16_9.mp4",
    "quicktime_bt601.mov",
    "vfr_torchcodec.mp4",
]
"""Odd sides, damage, a late start, B-frames, rotation, pixels that are not square, colours of TV, uneven times."""


def same_results(video: Path, box: list[float]) -> list[Any]:
    """Return the results of a video in which one thing is at one place in every frame."""
    found = {"label": "thing", "class_id": 0, "confidence": 0.5, "box": box}
    return [frame | {"result": frame["result"] | {"detections": [found]}} for frame in empty_results(video)]


def write_annotated(video: Path, results: list[Any], target: Path) -> None:
    annotate_video(video, frame_results(results), target)


def audio_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        tracks = container.streams.audio
        return [bytes(packet) for packet in container.demux(*tracks) if packet.size] if tracks else []


def audio_span(path: Path) -> tuple[float, float]:
    """Return when the first and the last sound are heard."""
    with av.open(str(path)) as container:
        times = [float(frame.time) for frame in container.decode(audio=0)]
        return times[0], times[-1]


def frames_of(path: Path) -> list[DecodedFrame]:
    return list(OriginalVideo(path))


def test_a_damaged_video_is_read_without_a_message(corpus: Path) -> None:
    code = "import sys, pathlib, job_client.media.original as it; list(it.OriginalVideo(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(corpus / "derived_truncated_50pct_moov_front.mp4")]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.corpus
@pytest.mark.parametrize("name", ANNOTATED)
def test_size_times_rotation_and_sound_are_kept(name: str, corpus: Path, tmp_path: Path) -> None:
    source, copy = corpus / name, tmp_path / "out.mp4"
    write_annotated(source, empty_results(source), copy)
    for before, after in zip_longest(OriginalVideo(source), OriginalVideo(copy)):
        assert before is not None
        assert after is not None
        assert after.image.shape == before.image.shape
        assert after.orientation == before.orientation
        assert after.timestamp_ms == pytest.approx(before.timestamp_ms, abs=0.2)
    assert VideoReader(copy).format().sample_aspect_ratio in {VideoReader(source).format().sample_aspect_ratio, 1, None}
    assert audio_packets(copy) == audio_packets(source)
    if audio_packets(source):
        assert audio_span(copy) == pytest.approx(audio_span(source), abs=0.05)


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["quicktime_bt601.mov", "mde_ftyp3gp5.mp4", "counter_digits.mp4", "h264_10bit.mp4"])
def test_colours_stay_as_they_were(name: str, corpus: Path, tmp_path: Path) -> None:
    copy = tmp_path / "out.mp4"
    write_annotated(corpus / name, empty_results(corpus / name), copy)
    for before, after in zip(OriginalVideo(corpus / name), OriginalVideo(copy), strict=True):
        difference = after.image.astype(int) - before.image.astype(int)
        assert abs(difference.mean(axis=(0, 1))).max() < 3
        assert (difference**2).mean() < 100  # 28 dB
        properties = ("colorspace", "color_range", "color_primaries", "color_trc")
        for name_of in properties:
            assert getattr(after.stored, name_of) in {getattr(before.stored, name_of), 2}


@pytest.mark.parametrize("name", [pytest.param("counter_digits.mp4", marks=pytest.mark.corpus), "mde_ftyp3gp5.mp4"])
def test_what_was_found_is_drawn_where_it_is_displayed(name: str, corpus: Path, tmp_path: Path) -> None:
    source, copy = corpus / name, tmp_path / "out.mp4"
    height, width = next(iter(VideoReader(source))).image.shape[:2]
    write_annotated(source, same_results(source, [width * 0.5, height * 0.7, width * 0.9, height * 0.9]), copy)
    for before, after in zip(OriginalVideo(source), OriginalVideo(copy), strict=True):
        rows, columns = np.nonzero(cv2.absdiff(after.image, before.image).max(axis=2) > 60)
        assert width * 0.45 < columns.min()
        assert columns.max() < width * 0.95
        assert height * 0.6 < rows.min()
        assert rows.max() < height * 0.95


def decode_and_encode(source: Path, target: Path) -> None:
    """Do nothing but that, with the writer's own encoder settings."""
    with av.open(str(source)) as original, av.open(str(target), "w") as copy:
        track = original.streams.video[0]
        stream = copy.add_stream("libx264", rate=track.average_rate, options=ENCODER_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = track.width, track.height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = track.time_base
        for frame in original.decode(track):
            frame.pict_type = PictureType.NONE
            copy.mux(stream.encode(frame.reformat(format="yuv420p")))
        copy.mux(stream.encode(None))


@pytest.mark.corpus
@pytest.mark.alone
def test_it_takes_less_than_three_times_the_work_of_decoding_and_encoding(corpus: Path, tmp_path: Path) -> None:
    source = corpus / "car_num_plate_uz.mp4"
    height, width = next(iter(VideoReader(source))).image.shape[:2]
    results = empty_results(source)
    for frame in results:
        x = width * (0.1 + frame["frame_index"] % 20 / 40)
        frame["result"] |= {
            "detections": [
                {"label": "car", "class_id": number, "confidence": 0.9, "box": [x, 20.0 * number, x + 90, height * 0.8]}
                for number in range(8)
            ],
            "text_lines": [
                {
                    "text": f"01 A {number} 号",
                    "confidence": 0.9,
                    "polygon": [[x, y], [x + 90, y], [x + 90, y + 20], [x, y + 20]],
                }
                for number, y in enumerate(range(10, 50, 10))
            ],
        }
    write_annotated(TINY_MP4, empty_results(TINY_MP4), tmp_path / "first.mp4")  # loads what is loaded once

    def work(call: Callable[[], None]) -> float:
        began = time.process_time()  # of all threads; what else the machine does has no part in it
        call()
        return time.process_time() - began

    alone = work(lambda: decode_and_encode(source, tmp_path / "alone.mp4"))
    assert work(lambda: write_annotated(source, results, tmp_path / "out.mp4")) < 3 * alone


def test_sound_that_the_container_cannot_hold_is_encoded_again(tmp_path: Path, corpus: Path) -> None:
    source, copy = tmp_path / "source.mov", tmp_path / "out.mp4"
    with av.open(str(corpus / "quicktime_bt601.mov")) as original, av.open(str(source), "w") as made:
        video = made.add_stream_from_template(original.streams.video[0])
        sound = made.add_stream("pcm_mulaw", rate=8000, layout="mono")
        resampler = AudioResampler(format="s16", layout="mono", rate=8000)
        for packet in original.demux():
            if packet.stream.type == "video" and packet.dts is not None:
                packet.stream = video
                made.mux(packet)
            elif packet.stream.type == "audio":
                for frame in packet.decode():
                    for resampled in resampler.resample(frame):
                        made.mux(sound.encode(resampled))
        made.mux(sound.encode(None))
    with av.open(str(copy), "w") as probe:
        assert "pcm_mulaw" not in probe.supported_codecs
    write_annotated(source, empty_results(source), copy)
    with av.open(str(copy)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    assert audio_span(copy) == pytest.approx(audio_span(source), abs=0.2)


def test_a_video_other_than_that_of_the_results_is_refused(corpus: Path, tmp_path: Path) -> None:
    results = empty_results(TINY_MP4)
    for other, found in (
        (TINY_MP4, results[:-1]),
        (TINY_MP4, [*results, results[-1]]),
        (corpus / "fragmented_basic.mp4", results),
        (TINY_MP4, [frame | {"result": {"timestamp_ms": frame["result"]["timestamp_ms"] + 1}} for frame in results]),
    ):
        with pytest.raises(UnsuitableVideo, match="is not the video that the results are of"):
            write_annotated(other, found, tmp_path / "out.mp4")


@pytest.mark.parametrize("name", ["audio_only_aac.mp4", "derived_text_ftyp_false_accept.mp4"])
def test_a_file_without_frames_is_refused(name: str, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsuitableVideo, match=r"not an MP4 file|no video track"):
        write_annotated(corpus / name, [], tmp_path / "out.mp4")


def test_frames_at_one_time_are_all_kept(tmp_path: Path) -> None:
    copy = tmp_path / "out.mp4"
    doubled = [replace(frame, pts=frame.pts and frame.pts // 2048 * 2048) for frame in frames_of(TINY_MP4)]
    with VideoWriter(copy, TINY_MP4, OriginalVideo(TINY_MP4).format(), doubled[0]) as writer:
        for frame in doubled:
            writer.write(frame, frame.image)
    times = [frame.pts for frame in frames_of(copy)]
    assert len(times) == len(doubled)
    assert all(earlier < later for earlier, later in pairwise(times))


@pytest.fixture
def tiny_job(address: str, client: JobClient) -> str:
    """A job of TINY_MP4 that has ended."""
    results = same_results(TINY_MP4, [20.0, 100.0, 120.0, 200.0])
    with working(address, FakeRunner(lambda *_: results_document(results))):
        return client.submit(TINY_MP4).wait(20).job_id


Command = Callable[..., int]


@pytest.fixture
def annotate(tiny_job: str, address: str) -> Command:
    def command(*arguments: str | Path) -> int:
        try:
            return main(["annotate", tiny_job, "--address", address, *map(str, arguments)])
        except SystemExit as left:
            return int(left.code or 0)

    return command


def test_the_command_writes_the_annotated_video(annotate: Command, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    assert annotate("--video", TINY_MP4, "-o", target) == ExitCode.OK
    before, after = frames_of(TINY_MP4), frames_of(target)
    assert len(after) == len(before) == 12
    changed = np.abs(after[0].image.astype(int) - before[0].image.astype(int)).max(axis=2) > 60
    assert changed[100:200, 20].mean() > 0.8
    assert Fraction(VideoReader(target).format().rate) == 10


def test_the_command_names_what_is_wrong_with_its_files(
    annotate: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    folder = tmp_path / "empty"
    folder.mkdir()
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    os.mkfifo(tmp_path / "pipe.mp4")
    for arguments, words in (
        (("--video", TINY_MP4, "-o", folder / "out.gif"), "must end in .mp4 or .mov"),
        (("--video", TINY_MP4, "-o", tmp_path / "pipe.mp4"), "is no regular file"),
        (("--video", TINY_MP4, "-o", folder), "is a folder"),
        (("--video", text, "-o", folder / "out.mp4"), "this is not an MP4 file"),
        (("--video", TINY_MP4, "-o", folder / "out.mp4", "--font", text), "is no font that can be read"),
        (("--video", folder / "absent.mp4", "-o", folder / "out.mp4"), "does not exist"),
    ):
        assert annotate(*arguments) == ExitCode.USAGE
        assert words in capsys.readouterr().err
        assert list(folder.iterdir()) == []


def test_a_label_that_no_object_has_is_wrong_usage(
    annotate: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate("--video", TINY_MP4, "-o", tmp_path / "out.mp4", "--only", "zebra") == ExitCode.USAGE
    assert "no object is labelled zebra" in capsys.readouterr().err
    options = ("--min-confidence", "0.5", "--no-text", "--track-ids", "--smooth")
    assert annotate("--video", TINY_MP4, "-o", tmp_path / "out.mp4", *options) == ExitCode.OK


def test_a_label_that_an_object_has_in_few_frames_is_wrong_usage_as_nothing_is_drawn_with_it(
    address: str, client: JobClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = same_results(TINY_MP4, [20.0, 100.0, 120.0, 200.0])
    [thing] = results[3]["result"]["detections"]
    results[3]["result"]["detections"] = [thing | {"label": "truck"}]
    with working(address, FakeRunner(lambda *_: results_document(results))):
        job_id = client.submit(TINY_MP4).wait(20).job_id
    out = tmp_path / "out.mp4"
    arguments = ["annotate", job_id, "--address", address, "--video", str(TINY_MP4), "-o", str(out), "--only"]
    assert (main([*arguments, "truck"]), out.exists()) == (ExitCode.USAGE, False)
    assert "labels: thing" in capsys.readouterr().err
    assert main([*arguments, "thing"]) == ExitCode.OK


@pytest.mark.parametrize("command", ["annotate", "report"])
def test_a_command_never_replaces_the_video_that_it_reads(
    command: str, tiny_job: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = shutil.copy(TINY_MP4, tmp_path / "video.mp4")
    code = main([command, tiny_job, "--address", address, "--video", str(video), "-o", str(video)])
    assert (code, video.read_bytes()) == (ExitCode.USAGE, TINY_MP4.read_bytes())
    assert "name another file" in capsys.readouterr().err


@pytest.mark.corpus
def test_a_stop_leaves_nothing_behind(address: str, client: JobClient, tmp_path: Path, corpus: Path) -> None:
    video = corpus / "multiple_balls.mp4"
    results = empty_results(video)
    with working(address, FakeRunner(lambda *_: results_document(results))):
        job_id = client.submit(video).wait(30).job_id
    folder = tmp_path / "out"
    folder.mkdir()
    for number in (signal.SIGINT, signal.SIGTERM):
        command = ["annotate", job_id, "--address", address, "--video", str(video), "-o", str(folder / "out.mp4")]
        with subprocess.Popen([sys.executable, "-m", "job_client", *command], env=environment(), cwd=ROOT) as process:
            eventually(lambda: sum(path.stat().st_size for path in folder.iterdir()), "a part of the video")
            process.send_signal(number)
            code = process.wait(30)
        assert code == 128 + number
        assert list(folder.iterdir()) == []
