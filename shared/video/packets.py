"""Count the frames in a packet before it is decoded: what is decoded of a packet is in memory at once."""

MAX_FRAMES = 16
"""The most frames of one packet: AV1 shows one, in up to four layers, after up to eight that are hidden."""

_FRAME_HEADER, _FRAME = 3, 6
"""Types of open bitstream units (OBUs) that start a frame."""


def holds_too_many_frames(codec: str, packet: memoryview) -> bool:
    """Return whether a packet holds more frames than any of a real video.

    Only AV1 packets are looked at: the decoders of other formats give eight frames (VP9) or fewer for a packet.

    Args:
        codec: The name of the format.
        packet: The packet, as bytes.
    """
    return codec == "av1" and _holds_more_av1_frames(packet)


def _holds_more_av1_frames(packet: memoryview) -> bool:
    # AV1 Bitstream & Decoding Process Specification, section 5.3.
    frames = position = 0
    while position < len(packet) and frames <= MAX_FRAMES:
        header = packet[position]
        frames += header >> 3 & 0xF in {_FRAME_HEADER, _FRAME}
        has_extension, has_size = header & 4, header & 2
        position += 2 if has_extension else 1
        if not has_size:  # it is the last one
            break
        size, length = _leb128(packet[position : position + 8])
        position += length + size
    return frames > MAX_FRAMES


def _leb128(content: memoryview) -> tuple[int, int]:
    """Return a number whose bytes have seven bits each, the lowest first, and how many bytes it has."""
    number = 0
    for count, byte in enumerate(content):
        number |= (byte & 0x7F) << 7 * count
        if not byte & 0x80:
            return number, count + 1
    return number, len(content)
