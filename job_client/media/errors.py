"""Errors of the files that the caller names."""


class UnsuitableFile(Exception):
    """A file cannot be used; the message says why."""


class UnsuitableVideo(UnsuitableFile):
    """The file is no video, or not the one that the results are of."""


class UnsuitableFont(UnsuitableFile):
    """The file is no font."""
