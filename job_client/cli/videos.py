"""Which files a person means by the videos of a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from job_client.cli.output import print_message
from job_client.errors import UnsuitableFile, UnsuitableVideo
from shared.contract.mp4_signature import SEARCHED_BYTES, mp4_problem
from shared.process.extras import LibraryMissing, import_errors_translated

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov")
"""Of the files of a folder that are meant: other files may lie beside them."""


def videos_of(path: Path) -> list[Path]:
    """Return the file, or of a folder the videos that are directly in it, sorted by name, also links that lead nowhere.

    Raises:
        typer.BadParameter: The folder has none.
        OSError: The folder cannot be read.
    """
    if not path.is_dir():
        return [path]
    if found := sorted(file for file in path.iterdir() if _is_meant(file)):
        return found
    raise typer.BadParameter(f"no file in {path} ends in {', '.join(VIDEO_SUFFIXES)}")


def _is_meant(path: Path) -> bool:
    is_named = path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")
    return is_named and (path.is_file() or not path.exists())


def require_mp4(video: Path) -> None:
    """Refuse a file that the server would refuse for how it begins.

    Raises:
        UnsuitableVideo: It does not begin as an MP4.
        OSError: It cannot be read.
    """
    if not video.is_file():
        return  # a pipe can be read only once
    with video.open("rb") as file:
        if problem := mp4_problem(file.read(SEARCHED_BYTES)):
            raise UnsuitableVideo(problem)


@contextmanager
def reading_video(video: Path, *, must_fit: bool) -> Iterator[None]:
    """Run what reads the video of a job; where it need not fit the job, only say why it was not read.

    Args:
        video: The file that was named, or that is known from the history.
        must_fit: Whether a file that is not the job's video is an error.

    Raises:
        UnsuitableVideo: The file is not the job's video, and it must be.
        LibraryMissing: A library is missing, and the file must be read.
        OSError: It cannot be opened, and it must be read.
    """
    try:
        with import_errors_translated("client-media"):
            yield
    except (LibraryMissing, UnsuitableFile, OSError) as error:
        if must_fit:
            raise
        print_message(f"Without the video {video}: {error}")
