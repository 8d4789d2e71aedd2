"""What can be wrong with the files that a person names."""

__all__ = ["UnsuitableFile", "UnsuitableFont", "UnsuitableVideo"]


class UnsuitableFile(Exception):
    """A file cannot be used for what it was named for; the message says why."""


class UnsuitableVideo(UnsuitableFile):
    """The file is no video, or not the one that the results are of."""


class UnsuitableFont(UnsuitableFile):
    """The file is no font."""
