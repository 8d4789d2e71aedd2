"""Times in the contract's messages."""

from google.protobuf.duration_pb2 import Duration


def duration_of_seconds(seconds: float) -> Duration:
    """Return the seconds as a message."""
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
