"""Types of command-line arguments: argparse refuses a wrong one in one line, before a command has written anything."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path


def folder_with(*patterns: str) -> Callable[[str], Path]:
    """Return the type of a folder in which at least one of the patterns finds a file."""

    def folder(given: str) -> Path:
        if any(file.is_file() for pattern in patterns for file in Path(given).glob(pattern)):
            return Path(given)
        raise ArgumentTypeError(f"{given} has no file {' or '.join(patterns)}")

    return folder


def share(given: str) -> float:
    """Return a number from 0 to 1.

    Raises:
        ArgumentTypeError: It is another one; argparse itself says what is no number at all.
    """
    if 0 <= (number := float(given)) <= 1:
        return number
    raise ArgumentTypeError(f"{given} is not between 0 and 1")
