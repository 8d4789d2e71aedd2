"""Subcommands whose libraries a plain client does not have."""

import contextlib
from collections.abc import Iterator

__all__ = ["ExtraMissing", "needing_extra"]


class ExtraMissing(Exception):
    """A library is not installed; the message says which extra brings it."""


@contextlib.contextmanager
def needing_extra(extra: str) -> Iterator[None]:
    """Turns the lack of a library that is imported in the block into the name of the extra that brings it.

    Raises:
        ExtraMissing: A library is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"{error.name} is not installed: pip install 'foregsyte[{extra}]'") from error
