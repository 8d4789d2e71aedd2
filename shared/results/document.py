"""A results document, `{"results": [...]}`, in steps of one frame: no step takes long, whatever the document's size.

A frame's end is found without decoding what is behind it: the next frame mostly begins at the next `, {"frame_index"`,
which no JSON string can hold. Where that does not give a frame, the document is scanned for the bracket that ends it.

Whatever is accepted can be answered in both formats: numbers fit a double, and the nesting fits a
`google.protobuf.Struct`, of which protobuf reads 100 levels of messages, three to an object of JSON.
"""

import gc
import io
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar

import msgspec

T = TypeVar("T")

MAX_NESTING = 10
"""How deep objects and lists may be nested, `result` being the first: twice what the built-in pipelines use."""

MAX_FRAME_BYTES = 1 << 20
"""The largest frame: thirty times what the built-in pipelines give, and still checked in one short step."""

MAX_FRAME_LISTS = 100_000
"""The most lists and objects in a frame, by their brackets: each takes longer than what else a megabyte may hold."""

READ_BYTES = 1 << 18
"""How much of a document is read at once."""

_BLANKS = re.compile(rb"[ \t\r\n]*")
"""White space of JSON (RFC 8259, section 2); what Python takes for blank is more."""
_DOCUMENT = (re.compile(rb'\{[ \t\r\n]*"results"[ \t\r\n]*:[ \t\r\n]*\['), re.compile(rb"\][ \t\r\n]*\}[ \t\r\n]*"))
_LIST = (re.compile(rb"\["), re.compile(rb"\][ \t\r\n]*"))
"""What stands before the first frame and behind the last one, in a document and in its list alone."""
_COMMA = re.compile(rb",")
_INDEX_KEY = b'"frame_index"'
MAX_BLANKS = 64
"""How far before a frame's first key the comma is looked for, so that no document makes the search long."""
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
"""A string, the beginning of one that is cut off, or a bracket: all that matters for where a value ends."""
_TOO_LARGE = f"results must hold no frame of more than {MAX_FRAME_BYTES} bytes"
_DEPTH = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


class InvalidDocument(ValueError):
    """The bytes are not a results document; the message says where and why."""


def _json_value(levels: int) -> Any:
    """Return the type of a JSON value with at most so many levels of objects and lists; numbers are doubles."""
    if levels == 0:
        return float | str | bool | None
    inner = _json_value(levels - 1)
    return float | str | bool | list[inner] | dict[str, inner] | None  # type: ignore[valid-type]


if TYPE_CHECKING:
    _Value = Any
else:
    _Value = _json_value(MAX_NESTING - 1)


class _CheckedFrame(msgspec.Struct, forbid_unknown_fields=True):
    frame_index: int
    result: dict[str, _Value]


_decode = msgspec.json.Decoder(_CheckedFrame).decode


def encoded_document(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the document that holds these encoded frames, chunk by chunk.

    Raises:
        InvalidDocument: A frame is larger than a document may hold.
    """
    yield b'{"results":['
    for number, frame in enumerate(frames):
        if len(frame) > MAX_FRAME_BYTES:
            raise InvalidDocument(f"the result of a frame is larger than {MAX_FRAME_BYTES} bytes")
        yield b"," + frame if number else frame
    yield b"]}"


def fields_of_frame(encoded: bytes, index: int) -> dict[str, Any]:
    """Return the `result` of an encoded frame.

    Raises:
        InvalidDocument: It has not the frozen shape, or not this index.
    """
    if len(encoded) > MAX_FRAME_LISTS and encoded.count(b"[") + encoded.count(b"{") > MAX_FRAME_LISTS:
        raise InvalidDocument(f"results[{index}] must hold no more than {MAX_FRAME_LISTS} lists and objects")
    try:
        frame = _decode(encoded)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidDocument(f"results[{index}], nested at most {MAX_NESTING} deep: {error}") from error
    if frame.frame_index != index:
        raise InvalidDocument(
            f"results must hold every frame once and in order: entry {index} has frame_index {frame.frame_index}"
        )
    return frame.result


def check_frame(encoded: bytes, index: int) -> None:
    """Check an encoded frame as `fields_of_frame` does.

    To look for cycles among its lists, while they are made, would take ten times as long as to make them, and no other
    thread could run meanwhile.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        fields_of_frame(encoded, index)
    finally:
        if was_enabled:
            gc.enable()


def check_document(source: "Readable") -> int:
    """Read a document to its end and return how many frames it holds.

    Raises:
        InvalidDocument: It has not the frozen shape, with a frame for every index from 0 on.
        OSError: It cannot be read.
    """
    return sum(1 for _ in read_document(source, check_frame))


def most_values(document: BinaryIO) -> int:
    """Return how many values a document holds at most, objects and lists too, by what may stand before each.

    Args:
        document: The document, at its beginning; it is there again then.
    """
    count = sum(sum(map(block.count, (b",", b"[", b"{"))) for block in iter(partial(document.read, READ_BYTES), b""))
    document.seek(0)
    return count


def read_as_json(document: BinaryIO) -> tuple[int, Iterator[bytes]]:
    """Return the size of the list that a document holds, and its chunks, which raise as `check_document` does.

    Args:
        document: The document, at its beginning; it can be seeked.
    """
    begin = 0
    while (at := (block := document.read(READ_BYTES)).find(b"[")) < 0 and block:
        begin += len(block)
    begin += max(at, 0)
    tail = max(0, document.seek(0, io.SEEK_END) - READ_BYTES)
    document.seek(tail)
    end = max(tail + document.read().rfind(b"]") + 1, begin)
    document.seek(0)
    return end - begin, _checked_chunks(document, begin, end)


def _checked_chunks(document: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    """Yield what stands from here to there, while all of the document is checked."""
    copied = _Copied(document)
    for _ in read_document(copied, check_frame):
        yield from copied.taken(begin, end)
    yield from copied.taken(begin, end)


def read_document(source: "Readable", decode: Callable[[bytes, int], T]) -> Iterator[T]:
    """Yield what `decode` makes of each encoded frame and its index.

    Args:
        source: The document.
        decode: Raises InvalidDocument for what is no frame; see `check_frame`.

    Raises:
        InvalidDocument: It is no results document.
        OSError: It cannot be read.
    """
    return _read_frames(_Scanner(source, *_DOCUMENT), decode)


def read_list(source: "Readable", decode: Callable[[bytes, int], T]) -> Iterator[T]:
    """Yield the same of the list that a document holds, without what stands around it."""
    return _read_frames(_Scanner(source, *_LIST), decode)


def _read_frames(scanner: "_Scanner", decode: Callable[[bytes, int], T]) -> Iterator[T]:
    scanner.begin()
    index = 0
    while not scanner.at_end():
        if index:
            scanner.expect(_COMMA, f"must have a comma or ] behind results[{index - 1}]")
        yield scanner.frame(partial(_decoded_at, decode, index))
        index += 1


def _decoded_at(decode: Callable[[bytes, int], T], index: int, encoded: bytes) -> T:
    return decode(encoded, index)


class Readable(Protocol):
    """A file, or what reads as one."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or fewer at the end."""


class _Copied:
    """A document, of which what is read is kept until it is taken."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._blocks: list[bytes] = []
        self._taken_bytes = 0

    def read(self, size: int, /) -> bytes:
        """Read on."""
        block = self._source.read(size)
        self._blocks.append(block)
        return block

    def taken(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield what was read since the last time, as far as it stands from here to there in the document."""
        for block in self._blocks:
            at, self._taken_bytes = self._taken_bytes, self._taken_bytes + len(block)
            yield block[max(begin - at, 0) : max(end - at, 0)]
        self._blocks.clear()


class _Scanner:
    """Where reading has come to in a document. Keeps no more of it than one frame and the block read last."""

    def __init__(self, source: Readable, beginning: re.Pattern[bytes], end: re.Pattern[bytes]) -> None:
        self._source = source
        self._beginning = beginning
        self._end = end
        self._left = b""
        self._at = 0
        self._is_read = False
        self._has_index_first = True

    def begin(self) -> None:
        """Go to the first frame.

        Raises:
            InvalidDocument: No list of results begins here.
        """
        self.expect(self._beginning, 'must be {"results": [{"frame_index", "result"}, ...]}')

    def expect(self, pattern: re.Pattern[bytes], problem: str) -> None:
        """Go on behind what matches the pattern, after blanks.

        Raises:
            InvalidDocument: Something else stands there.
        """
        self._skip_blanks()
        found = pattern.match(self._left, self._at)
        if found is None:
            raise InvalidDocument(problem)
        self._at = found.end()

    def at_end(self) -> bool:
        """Return whether the list ends here.

        Raises:
            InvalidDocument: It does, and is not all that the document holds.
        """
        self._skip_blanks()
        if self._left[self._at : self._at + 1] != b"]":
            return False
        while len(self._left) - self._at < READ_BYTES and self._read():
            pass
        if not (self._is_read and self._end.fullmatch(self._left, self._at)):
            raise InvalidDocument("must hold nothing behind the list of results")
        return True

    def frame(self, decode: Callable[[bytes], T]) -> T:
        """Go on behind the frame that begins here, and return what is decoded of it."""
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
        """Read the next block behind what is left; return whether there was one."""
        block = b""
        while len(block) < READ_BYTES and (more := self._source.read(READ_BYTES - len(block))):
            block += more
        self._left, self._at = self._left[self._at :] + block, 0
        self._is_read = not block
        return bool(block)
