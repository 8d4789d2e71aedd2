"""What reading a video can end with."""

__all__ = ["VideoError"]


class VideoError(Exception):
    """The file gives no frame that can be shown; the message says why, in plain words for the file's owner."""
