"""The folders of a user by the convention of the platform, and the lack of them: not every user has a home."""

from collections.abc import Callable
from pathlib import Path


def user_folder(find: Callable[..., Path]) -> Path | None:
    """Return the project's folder of one kind; None where this user has no home, as in a container with a bare user id.

    Args:
        find: What `platformdirs` finds it with, such as `user_cache_path`.
    """
    try:
        folder = find("foregsyte", appauthor=False)
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None  # older versions return `~/.cache` as it is
