"""Packets are made unit by unit; those with more frames than a real video has in one are told from the others."""

import pytest

from shared.video.packets import MAX_FRAMES, holds_too_many_frames

pytestmark = [pytest.mark.unit, pytest.mark.worker]

DELIMITER = b"\x12\x00"
FRAMES = {
    "a frame": b"\x32\x02ab",
    "a frame header": b"\x1a\x01\x88",
    "with an extension": b"\x36\x08\x02ab",
    "with a size of two bytes": b"\x32\x82\x01" + bytes(130),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frames_count_up_to_the_limit(frame: bytes) -> None:
    most = DELIMITER + frame * MAX_FRAMES
    assert not holds_too_many_frames("av1", memoryview(most + DELIMITER))
    assert holds_too_many_frames("av1", memoryview(most + frame))
    assert holds_too_many_frames("av1", memoryview(most + b"\x30ab"))  # a last frame that states no size


def test_the_content_of_units_does_not_count() -> None:
    frames = b"\x32\x00" * 2 * MAX_FRAMES
    assert not holds_too_many_frames("av1", memoryview(b"\x2a" + bytes([len(frames)]) + frames))
    assert not holds_too_many_frames("av1", memoryview(b"\x28" + frames))
    assert not holds_too_many_frames("h264", memoryview(frames))


@pytest.mark.parametrize("packet", [b"", b"\x32", b"\x36", b"\x32\xff", b"\x32" + b"\xff" * 20])
def test_a_packet_that_ends_early_is_left_to_the_decoder(packet: bytes) -> None:
    assert not holds_too_many_frames("av1", memoryview(packet))
