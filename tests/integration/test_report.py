"""The report in a real browser: what it shows, that it runs nothing of the results, that it stays quick."""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from job_client import JobClient
from job_client.__main__ import main
from job_client.report.page import render_report
from job_client.report.thumbnails import best_frames, make_thumbnails
from job_client.spans import SpanKind
from job_client.summary import summary_of
from shared.process.exit_codes import ExitCode
from shared.video.reader import VideoReader
from tests.conftest import TINY_MP4
from tests.support.browser import Browser, chromium
from tests.support.found import FRAME_RESULTS, RESULTS, frame, frame_results
from tests.support.samples import results_document
from tests.support.waiting import eventually
from tests.support.worker_fakes import FakeRunner
from tests.support.working import working

pytestmark = pytest.mark.integration

WIDE, NARROW = (1280, 800), (390, 844)
HOSTILE = [
    "<script>document.title = 'run'</script>",
    "</script><script>document.title = 'run'</script>",
    "<img src=x onerror=\"document.title = 'run'\">",
    "<!-- <script>",
    "{{ 7 * 7 }}",
    "'\"`&amp;\\u003c",
    "\u202eright to left",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    yield from _started(tmp_path_factory.mktemp("browser"))


def _started(folder: Path) -> Iterator[Browser]:
    with chromium(folder) as started:
        yield started


def tiny_results() -> list[Any]:
    """Return what is in TINY_MP4, with a thing that comes and goes."""
    found = []
    for decoded in VideoReader(TINY_MP4):
        labels = {"block": 0.5 + decoded.index / 100} if decoded.index % 4 else {}
        of_frame = frame(decoded.index, labels, {f"Frame {decoded.index + 1}": 0.9})
        of_frame["result"]["timestamp_ms"] = decoded.timestamp_ms
        found.append(of_frame)
    return found


Report = Callable[..., Path]


@pytest.fixture
def report(address: str, client: JobClient, tmp_path: Path) -> Report:
    """Write the report of a job with these results."""

    def write(results: list[Any], *arguments: str | Path) -> Path:
        with working(address, FakeRunner(lambda *_: results_document(results))):
            job_id = client.submit(TINY_MP4).wait(60).job_id
        page = tmp_path / "report.html"
        command = ["report", job_id, "-o", page, "--address", address, *arguments]
        assert main([str(word) for word in command]) == ExitCode.OK
        return page

    return write


def names(browser: Browser) -> list[str]:
    return browser.texts("#rows .name")


def test_everything_found_is_listed_with_its_numbers(browser: Browser, report: Report) -> None:
    browser.open(report(RESULTS), *WIDE)
    assert names(browser) == ["car", "STOP", "dog", "[live] Кадр", "[/b]"]
    assert browser.texts("#rows .numbers")[0] == "3 frames, 2 spans, 0:00.00 to 0:00.16, best 0.75"
    assert browser.texts(".facts dd") == ["4", "0:00.2", "2", "3", "0"]
    assert browser.texts("#count") == ["5 of 5 listed"]


def test_the_timeline_has_a_bar_a_span_that_jumps_to_its_best_frame(browser: Browser, report: Report) -> None:
    browser.open(report(RESULTS), *WIDE)
    title = "0:00.00 to 0:00.08, frames 0 to 1, best 0.75"
    assert browser.run("return document.querySelector('.track button').title") == title
    browser.click("#rows li:nth-child(1) .track button:nth-child(2)")
    assert browser.texts("#where") == ["Frame 3, 0:00.12"]
    assert browser.texts("#in-frame li") == ["car 0.60"]
    browser.click("#rows li:nth-child(1) .track button:nth-child(1)")
    assert browser.texts("#where") == ["Frame 1, 0:00.04"]
    assert browser.texts("#in-frame li") == ["car 0.75", "dog 0.90", "[live] Кадр 0.95"]
    assert browser.run("return document.querySelectorAll('#overlay polygon').length") == 3
    assert browser.run("return location.hash") == "#frame=1"
    browser.click("#on")
    assert browser.texts("#where") == ["Frame 2, 0:00.08"]


def test_a_link_to_a_frame_opens_it(browser: Browser, report: Report) -> None:
    browser.open(report(RESULTS), *WIDE, fragment="#frame=2")
    assert browser.texts("#where") == ["Frame 2, 0:00.08"]


def test_search_kind_and_order_choose_what_is_listed(browser: Browser, report: Report) -> None:
    browser.open(report(RESULTS), *WIDE)
    browser.type("#search", "кадр")
    assert names(browser) == ["[live] Кадр"]
    browser.type("#search", " nothing such")
    assert browser.texts("#count") == ["Nothing of that was found."]
    browser.run("search.value = ''; kind.value = 'text'; order.value = 'time'; kind.dispatchEvent(new Event('input'))")
    assert names(browser) == ["STOP", "[live] Кадр", "[/b]"]
    browser.run("kind.value = 'label'; order.value = 'confidence'; kind.dispatchEvent(new Event('input'))")
    assert names(browser) == ["dog", "car"]


def test_hostile_text_is_shown_and_never_run(browser: Browser, report: Report) -> None:
    results = [frame(0, dict.fromkeys(HOSTILE, 0.9), dict.fromkeys(HOSTILE, 0.5))]
    page = report(results)
    browser.open(page, *WIDE)
    assert sorted(names(browser)) == sorted(HOSTILE * 2)
    assert "run" not in browser.run("return document.title").split()
    assert browser.run("return document.querySelectorAll('main img:not(#image), main script').length") == 0
    assert browser.run("return document.scripts.length") == 2
    assert browser.log() == []


def test_a_hostile_name_of_the_video_is_shown_and_never_run(
    browser: Browser, client: JobClient, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_report(client.submit(TINY_MP4).status(), FRAME_RESULTS, HOSTILE[1]), encoding="utf-8")
    browser.open(page, *WIDE)
    assert browser.texts("h1") == [HOSTILE[1]]
    assert browser.run("return document.title") == f"{HOSTILE[1]}: Foregsyte report"


def test_the_page_may_load_nothing_and_run_no_other_script(browser: Browser, report: Report) -> None:
    page = report(RESULTS)
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page.read_text(encoding="utf-8"))
    browser.open(page, *WIDE)
    assert browser.log() == []
    browser.run(
        "const added = document.createElement('script'); added.textContent = 'document.title = \"run\"';"
        "document.body.append(added); const image = new Image(); image.src = 'http://127.0.0.1:9/x.png';"
        "document.body.append(image)"
    )
    blocked = eventually(lambda: refused if len(refused := browser.log()) >= 2 else None, "the refusals")
    assert all("Content Security Policy" in message for message in blocked)
    assert browser.run("return document.title") != "run"


def test_thumbnails_are_those_of_the_best_frames(browser: Browser, report: Report) -> None:
    page = report(tiny_results(), "--video", TINY_MP4)
    browser.open(page, *WIDE)
    browser.click("#rows li:nth-child(1) img")
    assert browser.texts("#where") == ["Frame 11, 0:01.10"]
    assert browser.run("return image.hidden") is False
    assert browser.run("return image.naturalWidth") == 320
    url = browser.run("return image.src")
    shown = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")
    expected = Image.fromarray(list(VideoReader(TINY_MP4))[11].image[..., ::-1])
    assert (
        max(
            abs(one - other)
            for one, other in zip(shown.getpixel((180, 195)), expected.getpixel((180, 195)), strict=True)
        )
        < 25
    )
    assert browser.run("return data.size") == [320, 240]


def test_there_are_no_more_thumbnails_than_requested_and_the_page_says_so(browser: Browser, report: Report) -> None:
    browser.open(report(tiny_results(), "--video", TINY_MP4, "--thumbnails", "3"), *WIDE)
    assert browser.run("return Object.keys(data.thumbnails).length") == 3
    browser.run("show(0)")
    browser.run("show(7)")
    assert browser.run("return document.getElementById('no-image').hidden") is False


def test_rows_come_before_further_spans_when_thumbnails_are_few() -> None:
    results = frame_results(tiny_results())
    rows = [row for kind in SpanKind for row in summary_of(results, kind)]
    assert best_frames(rows, 2) == {11, 0}
    assert len(best_frames(rows, 1000)) == 12
    thumbnails, size = make_thumbnails(TINY_MP4, results, {0, 11})
    assert (sorted(thumbnails), size) == ([0, 11], (320, 240))


def test_the_video_file_itself_can_be_opened_and_is_shown_at_the_frame(browser: Browser, report: Report) -> None:
    browser.open(report(tiny_results()), *WIDE)
    assert browser.run("return document.getElementById('no-image').hidden") is False
    browser.type("#file", str(TINY_MP4))
    eventually(lambda: browser.run("return video.readyState >= 1"), "the video")
    browser.click("#rows li:nth-child(1) .track button:nth-child(1)")
    assert browser.texts("#where") == ["Frame 3, 0:00.30"]
    eventually(lambda: abs(browser.run("return video.currentTime") - 0.301) < 0.02, "the jump")
    assert browser.run("return document.getElementById('no-image').hidden") is True


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_light_and_dark_wide_and_narrow(
    size: tuple[int, int], dark: bool, browser: Browser, report: Report
) -> None:
    long = frame(4, {}, {"a very long line without an end " * 20: 0.5, "x" * 500: 0.4})
    browser.open(report([*RESULTS, long]), *size, dark=dark)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    corner = Image.open(io.BytesIO(browser.screenshot())).convert("L").getpixel((2, 2))
    assert corner < 60 if dark else corner > 200


def large_results() -> list[Any]:
    """Return 10,000 frames with five objects each, and 5,000 different lines of text that come and go."""
    results = []
    for index in range(10_000):
        labels = {f"label {(index // 7 + number * 3) % 80}": 0.5 + number / 10 for number in range(5)}
        texts = {f"Line {(index // 3 + number * 1667) % 5000} of the text on the screen": 0.9 for number in range(3)}
        results.append(frame(index, labels, texts))
    return results


@pytest.mark.corpus
@pytest.mark.alone
def test_ten_thousand_frames_and_five_thousand_lines_do_not_freeze_it(browser: Browser, report: Report) -> None:
    page = report(large_results())
    browser.open(page, *WIDE)
    assert browser.texts("#count") == ["5080 of 5080 listed"]
    assert browser.run("return Number(document.documentElement.dataset.ready)") < 10_000
    assert browser.run("return document.querySelectorAll('#rows li').length") < 500

    def milliseconds(script: str) -> float:
        drawn = (
            f"const began = performance.now(); {script}; document.body.offsetHeight; return performance.now() - began"
        )
        return float(browser.run(drawn))

    typed = "search.value = arguments[0] ?? '{}'; search.dispatchEvent(new Event('input'))"
    assert milliseconds(typed.format("4999")) < 1000
    assert names(browser) == ["Line 4999 of the text on the screen"]
    assert milliseconds(typed.format("")) < 2000
    assert milliseconds("show(9999)") < 500
    browser.run("scrollTo(0, document.body.scrollHeight)")
    eventually(lambda: browser.run("return document.querySelectorAll('#rows li').length") > 100, "more rows")


def test_the_results_of_a_pipeline_of_other_shape_make_a_page_too(browser: Browser, report: Report) -> None:
    browser.open(report([{"frame_index": 0, "result": {"mood": "calm"}}]), *WIDE)
    assert browser.texts("#count") == ["Nothing of that was found."]
    assert browser.texts("#where") == ["Frame 0, 0:00.00"]


def test_the_data_in_the_page_is_the_results(report: Report) -> None:
    content = report(RESULTS).read_text(encoding="utf-8")
    [carried] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', content, re.DOTALL)
    data = json.loads(carried)
    assert [index for index, _ in data["frames"]] == [0, 1, 2, 3]
    assert [row[1] for row in data["rows"]] == ["car", "dog", "STOP", "[live] Кадр", "[/b]"]
    assert [len(found) for found in data["found"]] == [2, 3, 2, 1]
