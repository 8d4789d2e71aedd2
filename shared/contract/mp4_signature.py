"""What a file must begin with to be taken for an MP4: the server refuses any other, and so does who would send it."""

SIGNATURE = b"ftyp"
SEARCHED_BYTES = 64
"""Where the signature must be."""


def mp4_problem(beginning: bytes) -> str:
    """Return why a video is refused for how it begins; empty where it is not.

    Args:
        beginning: Its first 64 bytes, or more of it.
    """
    if SIGNATURE in beginning[:SEARCHED_BYTES]:
        return ""
    return 'the video is no MP4: no "ftyp" in its first 64 bytes' if beginning else "the video is empty"
