"""Small videos with known images go in; the same images must come out, upright, in order and in time."""

import gc
import logging
import os
import resource
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import av
import numpy as np
import pytest

from shared.video import diagnosis
from shared.video.errors import VideoError
from shared.video.frame import Frame
from shared.video.image import Image
from shared.video.reader import ReaderLimits, VideoReader
from shared.video.timestamps import Timestamps

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.thorough]

H264 = {"x264-params": "log-level=none:keyint=30:scenecut=0"}
EVERY_FRAME_ALONE = {"x264-params": "log-level=none:keyint=1"}
MILLISECOND = Fraction(1, 1000)


@pytest.fixture(autouse=True)
def ordinary_priority() -> Iterator[None]:
    """Take back the real-time priority that SVT-AV1 gives whoever encodes with it as root, for good."""
    yield
    if hasattr(os, "sched_setscheduler"):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def gray(level: int, width: int = 64, height: int = 32) -> Image:
    return np.full((height, width, 3), level, np.uint8)


def quadrants() -> Image:
    """Four levels of gray, so that each of the eight orientations looks different."""
    return np.kron(np.array([[40, 90], [140, 220]], np.uint8), np.ones((32, 64), np.uint8))[..., None].repeat(3, axis=2)


def encode(
    path: Path,
    images: Iterable[Image],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times_ms: Iterable[int] | None = None,
    options: Mapping[str, str] = H264,
    muxer: Mapping[str, str] | None = None,
    orientation: Mapping[str, Any] | None = None,
    matrix: list[int] | None = None,
    container: str = "mp4",
    title: str = "",
) -> Path:
    images = list(images)
    with av.open(str(path), "w", format=container, options=dict(muxer or {})) as output:
        output.metadata.update({"title": title} if title else {})
        stream = output.add_stream(codec, rate=10, options=dict(options if codec == "libx264" else {}))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = MILLISECOND
        if orientation:
            stream.set_display_rotation(**orientation)
        if matrix:
            stream.set_display_matrix(matrix)
        for image, time_ms in zip(images, times_ms or range(0, 100 * len(images), 100), strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = time_ms, MILLISECOND
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def encode_two_sizes(path: Path, codec: str, first: Image, second: Image, options: Mapping[str, str]) -> Path:
    """Two frames a size, each size with an encoder of its own, in one track."""
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream(codec, rate=10, options=dict(options))
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        other = av.CodecContext.create(codec, "w")
        other.height, other.width = second.shape[:2]
        other.pix_fmt, other.time_base, other.options = "yuv420p", Fraction(1, 10), dict(options)
        for encoder, image, start in ((stream.codec_context, first, 0), (other, second, 2)):
            for packet in [*encode_packets(encoder, image, start), *encoder.encode(None)]:
                packet.stream = stream
                output.mux(packet)
    return path


def encode_packets(encoder: Any, image: Image, start: int) -> list[Any]:
    packets = []
    for pts in (start, start + 1):
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = pts, Fraction(1, 10)
        packets += encoder.encode(frame)
    return packets


def encode_audio(path: Path, *, cover: bool) -> Path:
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=8000, layout="mono")
        art = output.add_stream("mjpeg", rate=1) if cover else None
        if art:
            art.width, art.height, art.pix_fmt = 64, 32, "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic
            output.mux(art.encode(av.VideoFrame.from_ndarray(gray(90), format="bgr24")))
            output.mux(art.encode(None))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        output.mux(stream.encode(sound))
        output.mux(stream.encode(None))
    return path


def encode_film(path: Path) -> Path:
    """Twelve seconds, one frame in each and sound between them, so that each frame lies in a chunk of its own."""
    with av.open(str(path), "w", format="mp4") as output:
        video = output.add_stream("libx264", rate=1, options=EVERY_FRAME_ALONE)
        video.width, video.height, video.pix_fmt = 64, 32, "yuv420p"
        audio = output.add_stream("aac", rate=8_000, layout="mono")
        for number in range(12):
            output.mux(video.encode(av.VideoFrame.from_ndarray(gray(20 * number), format="bgr24")))
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
            sound.sample_rate = 8_000
            output.mux(audio.encode(sound))
        output.mux([*video.encode(None), *audio.encode(None)])
    return path


def samples(path: Path) -> list[tuple[int, int]]:
    """Where each frame lies in the file: `(start, size)`."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.pos]


def chunk_offsets(path: Path, track: int) -> list[int]:
    """Where the index says where each chunk of a track lies."""
    content = path.read_bytes()
    table = -1
    for _ in range(track + 1):
        table = content.index(b"stco", table + 1)
    (count,) = struct.unpack(">I", content[table + 8 : table + 12])
    return [table + 12 + 4 * number for number in range(count)]


def overwrite(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def read(path: Path, **limits: int) -> list[Frame]:
    return list(VideoReader(path, ReaderLimits(**limits)))


def refusal(path: Path, **limits: int) -> str:
    with pytest.raises(VideoError) as caught:
        read(path, **limits)
    message = str(caught.value)
    assert "Errno" not in message
    assert str(path.parent) not in message
    return message


def repeat_packets(
    source: Path, target: Path, times: int, *, size_bytes: int | None = None, muxer: Mapping[str, str] | None = None
) -> Path:
    """Copy a video's packets again and again, cut or filled up to a size: a video of any length without encoding it."""
    with (
        av.open(str(source)) as given,
        av.open(str(target), "w", format="mp4", options=dict(muxer or {})) as output,
    ):
        stream = output.add_stream_from_template(given.streams.video[0])
        packets = [bytes(packet) for packet in given.demux(video=0) if packet.size]
        if size_bytes is not None:
            packets = [packet[:size_bytes].ljust(size_bytes, b"\0") for packet in packets]
        for number in range(times * len(packets)):
            packet = av.Packet(packets[number % len(packets)])
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 30)
            packet.is_keyframe = number % len(packets) == 0
            output.mux(packet)
    return target


def encode_with_packets(path: Path, codec: str, packets: Iterable[bytes]) -> Path:
    """One frame of a codec, and then packets of it whose bytes were made by hand."""
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(gray(90, 64, 64), format="bgr24")
        first = [bytes(packet) for packet in [*stream.encode(frame), *stream.encode(None)]]
        for number, content in enumerate([*first, *packets]):
            packet = av.Packet(content)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 10)
            output.mux(packet)
    return path


def most_memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return encode(tmp_path / "video.mp4", (gray(20 * number) for number in range(12)))


@pytest.fixture
def independent_frames(tmp_path: Path) -> Path:
    return encode(tmp_path / "video.mp4", (gray(20 * number) for number in range(12)), options=EVERY_FRAME_ALONE)


def test_every_frame_comes_once_in_display_order(video: Path) -> None:
    frames = read(video)
    assert [frame.index for frame in frames] == list(range(12))
    assert [round(float(frame.image.mean()) / 20) for frame in frames] == list(range(12))


def test_a_still_image_of_an_hour_is_read(tmp_path: Path) -> None:
    still = encode(tmp_path / "still.mp4", [gray(90)] * 30, options=H264 | {"bf": "0"})
    hour = repeat_packets(still, tmp_path / "hour.mp4", 3600)
    sizes = [size for _, size in samples(hour)]
    assert (len(sizes), sum(sizes) / len(sizes) < 63) == (108_000, True)
    assert next(iter(VideoReader(hour))).image.shape == (32, 64, 3)


def test_an_index_that_lists_many_frames_without_data_is_refused_before_it_is_decoded(
    video: Path, tmp_path: Path
) -> None:
    false = repeat_packets(video, tmp_path / "false.mp4", 10_000)
    content = false.read_bytes()
    overwrite(false, content.index(b"stsz") + 8, struct.pack(">I", 1))  # the size of all samples
    assert len(content) > 8 * 120_000
    with pytest.raises(VideoError, match="more than 100,000 frames of less than 8 bytes"):
        VideoReader(false).format()


@pytest.mark.thorough
@pytest.mark.parametrize("index", ["", "+global_sidx"])  # with one, fragments are read as their frames are
def test_fragments_with_many_frames_without_data_are_refused_although_so_many_hide_them(
    video: Path, tmp_path: Path, index: str
) -> None:
    muxer = {"movflags": f"frag_keyframe+empty_moov{index}"}
    false = repeat_packets(video, tmp_path / "false.mp4", 10_000, size_bytes=1, muxer=muxer)
    assert false.stat().st_size > 8 * 120_000
    assert "more than 100,000 frames of less than 8 bytes" in refusal(false)


def test_fragments_whose_frames_share_their_bytes_have_few_each(tmp_path: Path) -> None:
    hundred = encode(tmp_path / "hundred.mp4", [gray(90)] * 100)
    false = repeat_packets(hundred, tmp_path / "false.mp4", 2, size_bytes=200, muxer={"movflags": "frag_keyframe"})
    content = false.read_bytes()
    fragment = content[content.index(b"moof") - 4 : content.index(b"mdat", content.index(b"moof")) - 4]
    false.write_bytes(content + 1100 * fragment)  # it states where in the file its frames lie
    assert "more than 100,000 frames of less than 8 bytes" in refusal(false)


SHOWN_AGAIN_AV1 = b"\x1a\x01\x88"
"""An open bitstream unit that shows a frame that was decoded before."""
SHOWN_AGAIN_VP9 = b"\x88" * 8 + b"\xc7" + bytes([1] * 8) + b"\xc7"
"""A superframe of eight such frames."""


def test_a_packet_may_show_a_few_frames(tmp_path: Path) -> None:
    few = encode_with_packets(tmp_path / "few.mp4", "libsvtav1", [SHOWN_AGAIN_AV1 * 16])
    assert len(read(few)) == 17


def test_a_packet_of_very_many_frames_is_refused_before_any_memory_is_taken_for_them(tmp_path: Path) -> None:
    for count in (17, 400_000):
        false = encode_with_packets(tmp_path / "false.mp4", "libsvtav1", [SHOWN_AGAIN_AV1 * count])
        before = most_memory_bytes()
        assert "one of its packets holds more than 16 frames" in refusal(false)
        assert most_memory_bytes() - before < 100e6


def test_frames_count_and_not_packets_where_a_packet_holds_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    false = encode_with_packets(tmp_path / "false.mp4", "libvpx-vp9", [SHOWN_AGAIN_VP9] * 126)
    assert len(read(false)) == 1009
    monkeypatch.setattr(diagnosis, "MANY_FRAMES", 1000)
    assert "frames of less than 8 bytes" in refusal(false)


@pytest.mark.parametrize("place", ["before the index", "in the index"])
def test_a_flood_of_boxes_hides_no_index(video: Path, place: str) -> None:
    content = video.read_bytes()
    start = content.index(b"moov") - 4 if place == "before the index" else content.index(b"trak") - 4
    size = int.from_bytes(content[content.index(b"moov") - 4 :][:4])
    flood = struct.pack(">I4s", 8, b"free") * 10_000
    padded = bytearray(content[:start] + flood + content[start:])
    if place == "in the index":
        padded[content.index(b"moov") - 4 : content.index(b"moov")] = (size + len(flood)).to_bytes(4)
    video.write_bytes(padded)
    assert "10,000 boxes" in refusal(video)


def test_a_reader_reads_the_same_again(video: Path) -> None:
    reader = VideoReader(video)
    first, second = ([frame.image.tobytes() for frame in reader] for _ in range(2))
    assert first == second


def test_no_frame_is_kept_after_its_turn(video: Path) -> None:
    gc.collect()
    gc.disable()
    try:
        list(VideoReader(video))
        left = [thing for thing in gc.get_objects() if issubclass(type(thing), av.VideoFrame)]
    finally:
        gc.enable()
    assert left == []


@pytest.mark.parametrize(("width", "height"), [(64, 32), (161, 121), (2, 2)])
@pytest.mark.parametrize("codec", ["libvpx-vp9", "libx264"])
def test_images_are_contiguous_bgr_of_any_size(tmp_path: Path, codec: str, width: int, height: int) -> None:
    blue = np.zeros((height, width, 3), np.uint8)
    blue[..., 0] = 255
    (frame,) = read(encode(tmp_path / "blue.mp4", [blue], codec=codec, pixels="yuv444p"))
    assert (frame.image.shape, frame.image.dtype) == ((height, width, 3), np.uint8)
    assert frame.image.flags.c_contiguous
    assert np.abs(frame.image.astype(int) - blue).max() < 12


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [("libx264", "yuv420p10le"), ("libx264", "yuv444p"), ("mpeg4", "yuv420p"), ("libvpx-vp9", "yuv420p")],
)
def test_pixel_formats_all_become_8_bit_bgr(tmp_path: Path, codec: str, pixels: str) -> None:
    frames = read(encode(tmp_path / "video.mp4", [gray(40), gray(200)], codec=codec, pixels=pixels))
    assert [float(frame.image.mean()) for frame in frames] == pytest.approx([40, 200], abs=3)


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize(("hflip", "vflip"), [(False, False), (True, False), (False, True)])
def test_images_come_upright(tmp_path: Path, degrees: int, hflip: bool, vflip: bool) -> None:
    stored = quadrants()
    orientation = {"degrees": degrees, "hflip": hflip, "vflip": vflip}
    (frame,) = read(encode(tmp_path / "turned.mp4", [stored], orientation=orientation))
    shown = np.rot90(stored, degrees // 90)
    shown = shown[:, ::-1] if hflip else shown[::-1] if vflip else shown
    assert frame.image.shape == shown.shape
    assert frame.image.flags.c_contiguous
    assert np.abs(frame.image.astype(int) - shown).mean() < 4


def test_decoded_frames_are_the_frames_and_how_they_are_stored(tmp_path: Path) -> None:
    path = encode(tmp_path / "turned.mp4", [quadrants()] * 2, times_ms=[0, 40], orientation={"degrees": 90})
    reader = VideoReader(path)
    for frame, decoded in zip(reader, reader.decoded_frames(), strict=True):
        assert (decoded.index, decoded.timestamp_ms) == (frame.index, frame.timestamp_ms)
        assert (decoded.stored.width, decoded.stored.height) == (128, 64)
        assert np.array_equal(decoded.image, frame.image)
        stored = decoded.stored.to_ndarray(format="bgr24")
        assert np.array_equal(decoded.orientation.as_stored(decoded.image), stored)


def test_the_format_is_that_of_the_track(video: Path) -> None:
    reader = VideoReader(video)
    found = reader.format()
    assert (found.rate, found.sample_aspect_ratio) == (10, None)
    assert [(frame.pts or 0) * found.time_base * 10 for frame in reader.decoded_frames()] == list(range(12))


def test_a_file_that_must_not_be_decoded_has_no_format(tmp_path: Path) -> None:
    path = encode(tmp_path / "image.avif", [gray(9, 64, 64)], codec="libsvtav1", container="avif")
    with pytest.raises(VideoError, match="image"):
        VideoReader(path).format()


def test_a_meaningless_display_matrix_turns_nothing(tmp_path: Path) -> None:
    (frame,) = read(encode(tmp_path / "video.mp4", [quadrants()], matrix=[0] * 9))
    assert frame.image.shape == (64, 128, 3)


def test_a_start_at_ten_seconds_stays_at_ten_seconds(tmp_path: Path) -> None:
    path = encode(tmp_path / "late.mp4", [gray(0)] * 3, times_ms=[10_000, 10_100, 10_200])
    assert [frame.timestamp_ms for frame in read(path)] == [10_000.0, 10_100.0, 10_200.0]


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 33, 67, 400, 401, 2_500]
    path = encode(tmp_path / "vfr.mp4", [gray(9)] * 6, times_ms=times)
    assert [frame.timestamp_ms for frame in read(path)] == pytest.approx(times, abs=0.1)


GROUPS = "log-level=none:keyint=10:min-keyint=10:scenecut=0:bframes=3"


def moving(count: int) -> list[Image]:
    """Return images that differ from each other, and of which none can be told from its neighbours alone."""
    noise = np.random.default_rng(1).integers(0, 255, (32, 64, 3), dtype=np.uint8)
    return [np.roll(noise, 3 * number, axis=1) for number in range(count)]


@pytest.mark.parametrize(
    "made",
    [
        {"options": {"x264-params": GROUPS}},
        {"options": {"x264-params": f"{GROUPS}:open-gop=1"}},
        {"options": {"x264-params": GROUPS}, "times_ms": [10_000 + 7 * number**2 for number in range(60)]},
        {"options": {"x264-params": GROUPS}, "muxer": {"movflags": "frag_keyframe+empty_moov"}},
        {"codec": "libx265"},
        {"codec": "mpeg4", "orientation": {"degrees": 90}},
    ],
    ids=["groups", "open groups", "late, other distances", "fragments", "hevc", "turned"],
)
def test_some_frames_are_what_they_are_among_all(tmp_path: Path, made: dict[str, Any]) -> None:
    path = encode(tmp_path / "video.mp4", moving(60), **made)
    every = read(path)
    some = list(VideoReader(path).some_frames([48, 9, 10, 31, 48], [frame.timestamp_ms for frame in every]))
    assert [frame.index for frame in some] == [0, 9, 10, 31, 48, 59]
    for frame in some:
        assert frame.timestamp_ms == every[frame.index].timestamp_ms
        assert np.array_equal(frame.image, every[frame.index].image)


def test_an_edit_list_moves_some_frames_as_it_moves_all(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    source = encode(tmp_path / "video.mp4", moving(60), options={"x264-params": GROUPS})
    with av.open(str(source)) as given, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream, packet.pts, packet.dts = stream, packet.pts - 500, packet.dts - 500
                output.mux(packet)
    every = read(path)
    assert len(every) < 60
    some = list(VideoReader(path).some_frames([2, 33], [frame.timestamp_ms for frame in every]))
    assert [frame.index for frame in some] == [0, 2, 33, len(every) - 1]
    assert all(np.array_equal(frame.image, every[frame.index].image) for frame in some)


def test_what_is_between_some_frames_is_not_decoded(tmp_path: Path) -> None:
    path = encode(tmp_path / "video.mp4", moving(600), options={"x264-params": GROUPS})
    times = [frame.timestamp_ms for frame in read(path)]
    for start, size in samples(path)[40:260] + samples(path)[320:560]:
        overwrite(path, start, bytes(size))
    reader = VideoReader(path)
    assert [frame.index for frame in reader.some_frames([305], times)] == [0, 305, 599]
    assert reader.damaged_packets == 0


@pytest.mark.parametrize(
    "times",
    [
        [100.0 * number for number in range(11)],
        [100.0 * number for number in range(13)],
        [101.0 * number for number in range(12)],
        [0.0, 0.0, *(100.0 * number for number in range(2, 12))],
    ],
    ids=["too few", "too many", "other times", "equal times"],
)
def test_some_frames_are_none_of_another_video(video: Path, times: list[float]) -> None:
    with pytest.raises(VideoError, match="cannot be found by these times"):
        list(VideoReader(video).some_frames([5], times))


def test_timestamps_are_rounded_to_a_tenth() -> None:
    timestamps = Timestamps(Fraction(1, 30_000), None)
    assert [timestamps.next_ms(pts) for pts in (1001, 2002)] == [33.4, 66.7]


def test_timestamps_never_decrease_and_are_estimated_where_missing() -> None:
    timestamps = Timestamps(MILLISECOND, Fraction(25))
    times = [timestamps.next_ms(pts) for pts in (None, 100, 50, None, 180)]
    assert times == [0.0, 100.0, 100.0, 140.0, 180.0]


def test_a_track_without_any_time_still_gets_times() -> None:
    timestamps = Timestamps(None, None)
    assert [timestamps.next_ms(pts) for pts in (7, None)] == [0.0, 40.0]


def test_a_size_that_changes_midway_is_followed(tmp_path: Path) -> None:
    path = encode_two_sizes(
        tmp_path / "video.mp4", "libvpx-vp9", gray(50), gray(200, 128, 96), {"deadline": "realtime"}
    )
    assert [frame.image.shape[:2] for frame in read(path)] == [(32, 64), (32, 64), (96, 128), (96, 128)]


def test_a_cut_off_video_gives_the_frames_that_are_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = encode(
        tmp_path / "video.mp4",
        (gray(20 * number) for number in range(12)),
        options=EVERY_FRAME_ALONE,
        muxer={"movflags": "faststart"},
    )
    seventh_start, _ = samples(path)[7]
    path.write_bytes(path.read_bytes()[:seventh_start])
    reader = VideoReader(path)
    with caplog.at_level(logging.WARNING):
        frames = list(reader)
    assert (len(frames), reader.damaged_packets) == (7, 5)
    (record,) = caplog.records
    assert (record.getMessage(), record.damaged_packets, record.frames) == ("video damaged", 5, 7)


def test_frames_after_a_damaged_one_still_come(independent_frames: Path) -> None:
    for start, size in samples(independent_frames)[3:5]:
        overwrite(independent_frames, start, bytes(size))
    reader = VideoReader(independent_frames)
    levels = [round(float(frame.image.mean()) / 20) for frame in reader]
    assert levels == [0, 1, 2, 5, 6, 7, 8, 9, 10, 11]
    assert reader.damaged_packets == 2


def test_the_count_of_damaged_packets_starts_anew(independent_frames: Path) -> None:
    start, size = samples(independent_frames)[3]
    overwrite(independent_frames, start, bytes(size))
    reader = VideoReader(independent_frames)
    assert [(len(list(reader)), reader.damaged_packets) for _ in range(2)] == [(11, 1)] * 2


def test_a_gap_in_the_data_loses_only_its_own_frames(tmp_path: Path) -> None:
    path = encode_film(tmp_path / "film.mp4")
    offsets = chunk_offsets(path, track=0)
    overwrite(path, offsets[2], struct.pack(">I", 0x7FFF_0000))
    reader = VideoReader(path)
    assert (len(list(reader)), reader.damaged_packets) == (11, 1)


def test_a_sample_that_the_demuxer_cannot_pass_leaves_what_was_before_it(tmp_path: Path) -> None:
    path = encode_film(tmp_path / "film.mp4")
    sizes = path.read_bytes().index(b"stsz") + 16
    overwrite(path, sizes + 4 * 2, struct.pack(">I", 0x2D00_0000))
    reader = VideoReader(path)
    assert (len(list(reader)), reader.damaged_packets) == (2, 10)


def test_missing_sound_costs_no_frame(tmp_path: Path) -> None:
    path = encode_film(tmp_path / "film.mp4")
    for offset in chunk_offsets(path, track=1):
        overwrite(path, offset, struct.pack(">I", 0x7FFF_0000))
    reader = VideoReader(path, ReaderLimits(max_gaps=2))
    assert (len(list(reader)), reader.damaged_packets) == (12, 0)


def test_gaps_without_end_come_to_an_end(tmp_path: Path) -> None:
    path = encode_film(tmp_path / "film.mp4")
    for offset in chunk_offsets(path, track=0)[2:10]:
        overwrite(path, offset, struct.pack(">I", 0x7FFF_0000))
    reader = VideoReader(path, ReaderLimits(max_gaps=3))
    assert (len(list(reader)), reader.damaged_packets) == (2, 10)


def test_a_frame_that_cannot_be_converted_counts_as_damaged(video: Path) -> None:
    def convert(*args: object, **kwargs: object) -> NoReturn:
        raise av.error.ArgumentError(22, "unsupported")

    reader = VideoReader(video, convert=convert)
    with pytest.raises(VideoError):
        list(reader)
    assert reader.damaged_packets == 12


def test_a_sound_video_is_not_called_damaged(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    reader = VideoReader(video)
    with caplog.at_level(logging.WARNING):
        list(reader)
    assert (reader.damaged_packets, caplog.records) == (0, [])


def test_a_video_whose_data_is_all_lost_fails(video: Path) -> None:
    content = video.read_bytes()
    start, end = content.index(b"mdat") + 4, content.index(b"moov") - 4
    video.write_bytes(content[:start] + bytes(end - start) + content[end:])
    assert "no image in it can be decoded" in refusal(video)


def test_an_empty_sample_does_not_end_the_video(independent_frames: Path) -> None:
    content = bytearray(independent_frames.read_bytes())
    sizes = content.index(b"stsz") + 16
    # The third sample takes no byte of its own, and what were its bytes now lie before those of the second.
    content[sizes + 4 : sizes + 12] = struct.pack(">II", sum(size for _, size in samples(independent_frames)[1:3]), 0)
    independent_frames.write_bytes(content)
    assert len(read(independent_frames)) == 11


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see what is open")
def test_the_file_is_closed_when_the_consumer_stops_early(video: Path) -> None:
    def is_open() -> bool:
        descriptors = Path("/proc/self/fd").iterdir()
        return any(os.path.realpath(descriptor) == str(video.resolve()) for descriptor in descriptors)

    frames = iter(VideoReader(video))
    next(frames)
    assert is_open()
    frames.close()  # type: ignore[attr-defined]
    gc.collect()
    assert not is_open()


def test_a_declared_size_above_the_limit_is_refused_by_name(video: Path) -> None:
    message = refusal(video, max_frame_pixels=64 * 32 - 1)
    assert "64x32" in message
    assert "2047" in message
    assert "max_frame_pixels" in message
    assert len(read(video, max_frame_pixels=64 * 32)) == 12


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_size_far_above_the_limit_is_refused_by_name(tmp_path: Path, codec: str) -> None:
    path = encode(tmp_path / "video.mp4", [gray(9, 3008, 2000)], codec=codec)
    assert "3008x2000" in refusal(path, max_frame_pixels=5000)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (3008, 2000)])
def test_a_size_above_the_limit_behind_a_small_declaration_is_refused(tmp_path: Path, width: int, height: int) -> None:
    path = encode(tmp_path / "liar.mp4", [gray(9, width, height)])
    declaration, lie = struct.pack(">HH", width, height), struct.pack(">HH", 16, 16)
    path.write_bytes(path.read_bytes().replace(declaration, lie))
    assert f"{width}x{height}" in refusal(path, max_frame_pixels=1000)


@pytest.mark.parametrize(
    ("codec", "options", "far_above"),
    [
        ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}, "an impossible size or one above the limit"),
        ("mpeg4", {}, "an impossible size or one above the limit"),
        ("libsvtav1", {"preset": "13"}, "an impossible size or one above the limit"),
        ("libx264", EVERY_FRAME_ALONE, "3008x2000, above the limit"),
    ],
)
def test_a_size_that_passes_the_limit_midway_is_refused(
    tmp_path: Path, codec: str, options: dict[str, str], far_above: str
) -> None:
    for width, height, reason in ((128, 96, "128x96, above the limit"), (3008, 2000, far_above)):
        path = encode_two_sizes(tmp_path / "video.mp4", codec, gray(50, 64, 64), gray(200, width, height), options)
        assert len(read(path)) == 4
        frames = iter(VideoReader(path, ReaderLimits(max_frame_pixels=5000)))
        assert [next(frames).index, next(frames).index] == [0, 1]
        with pytest.raises(VideoError, match=reason):
            next(frames)


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    assert "only audio" in refusal(encode_audio(tmp_path / "song.mp4", cover=True))


def test_audio_is_no_video(tmp_path: Path) -> None:
    assert "only audio" in refusal(encode_audio(tmp_path / "song.mp4", cover=False))


def test_an_encrypted_video_is_refused(tmp_path: Path) -> None:
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "76" * 16, "encryption_kid": "a7" * 16}
    # Raw images, for their noise would decode.
    path = encode(tmp_path / "video.mov", [gray(9)] * 3, codec="rawvideo", pixels="uyvy422", container="mov", muxer=key)
    assert "encrypted" in refusal(path)


@pytest.mark.parametrize("count", [1, 3])
def test_an_image_is_refused(tmp_path: Path, count: int) -> None:
    path = encode(tmp_path / "image.avif", [gray(9, 64, 64)] * count, codec="libsvtav1", container="avif")
    assert "image" in refusal(path)


def test_an_initialisation_segment_is_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "video.mp4", [gray(9)] * 3, muxer={"movflags": "frag_keyframe+empty_moov"})
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moof") - 4])
    assert "initialisation segment" in refusal(path)


def test_a_video_without_its_index_is_refused(video: Path) -> None:
    video.write_bytes(video.read_bytes()[:-200])
    assert "cut off" in refusal(video)


@pytest.mark.parametrize(("content", "reason"), [(b"", "empty"), (b"hello, my ftyp", "not an MP4")])
def test_what_is_no_video_at_all_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    assert reason in refusal(path)


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\n#ftyp\nfile 'video.mp4'\n",
        "#EXTM3U\n#ftyp\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nvideo.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_never_opens_another_file(video: Path, script: str) -> None:
    playlist = video.with_name("playlist.mp4")
    playlist.write_text(script)
    assert "not an MP4" in refusal(playlist)


def test_nothing_but_the_file_itself_may_be_opened(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: dict[str, Any] = {}
    real_open = av.open
    monkeypatch.setattr(av, "open", lambda *args, **kwargs: real_open(*args, **(passed.update(kwargs) or kwargs)))
    read(video)
    assert {"protocol_whitelist": "file", "enable_drefs": "0"}.items() <= passed["options"].items()


def test_metadata_in_an_unknown_encoding_does_not_matter(tmp_path: Path) -> None:
    path = encode(tmp_path / "video.mp4", [gray(9)], title="title")
    path.write_bytes(path.read_bytes().replace(b"title", b"\xff\xfe\xfd\xff\xff"))
    assert len(read(path)) == 1


def test_a_missing_file_is_not_the_fault_of_the_video(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent.mp4")
