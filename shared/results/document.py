"""A results document, `{"results": [...]}`, in steps of one frame: no step takes long, whatever the document's size."""

import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import BinaryIO, TypeVar

from shared.results.frame import MAX_FRAME_BYTES, InvalidDocument, check_frame
from shared.results.scanner import READ_BYTES, Readable, Scanner

T = TypeVar("T")

_DOCUMENT = ((b"{", b'"results"', b":", b"["), (b"]", b"}"))
_LIST = ((b"[",), (b"]",))
"""What stands before the first frame and after the last one, in a document and in its list alone."""


def encode_document(frames: Iterable[bytes]) -> Iterator[bytes]:
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


def check_document(source: Readable) -> int:
    """Read a document to its end and return how many frames it holds.

    Raises:
        InvalidDocument: It has not the frozen shape, with a frame for every index from 0 on.
        OSError: It cannot be read.
    """
    return sum(1 for _ in iter_document(source, check_frame))


def iter_document(source: Readable, decode: Callable[[bytes, int], T]) -> Iterator[T]:
    """Yield what `decode` makes of each encoded frame and its index.

    Args:
        source: The document.
        decode: Raises InvalidDocument for what is no frame; see `check_frame`.

    Raises:
        InvalidDocument: It is no results document.
        OSError: It cannot be read.
    """
    return _iter_frames(Scanner(source, *_DOCUMENT), decode)


def iter_list(source: Readable, decode: Callable[[bytes, int], T]) -> Iterator[T]:
    """Yield the decoded frames of a list alone, as a document holds it under `results`.

    Raises:
        InvalidDocument: It is no such list.
        OSError: It cannot be read.
    """
    return _iter_frames(Scanner(source, *_LIST), decode)


def _iter_frames(scanner: Scanner, decode: Callable[[bytes, int], T]) -> Iterator[T]:
    scanner.begin()
    index = 0
    while not scanner.at_end():
        if index:
            scanner.expect(b",", f"must have a comma or ] after results[{index - 1}]")
        yield scanner.frame(partial(_decoded_at, decode, index))
        index += 1


def _decoded_at(decode: Callable[[bytes, int], T], index: int, encoded: bytes) -> T:
    return decode(encoded, index)


def most_values(document: BinaryIO) -> int:
    """Return how many values a document holds at most, objects and lists too, by what may stand before each.

    Args:
        document: The document, at its beginning; it is there again then.
    """
    count = sum(sum(map(block.count, (b",", b"[", b"{"))) for block in iter(partial(document.read, READ_BYTES), b""))
    document.seek(0)
    return count


def stored_list(document: BinaryIO) -> tuple[int, Iterator[bytes]]:
    """Return the size of the list that a document holds, and its chunks, which raise as `check_document` does.

    Args:
        document: The document, at its beginning; it can be seeked.
    """
    begin = 0
    while (at := (block := document.read(READ_BYTES)).find(b"[")) < 0 and block:
        begin += len(block)
    begin += max(at, 0)
    end = max(_after_last_bracket(document), begin)
    document.seek(0)
    return end - begin, _checked_chunks(document, begin, end)


def _after_last_bracket(document: BinaryIO) -> int:
    end = document.seek(0, io.SEEK_END)
    while end:
        begin = document.seek(max(0, end - READ_BYTES))
        if (at := document.read(end - begin).rfind(b"]")) >= 0:
            return begin + at + 1
        end = begin
    return end


def _checked_chunks(document: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    """Yield what stands from here to there, while all of the document is checked."""
    copied = _Copied(document)
    for _ in iter_document(copied, check_frame):
        yield from copied.taken(begin, end)
    yield from copied.taken(begin, end)


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
