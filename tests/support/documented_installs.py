"""What the README says to install on which host."""

import re

from tests.support.documents import blocks_of

__all__ = ["BY_OTHERS", "BY_PIP", "extras_of"]

BY_PIP, BY_OTHERS = (
    [line.partition("#")[0].strip() for line in block.splitlines()] for block in blocks_of("README.md", "sh")[1:3]
)
"""The lines of the two blocks: those for pip, and those for uv and pipx."""


def extras_of(line: str) -> str:
    """Return the extras that a line installs, with commas between them."""
    (extras,) = re.findall(r"\[([\w,-]+)\]", line)
    return extras
