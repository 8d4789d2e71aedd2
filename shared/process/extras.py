"""Libraries that come with an extra of the package, and what to say where it is not installed."""

import contextlib
from collections.abc import Iterator


class ExtraMissing(Exception):
    """A library is not installed; the message says which extra installs it."""


@contextlib.contextmanager
def needing_extra(extra: str) -> Iterator[None]:
    """Turn the lack of a library that the block imports into the name of the extra that installs it.

    Raises:
        ExtraMissing: A library is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"{error.name} is not installed: pip install 'foregsyte[{extra}]'") from error
