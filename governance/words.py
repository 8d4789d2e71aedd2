"""Whole words, as names, strings and comments are made of them."""

import re
from collections.abc import Iterator, Sequence

from governance.rulebook import ForbiddenWord

__all__ = ["forbidden_in", "words_of"]

_CHUNK = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
"""A run of letters, digits, `_` and `-`: what people read as one name."""

_WORD = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+|[^\W\d_A-Za-z]+")
"""`GPUWorker_2b` is gpu, worker, 2, b; a digit belongs to the word before it, as in `sse2`."""


def words_of(chunk: str) -> list[str]:
    """Returns the words of a name in lower case, parted at `_`, `-` and where CamelCase begins a new one."""
    return [word.lower() for word in _WORD.findall(chunk)]


def forbidden_in(text: str, rules: Sequence[ForbiddenWord]) -> Iterator[tuple[int, str, ForbiddenWord]]:
    """Yields each forbidden word of a text: on which of its lines (from 0), within which name, and its rule."""
    possible = [rule for rule in rules if _may_hold(text, rule)]
    for number, line in enumerate(text.splitlines() if possible else ()):
        for chunk in _CHUNK.findall(line):
            for rule in possible:
                if any(_holds(chunk, form.split("_")) for form in rule.forms):
                    yield number, chunk, rule


def _may_hold(text: str, rule: ForbiddenWord) -> bool:
    """Whether a closer look is worth while: nearly every text fails this, which is cheap."""
    letters = text.lower().replace("_", "").replace("-", "")
    return any(form.replace("_", "") in letters for form in rule.forms)


def _holds(chunk: str, parts: list[str]) -> bool:
    """Whether the parts stand side by side in the name, or as one word."""
    words, joined = words_of(chunk), "".join(parts)
    neighbours = (words[start : start + len(parts)] for start in range(len(words)))
    # The last: capitals without meaning (`WEBsocket`) part a word where none begins.
    return joined in words or parts in neighbours or joined in re.split(r"[_-]", chunk.lower())
