"""The error of reading a video."""


class VideoError(Exception):
    """The file has no frame that can be shown; the message says why, in plain language for the file's owner."""
