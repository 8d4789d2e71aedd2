"""The frozen shape of results."""

import gc
import io
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_api.servicers.results_response import frame_message
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.results import (
    MAX_FRAME_BYTES,
    MAX_FRAME_LISTS,
    MAX_NESTING,
    InvalidDocument,
    check_document,
    decode_values,
    encode_document,
    iter_document,
    iter_list,
    stored_list,
)
from shared.results.scanner import READ_BYTES

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

TEXT = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RESULTS = st.lists(st.dictionaries(TEXT, JSON_VALUES, max_size=3), max_size=4)

LISTS = [
    "[]",
    "[ ]",
    '[{"result":{},"frame_index":0}]',
    '[\n {"frame_index": 0, "result": {"a": 1.50, "b": "\\u0416Ж"}}\n]',
]


def document_of(results: list[dict[str, Any]], **how: Any) -> bytes:
    entries = [{"frame_index": index, "result": result} for index, result in enumerate(results)]
    return json.dumps({"results": entries}, **how).encode()


def check(document: bytes) -> int:
    return check_document(io.BytesIO(document))


def list_of(document: bytes) -> bytes:
    size_bytes, chunks = stored_list(io.BytesIO(document))
    found = b"".join(chunks)
    assert len(found) == size_bytes
    return found


def results_of(document: bytes) -> list[dict[str, Any]]:
    return list(iter_document(io.BytesIO(document), decode_values))


def frame(result: str) -> bytes:
    return b'{"results": [{"frame_index": 0, "result": %s}]}' % result.encode()


@given(results=RESULTS, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_whatever_has_the_shape_is_accepted_and_read_back(
    results: list[dict[str, Any]], ascii_only: bool, indent: int | None
) -> None:
    document = document_of(results, ensure_ascii=ascii_only, indent=indent)
    assert check(document) == len(results)
    assert results_of(document) == results
    assert json.loads(list_of(document)) == json.loads(document)["results"]
    assert list(iter_list(io.BytesIO(list_of(document)), decode_values)) == results


@pytest.mark.parametrize("text", LISTS)
def test_the_list_is_returned_as_the_very_bytes_that_were_stored(text: str) -> None:
    document = f' {{ "results" : {text} }} '.encode()
    assert list_of(document) == text.encode()


def test_a_list_that_begins_behind_what_is_read_at_once_is_found() -> None:
    assert list_of(b" " * 600_000 + document_of([{}]) + b" ") == b'[{"frame_index": 0, "result": {}}]'


@pytest.mark.parametrize("token", range(8))
def test_white_space_may_be_as_long_as_it_likes_before_each_token_and_at_the_end(token: int) -> None:
    frame = b'{"frame_index": 0, "result": {}}'
    tokens = [b"{", b'"results"', b":", b"[", frame, b"]", b"}", b""]
    tokens[token] = b" " * (MAX_FRAME_BYTES + READ_BYTES) + tokens[token]
    document = b"".join(tokens)
    assert check(document) == 1
    assert list_of(document).replace(b" ", b"") == b"[" + frame.replace(b" ", b"") + b"]"


def test_a_token_may_stand_across_what_is_read_at_once() -> None:
    for blanks in range(READ_BYTES - 12, READ_BYTES):
        assert check(b" " * blanks + document_of([{}])) == 1


TRAPS = [
    {"a": ',{"frame_index":1,"result":{}}'},
    {"a": [{"frame_index": 0}, {"frame_index": 1, "result": {}}]},
    {"a": "]}", "b": "[{", "c": "\\", "d": '\\"', "e": {"frame_index": "frame_index"}},
    {"a": ["frame_index", "frame_index"], "b": "," * 100},
]


@pytest.mark.parametrize("how", [{}, {"separators": (",", ":")}, {"indent": 1}, {"sort_keys": True}], ids=str)
@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_a_frame_ends_where_it_ends_whatever_is_in_it(trap: dict[str, Any], how: dict[str, Any]) -> None:
    assert results_of(document_of([trap, {}, trap, trap], **how)) == [trap, {}, trap, trap]


def test_the_order_of_names_does_not_matter() -> None:
    document = b'{"results":[{"result":{"a":{"frame_index":1}},"frame_index":0},{"result":{},"frame_index":1}]}'
    assert results_of(document) == [{"a": {"frame_index": 1}}, {}]


def test_a_document_whose_indexes_come_last_is_read_in_time() -> None:
    """Where each frame looked for the next one behind all others, this took minutes."""
    frames = b",".join(b'{"result":{},"frame_index":%d}' % number for number in range(20_000))
    assert check(b'{"results":[' + frames + b"]}") == 20_000


@pytest.mark.parametrize("indent", [None, 1])
def test_a_document_longer_than_what_is_read_at_once_is_read_whole(indent: int | None) -> None:
    results = [{"text": "é" * length, "n": [length]} for length in (0, 1, 300_000, 2, 500_000, 3)] + [{}] * 20_000
    document = document_of(results, ensure_ascii=False, indent=indent)
    assert results_of(document) == results


def test_a_file_that_gives_little_at_a_time_is_read_whole() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 7))

    assert check_document(Trickle(document_of([{"a": "b" * 50}] * 9))) == 9


def test_a_frame_above_its_limit_is_refused_however_it_is_written() -> None:
    for text in ('"%s"' % ("x" * MAX_FRAME_BYTES), "[%s1]" % ("1," * (MAX_FRAME_BYTES // 2))):
        with pytest.raises(InvalidDocument, match=f"no frame of more than {MAX_FRAME_BYTES} bytes"):
            check(frame(f'{{"a": {text}}}'))


def lists(values: list[str]) -> bytes:
    return frame(f'{{"a": [{",".join(values)}]}}')


@pytest.mark.parametrize("value", ["[]", "{}", '{"b": [[], []]}'])
def test_a_frame_of_more_lists_and_objects_than_can_be_checked_in_a_short_step_is_refused(value: str) -> None:
    allowed = (MAX_FRAME_LISTS - 4) // (value.count("[") + value.count("{"))
    assert check(lists([value] * allowed)) == 1
    with pytest.raises(InvalidDocument, match=f"no more than {MAX_FRAME_LISTS} lists and objects"):
        check(lists([value] * (allowed + 4)))


@pytest.mark.parametrize("is_enabled", [True, False])
def test_a_check_leaves_garbage_collection_as_it_was(is_enabled: bool) -> None:
    (gc.enable if is_enabled else gc.disable)()
    try:
        check(frame('{"a": 1}'))
        with pytest.raises(InvalidDocument):
            check(frame('{"a": 1'))
        assert gc.isenabled() is is_enabled
    finally:
        gc.enable()


def test_a_check_does_not_look_for_cycles_among_what_it_makes() -> None:
    collections: list[str] = []
    document = lists(["[]"] * 90_000)
    gc.collect()
    gc.callbacks.append(lambda phase, _: collections.append(phase))
    try:
        check(document)
    finally:
        gc.callbacks.pop()
    assert len(collections) <= 2  # of the few objects around it


def test_encoded_frames_make_a_document() -> None:
    frames = [b'{"frame_index":0,"result":{}}', b'{"frame_index":1,"result":{"a":1}}']
    assert results_of(b"".join(encode_document(frames))) == [{}, {"a": 1}]
    assert b"".join(encode_document([])) == b'{"results":[]}'


def test_a_frame_above_its_limit_is_not_encoded() -> None:
    whole, too_large = b"x" * MAX_FRAME_BYTES, b"x" * (MAX_FRAME_BYTES + 1)
    assert sum(map(len, encode_document([whole, whole]))) == 2 * MAX_FRAME_BYTES + len(b'{"results":[,]}')
    for frames in ([too_large], [whole, too_large]):
        with pytest.raises(InvalidDocument, match=f"larger than {MAX_FRAME_BYTES} bytes"):
            list(encode_document(frames))


BAD_DOCUMENTS: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" ",
    "not JSON": b"results",
    "a list": b"[]",
    "null": b"null",
    "no results": b"{}",
    "results null": b'{"results": null}',
    "results an object": b'{"results": {}}',
    "results a string": b'{"results": "[]"}',
    "an extra key beside results": b'{"results": [], "version": 1}',
    "an entry null": b'{"results": [null]}',
    "an entry a list": b'{"results": [[0, {}]]}',
    "an extra key in an entry": b'{"results": [{"frame_index": 0, "result": {}, "note": 1}]}',
    "frame_index missing": b'{"results": [{"result": {}}]}',
    "result missing": b'{"results": [{"frame_index": 0}]}',
    "frame_index a string": b'{"results": [{"frame_index": "0", "result": {}}]}',
    "frame_index a float": b'{"results": [{"frame_index": 0.0, "result": {}}]}',
    "frame_index half": b'{"results": [{"frame_index": 0.5, "result": {}}]}',
    "frame_index a boolean": b'{"results": [{"frame_index": false, "result": {}}]}',
    "frame_index null": b'{"results": [{"frame_index": null, "result": {}}]}',
    "frame_index negative": b'{"results": [{"frame_index": -1, "result": {}}]}',
    "frame_index from 1": b'{"results": [{"frame_index": 1, "result": {}}]}',
    "frame_index doubled": b'{"results": [{"frame_index": 0, "result": {}}, {"frame_index": 0, "result": {}}]}',
    "frame_index with a gap": b'{"results": [{"frame_index": 0, "result": {}}, {"frame_index": 2, "result": {}}]}',
    "out of order": b'{"results": [{"frame_index": 1, "result": {}}, {"frame_index": 0, "result": {}}]}',
    "frame_index huge": b'{"results": [{"frame_index": 99999999999999999999, "result": {}}]}',
    "result null": frame("null"),
    "result a list": frame("[]"),
    "result a string": frame('"text"'),
    "NaN": frame('{"a": NaN}'),
    "Infinity": frame('{"a": Infinity}'),
    "minus Infinity": frame('{"a": -Infinity}'),
    "a number beyond any float": frame('{"a": 1e999}'),
    "half a surrogate pair": frame('{"a": "\\ud800"}'),
    "not UTF-8": b'{"results": [{"frame_index": 0, "result": {"a": "\xff"}}]}',
    "not UTF-8 in a key": b'{"results": [{"frame_index": 0, "result": {"\xc3\x28": 1}}]}',
    "UTF-16": '{"results": []}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"results": []}',
    "something behind it": b'{"results": []} {}',
    "something far behind it": b'{"results": []}' + b" " * (2 * READ_BYTES) + b"x",
    "cut off": b'{"results": [{"frame_index": 0, "resu',
    "single quotes": b"{'results': []}",
    "a comma too many": b'{"results": [],}',
    "a comment": b'{"results": [] /* none */}',
    "a raw line break in a string": b'{"results": [{"frame_index": 0, "result": {"a": "\n"}}]}',
    "very deep objects": frame('{"a":' * 100_000 + "1" + "}" * 100_000),
    "very deep lists": frame('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"),
}


@pytest.mark.parametrize("case", BAD_DOCUMENTS)
def test_whatever_deviates_from_the_shape_is_refused(case: str) -> None:
    with pytest.raises(InvalidDocument, match=r"results|must"):
        check(BAD_DOCUMENTS[case])


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_and_never_anything_else_is_raised(document: bytes) -> None:
    with pytest.raises(InvalidDocument):
        check(document)


@given(results=RESULTS, place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_one_changed_byte_is_accepted_only_if_the_shape_still_holds(
    results: list[dict[str, Any]], place: int, byte: int
) -> None:
    document = bytearray(document_of(results))
    document[place % len(document)] = byte
    try:
        check(bytes(document))
    except InvalidDocument:
        return
    entries = json.loads(document)["results"]
    assert [entry["frame_index"] for entry in entries] == list(range(len(entries)))
    assert all(set(entry) == {"frame_index", "result"} and isinstance(entry["result"], dict) for entry in entries)


NO_LISTS = [
    b"", b"{}", b'{"results": [', b"results", b'{"results": ["\xff"]}', b'{"results": []', b'{"results": []} x',
    b'{"results": []}}', b'x{"results": []}', b'{"results": []}\x0b', b'{"results": [], "x": []}', b'{"results": ]}',
    b'{"results": {}, "x": [{"frame_index": 0, "result": {}}]}', frame('{"a": "\xff"}').replace(b"\xc3\xbf", b"\xff"),
    frame('{"a": [1}'), frame("{}") * 2, b'[]}', b'{"results"}: []}',
]  # fmt: skip


@pytest.mark.parametrize("document", NO_LISTS)
def test_a_damaged_document_has_no_list(document: bytes) -> None:
    with pytest.raises(InvalidDocument):
        list_of(document)


@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_results_are_nested_up_to_the_limit_and_no_deeper(opening: str, closing: str) -> None:
    def nested(levels: int) -> bytes:
        return frame('{"a":' + opening * (levels - 1) + "1" + closing * (levels - 1) + "}")

    document = nested(MAX_NESTING)
    [result] = results_of(document)
    assert pb.FrameResult.FromString(frame_message(0, result).SerializeToString())
    with pytest.raises(InvalidDocument, match=str(MAX_NESTING)):
        check(nested(MAX_NESTING + 1))


def test_numbers_keep_their_value() -> None:
    numbers = {"a": 0.1, "b": 1e-300, "c": 2**53, "d": -0.0, "e": 33.4}
    [result] = results_of(document_of([numbers]))
    assert result == numbers
    assert math.copysign(1, result["d"]) == -1


def test_the_message_says_where_the_mistake_is() -> None:
    with pytest.raises(InvalidDocument, match=r"results\[1\]"):
        check(b'{"results": [{"frame_index": 0, "result": {}}, {"frame_index": 1}]}')
    with pytest.raises(InvalidDocument, match=r"results\[1\] has frame_index 7"):
        check(b'{"results": [{"frame_index": 0, "result": {}}, {"frame_index": 7, "result": {}}]}')


def test_nesting_is_named_where_it_is_the_mistake_and_nowhere_else() -> None:
    too_deep = "[" * MAX_NESTING + "]" * MAX_NESTING
    with pytest.raises(InvalidDocument, match=rf"results\[0\] must be nested at most {MAX_NESTING} deep"):
        check(frame(f'{{"a": {too_deep}}}'))
    for result in ('{"a": 1x}', "[]", '{"a": 1e999}', '{"a": "\\ud800"}'):
        with pytest.raises(InvalidDocument, match=r"^results\[0\]: "):
            check(frame(result))
