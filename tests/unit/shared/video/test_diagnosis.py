"""Files made box by box: the outline survives all of them, and the reason it gives is the right one."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.video import diagnosis
from shared.video.diagnosis import Outline, Track, explain_no_frames, outline

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.thorough]

FTYP = b"\0\0\0\x10ftypisom\0\0\2\0"


def box(kind: str, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def sample_entry(kind: str, width: int = 0, height: int = 0) -> bytes:
    return box(kind, bytes(24), struct.pack(">HH", width, height), bytes(50))


def trak(handler: str, *entries: bytes, samples: int = 0, sizes: str = "stsz") -> bytes:
    stsd = box("stsd", struct.pack(">II", 0, len(entries)), *entries)
    stsz = box(sizes, struct.pack(">III", 0, 0, samples))
    hdlr = box("hdlr", bytes(8), handler.encode(), bytes(13))
    return box("trak", box("tkhd", bytes(84)), box("mdia", hdlr, box("minf", box("stbl", stsd, stsz))))


VIDEO = trak("vide", sample_entry("avc1", 640, 480), samples=3)
AUDIO = trak("soun", sample_entry("mp4a", 7, 7), samples=9)
MDAT = box("mdat", bytes(100))


def outline_of(tmp_path: Path, content: bytes) -> Outline:
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    return outline(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"once upon a time there was an ftyp", "not an MP4 file"),
        (FTYP, "cut off: its index (moov box) is missing"),
        (FTYP + MDAT[:50], "cut off: its index (moov box) is missing"),
        (FTYP + box("moov", VIDEO)[:-40], "cut off inside its index"),
        (box("styp", bytes(8)) + box("moof") + MDAT, "later segment of a video"),
        (box("styp", bytes(8)) + box("meta", bytes(40)) + box("moof") + MDAT, "later segment of a video"),
        (FTYP + box("meta", bytes(40)) + MDAT, "image"),
        (FTYP + box("meta", bytes(40)) + box("moov", trak("pict", sample_entry("av01"), samples=4)), "image"),
        (FTYP + box("meta", bytes(40)) + box("moov", AUDIO) + MDAT, "only audio"),
        (FTYP + box("moov", AUDIO) + MDAT, "no video track, only audio"),
        (FTYP + box("moov", trak("text", sample_entry("tx3g"))) + MDAT, "no video track"),
        (FTYP + box("moov", trak("vide", sample_entry("encv"), samples=3)) + MDAT, "encrypted"),
        (FTYP + box("moov", trak("vide", sample_entry("drmi"), samples=3)) + MDAT, "encrypted"),
        (FTYP + box("moov", trak("vide", sample_entry("avc1")), box("mvex")), "initialisation segment"),
        (FTYP + box("moov", trak("vide", sample_entry("avc1"), samples=3, sizes="stz2")), "frames that it points to"),
        (FTYP + box("moov", VIDEO), "frames that it points to are missing"),
        (FTYP + box("moov", VIDEO) + MDAT, "format (avc1) is not supported"),
    ],
)
def test_the_reason_is_named_in_plain_words(tmp_path: Path, content: bytes, reason: str) -> None:
    assert reason in explain_no_frames(outline_of(tmp_path, content))


def test_tracks_are_read_in_their_order(tmp_path: Path) -> None:
    found = outline_of(tmp_path, FTYP + MDAT + box("moov", AUDIO, VIDEO))
    assert found.tracks == (Track("soun", ("mp4a",), 0, 0, 9), Track("vide", ("avc1",), 640, 480, 3))


def test_only_the_first_video_track_decides_about_encryption(tmp_path: Path) -> None:
    encrypted = trak("vide", sample_entry("encv"), samples=3)
    assert not outline_of(tmp_path, FTYP + box("moov", VIDEO, encrypted)).is_encrypted
    assert outline_of(tmp_path, FTYP + box("moov", encrypted, VIDEO)).is_encrypted


def test_the_first_of_two_indexes_counts(tmp_path: Path) -> None:
    assert len(outline_of(tmp_path, FTYP + box("moov", VIDEO, AUDIO) + box("moov")).tracks) == 2


TOO_MANY = box("stsz", struct.pack(">III", 0, 1, 80_000_000))


def sound(samples: int, duration: int) -> bytes:
    stts = box("stts", struct.pack(">IIII", 0, 1, samples, duration))
    stsz = box("stsz", struct.pack(">III", 0, 1, samples))
    return box("trak", box("mdia", box("hdlr", bytes(8), b"soun"), box("minf", box("stbl", stts, stsz))))


def fragment(*samples: int) -> bytes:
    runs = [box("trun", struct.pack(">II", 0, count)) for count in samples]
    return box("moof", box("mfhd", bytes(8)), box("traf", box("tfhd", bytes(8)), *runs))


@pytest.mark.parametrize(
    ("content", "lists_too_much"),
    [
        (box("moov", VIDEO, AUDIO), False),
        (box("moov", trak("vide", sample_entry("avc1"), samples=80_000_000)), True),
        (box("moov", VIDEO, trak("text", samples=80_000_000)), True),
        (box("moov", VIDEO, box("trak", box("mdia", TOO_MANY))), True),
        (box("moov", VIDEO) + box("trak", box("mdia", TOO_MANY)), True),
        (box("moov", VIDEO, sound(samples=80_000_000, duration=1)), False),
        (box("moov", VIDEO, sound(samples=80_000_000, duration=2)), True),
        (box("moov", VIDEO) + fragment(5, 5) + fragment(5), False),
        (box("moov", VIDEO) + fragment(5, 5) + fragment(5, 80_000_000), True),
    ],
)
def test_more_samples_than_bytes_are_too_much(tmp_path: Path, content: bytes, lists_too_much: bool) -> None:
    found = outline_of(tmp_path, FTYP + content + MDAT)
    assert found.lists_too_much is lists_too_much
    assert ("more samples than the file has bytes" in explain_no_frames(found)) is lists_too_much


@pytest.mark.parametrize(
    ("frames", "size_bytes", "lists_empty_frames"),
    [(100_001, 800_007, True), (100_001, 800_008, False), (100_000, 799_999, False)],
)
def test_many_frames_in_a_small_file_are_no_video(
    tmp_path: Path, frames: int, size_bytes: int, lists_empty_frames: bool
) -> None:
    content = FTYP + box("moov", trak("vide", sample_entry("avc1"), samples=frames))
    found = outline_of(tmp_path, content.ljust(size_bytes, b"\0"))
    assert found.lists_empty_frames is lists_empty_frames
    assert ("100,000 frames of less than 8 bytes" in explain_no_frames(found)) is lists_empty_frames


FLOOD = box("free") * diagnosis.MAX_BOXES


@pytest.mark.parametrize(
    ("content", "has_hidden_index"),
    [
        (FLOOD + box("moov", VIDEO), True),
        (box("moov", FLOOD, VIDEO), True),
        (box("moov", box("trak", FLOOD, VIDEO)), True),
        (box("moov", VIDEO) + FLOOD, False),  # as a long video's fragments are
        (FLOOD[: len(FLOOD) // 2] + box("moov", VIDEO), False),
    ],
)
def test_an_index_is_not_hidden_by_boxes(tmp_path: Path, content: bytes, has_hidden_index: bool) -> None:
    found = outline_of(tmp_path, FTYP + content + MDAT)
    assert found.has_hidden_index is has_hidden_index
    assert ("malformed: it holds, or comes after, 10,000 boxes" in explain_no_frames(found)) is has_hidden_index


def test_a_long_box_size_is_understood(tmp_path: Path) -> None:
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + bytes(5)
    assert outline_of(tmp_path, FTYP + large + box("moov", VIDEO)).boxes == {"ftyp", "mdat", "moov"}


def test_a_box_of_size_zero_reaches_to_the_end(tmp_path: Path) -> None:
    endless = struct.pack(">I4s", 0, b"moov") + VIDEO
    found = outline_of(tmp_path, FTYP + endless)
    assert (len(found.tracks), found.index_cut_off) == (1, False)


@pytest.mark.parametrize("size", [2**63 - 1, 2**63, 2**64 - 1])
def test_a_size_beyond_any_disk_ends_the_walk(tmp_path: Path, size: int) -> None:
    inside = struct.pack(">I4sQ", 1, b"trak", size - 99)
    index = struct.pack(">I4sQ", 1, b"moov", size)
    assert outline_of(tmp_path, FTYP + index + inside + b"rest").index_cut_off


@pytest.mark.parametrize("size", [2, 7])
def test_a_size_smaller_than_its_own_header_ends_the_walk(tmp_path: Path, size: int) -> None:
    assert outline_of(tmp_path, FTYP + struct.pack(">I4s", size, b"mdat")).boxes == {"ftyp"}


def test_no_more_headers_are_read_than_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0

    class CountingFile(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal reads
            reads += 1
            return super().read(size)

    flood = box("free") * 3 * diagnosis.MAX_BOXES
    content = FTYP + box("moov", VIDEO, flood) + flood
    monkeypatch.setattr(Path, "open", lambda *_: CountingFile(content))
    outline(tmp_path)
    assert reads < 3.1 * diagnosis.MAX_BOXES


def test_more_fragments_than_the_bound_do_not_hide_the_index(tmp_path: Path) -> None:
    fragments = (box("moof") + box("mdat")) * diagnosis.MAX_BOXES
    assert outline_of(tmp_path, FTYP + box("moov", VIDEO) + fragments).video_tracks


def test_boxes_within_boxes_without_end_come_to_an_end(tmp_path: Path) -> None:
    nested = b"".join(struct.pack(">I4s", 1 << 30, b"mdia") for _ in range(2 * diagnosis.MAX_BOXES))
    assert outline_of(tmp_path, FTYP + box("moov", box("trak", nested))).tracks


@given(
    st.lists(
        st.sampled_from([FTYP, MDAT, VIDEO, b"moov", b"\0\0\0\1", b"\0\0\0\0", b"\xff" * 8]) | st.binary(max_size=9)
    )
)
def test_no_bytes_break_the_walk(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    found = outline_of(tmp_path_factory.getbasetemp(), b"".join(chunks))
    assert explain_no_frames(found)
