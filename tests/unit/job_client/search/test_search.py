"""What was submitted and what was read, kept in files that may be damaged, and found again."""

import random
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from job_client.search import History, IndexedLine, TextIndex, matches
from job_client.search.text_index import VERSION
from job_client.timeline import CodeSpan, TextSpan, timeline_of
from shared.results import FrameResult, TextLine
from tests.support.other_systems import not_on_windows

pytestmark = pytest.mark.unit

ADDRESS = "127.0.0.1:50051"
BOX = (0.0, 0.0, 9.0, 9.0)


def span(text: str, start_ms: float = 0.0) -> TextSpan:
    return TextSpan(3, 9, start_ms, start_ms + 280.0, 7, 0.98, 5, BOX, BOX, BOX, text=text)


def line(text: str, start_ms: float = 0.0) -> IndexedLine:
    return IndexedLine(text, 3, 9, start_ms, start_ms + 280.0, 5, 0.98)


READINGS = ("I have 3 dogs.", "I have 3 dogs", "I have 4 dogs.", "Let it be", "Let it go", "Let lt be", "Y", "", "")


def results() -> Iterator[FrameResult]:
    """Yield frames with four lines that move, flicker, and follow each other, and others.

    One is typed, one is covered in part now and then, and two short ones jump.
    """
    drawn = random.Random(1)
    shown = list(READINGS[:4])
    for index in range(600):  # at two frame rates
        typed = "The quick brown fox jumps over the lazy dog"[: 1 + index // 8]
        sign = "CITY HOTEL" if index % 40 > 35 else "CITY HOTEL PARKING"
        below = 800.0 + 40 * (index // 50 % 3)
        names = (("Tea", 40.0, below), ("Gin", 40.0, below + 40))
        lines = [
            TextLine(text=text, confidence=0.9, polygon=((9.0, y), (9.0 + x, y), (9.0 + x, y + 30), (9.0, y + 30)))
            for text, x, y in ((typed, 491.0, 600.0), (sign, 15.0 * len(sign), 700.0), *names)
        ]
        for row in range(4):
            shown[row] = drawn.choice(READINGS) if drawn.random() < 0.05 else shown[row]
            text = drawn.choice(READINGS) if drawn.random() < 0.05 else shown[row]
            left, top = 100.0 + index % 100, 100.0 * row
            corners = ((left, top), (left + 200, top), (left + 200, top + 30), (left, top + 30))
            lines += [TextLine(text=text, confidence=drawn.choice((0.6, 0.9, 0.99)), polygon=corners)] * bool(text)
        yield FrameResult(index, index * 40.0 if index < 300 else index * 100.0, (), tuple(lines), {})


@pytest.fixture
def index(tmp_path: Path) -> TextIndex:
    return TextIndex(ADDRESS, tmp_path)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(ADDRESS, tmp_path)


class TestHistory:
    def test_it_names_the_file_of_each_job(self, history: History, tmp_path: Path) -> None:
        assert history.files() == {}
        history.add("a", tmp_path / "one.mp4")
        history.add("b", Path("two\nlines é.mp4"))
        assert history.files() == {"a": tmp_path / "one.mp4", "b": Path("two\nlines é.mp4").absolute()}

    def test_a_job_that_is_gone_is_forgotten(self, history: History, tmp_path: Path) -> None:
        for job_id in "abc":
            history.add(job_id, tmp_path / f"{job_id}.mp4")
        history.forget({"b", "elsewhere"})
        assert list(history.files()) == ["a", "c"]
        history.forget({"a", "c"})
        assert history.files() == {}
        assert list(tmp_path.glob("*.jsonl")) == []

    def test_lines_that_are_damaged_hide_no_others(self, history: History, tmp_path: Path) -> None:
        history.add("a", tmp_path / "a.mp4")
        (kept,) = tmp_path.glob("*.jsonl")
        with kept.open("ab") as file:
            file.write(b'{"job_id": "b"}\n[1]\n\xff\n{"job')
        history.add("c", tmp_path / "c.mp4")
        assert list(history.files()) == ["a", "c"]

    def test_what_cannot_be_understood_is_kept_when_jobs_are_forgotten(self, history: History, tmp_path: Path) -> None:
        history.add("a", tmp_path / "a.mp4")
        (kept,) = tmp_path.glob("*.jsonl")
        with kept.open("ab") as file:
            file.write(b'{"of a later version": "\xff"}')
        history.forget({"a"})
        assert kept.read_bytes() == b'{"of a later version": "\xff"}\n'

    @not_on_windows
    def test_a_history_that_cannot_be_read_is_left_alone(self, history: History, tmp_path: Path) -> None:
        history.add("a", tmp_path / "a.mp4")
        (kept,) = tmp_path.glob("*.jsonl")
        kept.rename(tmp_path / "elsewhere")
        kept.symlink_to(kept)  # which cannot be opened, not even by root
        assert history.files() == {}
        history.forget([])
        with pytest.raises(OSError, match="symbolic links"):
            history.forget(["a"])
        assert kept.is_symlink()

    def test_nothing_is_lost_that_is_added_while_other_jobs_are_forgotten(
        self, history: History, tmp_path: Path
    ) -> None:
        jobs = [f"job {number}" for number in range(100)]
        with ThreadPoolExecutor() as pool:
            for number in range(100):
                pool.submit(History(ADDRESS, tmp_path).add, f"old {number}", tmp_path).result()
            forgotten = [pool.submit(History(ADDRESS, tmp_path).forget, [f"old {number}"]) for number in range(30)]
            added = [pool.submit(History(ADDRESS, tmp_path).add, job_id, tmp_path) for job_id in jobs]
            for done in (*forgotten, *added):
                done.result()
        assert set(history.files()) == {*jobs, *(f"old {number}" for number in range(30, 100))}

    @not_on_windows
    @pytest.mark.thorough
    def test_a_process_that_keeps_the_history_to_itself_is_not_waited_for_for_ever(
        self, history: History, tmp_path: Path
    ) -> None:
        history.add("a", tmp_path / "a.mp4")
        (lock,) = tmp_path.glob("*.lock")
        with FileLock(lock), pytest.raises(TimeoutError):
            history.add("b", tmp_path / "b.mp4")
        assert list(history.files()) == ["a"]

    def test_this_host_is_one_whatever_it_is_called(self, tmp_path: Path) -> None:
        History("localhost:1", tmp_path).add("a", tmp_path / "a.mp4")
        assert list(History("127.0.0.1:1", tmp_path).files()) == ["a"]

    def test_servers_have_each_their_own(self, tmp_path: Path) -> None:
        History("one:1", tmp_path).add("a", tmp_path / "a.mp4")
        assert History("two:1", tmp_path).files() == {}

    @pytest.mark.usefixtures("without_home")
    def test_a_user_without_a_home_has_none(self, tmp_path: Path) -> None:
        history = History(ADDRESS)
        with pytest.raises(OSError, match="Not a directory"):
            history.add("a", tmp_path / "a.mp4")
        assert history.files() == {}


class TestTextIndex:
    def test_it_holds_the_lines_of_a_job(self, index: TextIndex) -> None:
        assert index.lines_of("a") is None
        index.add("a", [span("STOP"), span("Ausfahrt", 400.0)])
        index.add("b", [])
        assert index.lines_of("a") == [line("STOP"), line("Ausfahrt", 400.0)]
        assert index.lines_of("b") == []

    def test_it_holds_the_codes_of_a_job_each_with_its_format(self, index: TextIndex) -> None:
        code = CodeSpan(5, 9, 200.0, 400.0, 5, 1.0, 5, BOX, BOX, BOX, format="EAN13", text="4006381333931")
        index.add("a", [span("STOP"), replace(span("Ausfahrt", 400.0), first_frame=10), code])
        assert [(line.text, line.format) for line in index.lines_of("a") or ()] == [
            ("STOP", None), ("4006381333931", "EAN13"), ("Ausfahrt", None),
        ]  # fmt: skip

    def test_its_version_changes_with_what_the_timeline_makes_of_results(self) -> None:
        lines = [
            (span.text, span.first_frame, span.last_frame, span.best_frame) for span in timeline_of(results()).texts
        ]
        made = zlib.crc32(repr(lines).encode())
        assert (VERSION, made) == (11, 318876568), "the timeline has changed: raise VERSION, and state what is made"

    def test_a_folder_that_cannot_be_written_to_keeps_nothing_and_is_no_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        index = TextIndex(ADDRESS, tmp_path / "file")
        assert index.add("a", [span("STOP")]) == [line("STOP")]
        assert index.lines_of("a") is None

    @pytest.mark.usefixtures("without_home")
    def test_for_a_user_without_a_home_nothing_is_kept_and_that_is_no_error(self) -> None:
        index = TextIndex(ADDRESS)
        assert index.add("a", [span("STOP")]) == [line("STOP")]
        assert (index.lines_of("a"), index.jobs()) == (None, set())

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"\xff", b'{"version": 0, "lines": []}', b'{"version": 1, "lines": [["x"]]}']
    )
    def test_a_file_that_is_damaged_or_of_another_version_counts_as_missing(
        self, content: bytes, index: TextIndex, tmp_path: Path
    ) -> None:
        index.add("a", [span("STOP")])
        (kept,) = tmp_path.rglob("*.json")
        kept.write_bytes(content)
        assert index.lines_of("a") is None

    def test_the_text_of_a_job_that_is_gone_is_removed(self, index: TextIndex, tmp_path: Path) -> None:
        index.add("a", [span("STOP")])
        index.add("b", [span("secret")])
        assert index.jobs() == {"a", "b"}
        index.forget({"b", "c"})
        assert index.lines_of("b") is None
        assert [path.name for path in tmp_path.rglob("*.json")] == ["a.json"]

    def test_an_id_leads_nowhere_else(self, index: TextIndex, tmp_path: Path) -> None:
        index.add("../../a", [span("STOP")])
        assert index.lines_of("../../a") == [line("STOP")]
        assert [path.parent.parent for path in tmp_path.rglob("*.json")] == [tmp_path]


LINES = {
    "new": [line("B 123 XYZ"), line("Speed limit ends", 400.0), line("E")],
    "old": [line("STOP"), line("DOLLARAMA-E"), line("stop  here", 900.0)],
}


class TestMatches:
    def found(self, text: str, min_score: float = 85) -> list[tuple[str, str]]:
        return [(match.job_id, match.line.text) for match in matches(text, LINES, min_score)]

    def test_case_and_blanks_make_no_difference(self) -> None:
        assert self.found(" Stop ", 100) == [("old", "STOP"), ("old", "stop  here")]
        assert self.found("STOP HERE", 100) == [("old", "stop  here")]

    def test_what_is_read_nearly_so_is_found_too_the_best_first(self) -> None:
        assert self.found("DOLLARANA") == [("old", "DOLLARAMA-E")]
        assert self.found("DOLLARANA", 100) == []
        assert self.found("STOP", 40)[:2] == [("old", "STOP"), ("old", "stop  here")]

    @pytest.mark.parametrize(
        ("wanted", "said"),
        [
            ("cafe zurich", "Café Zürich"),
            ("café münchen", "Cafe\u0301 Mu\u0308nchen"),
            ("Mu\u0308ller", "MÜLLER"),
            ("hello", "\uff48\uff45\uff4c\uff4c\uff4f"),
            ("ガイド", "ｶﾞｲﾄﾞ"),
            ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
        ],
    )
    def test_accents_and_forms_of_the_same_characters_make_no_difference(self, wanted: str, said: str) -> None:
        lines = {"job": [line(said)], "other": [line("another")]}
        assert [match.job_id for match in matches(wanted, lines, 100)] == ["job"]

    @pytest.mark.parametrize(("wanted", "said"), [("stop", "ST0P"), ("exit", "EX1T"), ("B 8", "8 8"), ("S0S", "505")])
    def test_characters_that_are_misread_for_each_other_make_little_difference(self, wanted: str, said: str) -> None:
        lines = {"near": [line(said)], "exact": [line(wanted)], "other": [line("shop")]}
        assert [match.job_id for match in matches(wanted, lines, 95)] == ["exact", "near"]
        assert [match.job_id for match in matches(wanted, lines, 100)] == ["exact"]

    def test_one_character_is_not_found_in_every_longer_text(self) -> None:
        assert ("new", "E") not in self.found("speed")

    def test_newer_jobs_come_first_and_earlier_lines(self) -> None:
        lines = {"new": [line("a", 5.0), line("a", 9.0)], "old": [line("a")]}
        assert [(match.job_id, match.line.start_ms) for match in matches("a", lines, 100)] == [
            ("new", 5.0), ("new", 9.0), ("old", 0.0),
        ]  # fmt: skip
