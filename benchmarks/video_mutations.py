"""Ways to break an MP4 file: bits, box sizes and order, numbers in headers, cuts and splices.

Every mutation takes the random generator, the file and another file, and gives a broken file. The box structure is that
of ISO/IEC 14496-12, section 4.2.
"""

import struct
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

MAX_BITS = 300
MAX_BYTES = 2000
MAX_MUTATIONS = 3
"""Most mutations of one file: more leave little for the decoder to read."""

CHILDREN_AFTER = {
    **dict.fromkeys(("moov", "trak", "mdia", "minf", "stbl", "edts", "moof", "traf", "mvex", "dinf", "udta"), 0),
    "meta": 4,
    "stsd": 8,
    **dict.fromkeys(("avc1", "hvc1", "hev1", "mp4v", "av01", "vp09", "s263", "encv"), 78),
}
"""Boxes that hold boxes, and how many bytes of their own stand before those."""

HEADERS = frozenset({"mvhd", "tkhd", "mdhd", "elst", "avc1", "hvc1", "hev1", "mp4v", "av01", "vp09", "s263"})
"""Boxes that state sizes, durations, rotation and edits."""
TABLES = frozenset({"stts", "ctts", "stsc", "stsz", "stz2", "stco", "co64", "stss", "tfhd", "tfdt", "trun", "trex"})
"""Boxes that state where the samples lie and when they are shown."""
CODEC_SETUPS = frozenset({"avcC", "hvcC", "av1C", "vpcC", "esds", "d263"})
"""Boxes that hold what the decoder starts from: parameter sets with the images' size among them."""
SAMPLES = frozenset({"mdat"})

HEAD_BYTES = 20
"""Where a table says how long it is and whether all its entries are alike."""

MANY = 80_000_000
TELLING_NUMBERS = (0, 1, 2, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
"""Where arithmetic goes wrong."""


_Mutation = Callable[[Random, bytes, bytes], bytes]


class _Box(NamedTuple):
    kind: str
    start: int
    body: int
    end: int


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes between two offsets and those inside them, as far as they make sense."""
    while start + 8 <= end:
        size, code = struct.unpack_from(">I4s", data, start)
        box = _Box(code.decode("latin-1"), start, start + 8, start + size)
        if size < 8 or box.end > end:
            return
        yield box
        if box.kind in CHILDREN_AFTER:
            yield from _boxes(data, box.body + CHILDREN_AFTER[box.kind], box.end)
        start = box.end


def _any_box(rng: Random, data: bytes, kinds: frozenset[str] | None = None) -> _Box:
    """Choose a box; the whole file counts as one where there is none of these kinds."""
    fitting = [box for box in _boxes(data, 0, len(data)) if box.end > box.body and (not kinds or box.kind in kinds)]
    return rng.choice(fitting or [_Box("file", 0, 0, len(data))])


def _with_number(data: bytes, offset: int, number: int) -> bytes:
    return data[:offset] + struct.pack(">I", number) + data[offset + 4 :]


def _flip(rng: Random, data: bytes, start: int, end: int) -> bytes:
    broken = bytearray(data)
    for _ in range(rng.choice((1, 5, 50, MAX_BITS))):
        broken[rng.randrange(start, end)] ^= 1 << rng.randrange(8)
    return bytes(broken)


def _flip_anywhere(rng: Random, data: bytes, _other: bytes) -> bytes:
    return _flip(rng, data, 0, len(data))


def _flip_in_box(rng: Random, data: bytes, box: _Box) -> bytes:
    return _flip(rng, data, box.body, box.end)


def _lie_about_the_size(rng: Random, data: bytes, box: _Box) -> bytes:
    size = box.end - box.start
    return _with_number(data, box.start, rng.choice((*TELLING_NUMBERS, size - 1, size + 1, size + 8, 2 * size)))


def _lie_in_box(rng: Random, data: bytes, box: _Box) -> bytes:
    end = rng.choice((box.end, min(box.end, box.body + HEAD_BYTES)))
    for _ in range(rng.choice((1, 1, 2, 5))):
        offset = rng.randrange(box.body, end, 2)
        data = _with_number(data, offset, rng.choice((*TELLING_NUMBERS, rng.getrandbits(32))))
    return data


def _claim_much(rng: Random, data: bytes, box: _Box) -> bytes:
    """Make a table say that it lists tens of millions, all alike: then it need not be any longer for that."""
    head = struct.pack(">III", 0, *rng.choice(((1, MANY), (MANY, 1), (MANY, MANY))))
    return data[: box.body] + head + data[box.body + len(head) :]


def _cut_off(rng: Random, data: bytes, _other: bytes) -> bytes:
    return data[: rng.randrange(1, len(data))]


def _remove(_rng: Random, data: bytes, box: _Box) -> bytes:
    return data[: box.start] + data[box.end :]


def _repeat(rng: Random, data: bytes, box: _Box) -> bytes:
    place = rng.choice((box.start, box.body, _any_box(rng, data).start))
    return data[:place] + data[box.start : box.end] + data[place:]


def _swap(rng: Random, data: bytes, box: _Box) -> bytes:
    first, second = sorted((box, _any_box(rng, data)), key=lambda box: box.start)
    if second.start < first.end:
        return _remove(rng, data, _any_box(rng, data))
    before, between, after = data[: first.start], data[first.end : second.start], data[second.end :]
    return before + data[second.start : second.end] + between + data[first.start : first.end] + after


def _rename(rng: Random, data: bytes, box: _Box) -> bytes:
    other = _any_box(rng, data)
    return data[: box.start + 4] + data[other.start + 4 : other.start + 8] + data[box.start + 8 :]


def _splice(rng: Random, data: bytes, other: bytes) -> bytes:
    place, taken = rng.randrange(len(data)), rng.randrange(len(other))
    count = rng.choice((1, 4, 64, MAX_BYTES))
    chunk = rng.choice((other[taken : taken + count], rng.randbytes(count), bytes(count)))
    return data[:place] + chunk + data[place + rng.choice((0, len(chunk))) :]


def _in_a_box(change: Callable[[Random, bytes, _Box], bytes], kinds: frozenset[str] | None = None) -> _Mutation:
    """Return the mutation that changes one box, of these kinds where the file has any."""
    return lambda rng, data, _other: change(rng, data, _any_box(rng, data, kinds))


_FREQUENT = [_in_a_box(_flip_in_box, SAMPLES), _in_a_box(_flip_in_box, CODEC_SETUPS)]
_FREQUENT += [_in_a_box(_lie_in_box, HEADERS), _in_a_box(_lie_in_box, TABLES)]
_MUTATIONS = [*_FREQUENT, *_FREQUENT, _flip_anywhere, _in_a_box(_claim_much, TABLES), _in_a_box(_lie_about_the_size)]
_MUTATIONS += [_cut_off, _in_a_box(_remove), _in_a_box(_repeat), _in_a_box(_swap), _in_a_box(_rename), _splice]


def mutant(seed: int, sources: list[bytes]) -> bytes:
    """Return a broken file; the same seed and sources give the same one.

    Args:
        seed: Which of the mutants.
        sources: Whole files, one of which is broken.
    """
    rng = Random(seed)
    data = rng.choice(sources)
    for _ in range(rng.choice((1, 1, 1, 2, MAX_MUTATIONS))):
        data = rng.choice(_MUTATIONS)(rng, data, rng.choice(sources)) or data
    return data
