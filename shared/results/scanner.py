"""Where each frame of a results document begins and ends, without decoding more than one of them.

The next frame mostly begins at the next `, {"frame_index"`, which no JSON string can hold. Where that does not give a
frame, the document is scanned for the bracket that ends it.
"""

import re
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from shared.results.frame import MAX_FRAME_BYTES, InvalidDocument

T = TypeVar("T")

READ_BYTES = 1 << 18
"""How much of a document is read at once."""

MAX_BLANKS = 64
"""How far before a frame's first key the comma is looked for, so that no document makes the search long."""

_BLANKS = re.compile(rb"[ \t\r\n]*")
"""White space of JSON (RFC 8259, section 2); what Python takes for blank is more."""
_INDEX_KEY = b'"frame_index"'
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
"""A string, the beginning of one that is cut off, or a bracket: all that matters for where a value ends."""
_TOO_LARGE = f"results must hold no frame of more than {MAX_FRAME_BYTES} bytes"
_NOT_ALONE = "must hold nothing after the list of results"
_DEPTH = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


class Readable(Protocol):
    """A file, or what reads as one."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or fewer at the end."""


class Scanner:
    """A position in a document. Keeps no more of it than one frame and the block read last.

    Args:
        source: The document.
        beginning: The tokens before the first frame.
        end: Those after the last one; a bracket that ends the list is the first.
    """

    def __init__(self, source: Readable, beginning: Sequence[bytes], end: Sequence[bytes]) -> None:
        self._source = source
        self._beginning = beginning
        self._end = end
        self._left = b""
        self._at = 0
        self._has_index_first = True

    def begin(self) -> None:
        """Go to the first frame.

        Raises:
            InvalidDocument: No list of results begins here.
        """
        for token in self._beginning:
            self.expect(token, 'must be {"results": [{"frame_index", "result"}, ...]}')

    def expect(self, token: bytes, problem: str) -> None:
        """Skip blanks and the token.

        Raises:
            InvalidDocument: Something else stands there.
        """
        self._skip_blanks()
        if len(self._left) - self._at < len(token):
            self._read()
        if not self._left.startswith(token, self._at):
            raise InvalidDocument(problem)
        self._at += len(token)

    def at_end(self) -> bool:
        """Return whether the list ends here.

        Raises:
            InvalidDocument: It does, and is not all that the document holds.
        """
        self._skip_blanks()
        if not self._left.startswith(self._end[0], self._at):
            return False
        for token in self._end:
            self.expect(token, _NOT_ALONE)
        self._skip_blanks()
        if self._at < len(self._left):
            raise InvalidDocument(_NOT_ALONE)
        return True

    def frame(self, decode: Callable[[bytes], T]) -> T:
        """Skip the frame that begins here, and return what is decoded of it."""
        self._skip_blanks()
        if self._has_index_first:
            try:
                return self._taken(self._likely_end(), decode)
            except InvalidDocument:  # to look for it again in each frame would take ever longer
                self._has_index_first = False
        return self._taken(self._end_by_brackets(), decode)

    def _taken(self, end: int, decode: Callable[[bytes], T]) -> T:
        if end - self._at > MAX_FRAME_BYTES:
            raise InvalidDocument(_TOO_LARGE)
        found = decode(self._left[self._at : end])
        self._at = end
        return found

    def _likely_end(self) -> int:
        """Return where the next frame seems to begin, at the comma before it, or the list to end."""
        offset = len(_INDEX_KEY)
        while True:
            key = self._left.find(_INDEX_KEY, self._at + offset)
            if key >= 0:
                offset = key + 1 - self._at
                comma = self._left.rfind(b",", max(self._at, key - MAX_BLANKS), key)
                if comma >= 0 and self._left[comma + 1 : key].strip() == b"{":
                    return comma
            elif not self._has_room():
                self._has_index_first = False
                raise InvalidDocument("no frame begins in reach")
            elif not self._read():
                return self._left.rfind(b"]")

    def _end_by_brackets(self) -> int:
        depth, offset = 0, 0
        while token := self._next_token(offset):
            offset = token.end() - self._at
            depth += _DEPTH.get(token[0], 0)
            if depth <= 0:
                break
        return self._at + offset

    def _next_token(self, offset: int) -> re.Match[bytes] | None:
        """Return the next string or bracket, reading on where one is cut off; None at the end of the document."""
        while True:
            token = _TOKEN.search(self._left, self._at + offset)
            if token and token[0] != b'"':
                return token
            if not self._has_room():
                raise InvalidDocument(_TOO_LARGE)
            if not self._read():
                return None

    def _has_room(self) -> bool:
        return len(self._left) - self._at <= MAX_FRAME_BYTES

    def _skip_blanks(self) -> None:
        while True:
            blanks = _BLANKS.match(self._left, self._at)
            self._at = blanks.end() if blanks else self._at
            if self._at < len(self._left) or not self._read():
                return

    def _read(self) -> bool:
        """Read the next block after what is left; return whether there was one."""
        block = b""
        while len(block) < READ_BYTES and (more := self._source.read(READ_BYTES - len(block))):
            block += more
        self._left, self._at = self._left[self._at :] + block, 0
        return bool(block)
