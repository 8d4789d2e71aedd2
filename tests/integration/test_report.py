"""The report in a real browser: what it shows, that it runs nothing of the results, that it stays quick."""

import base64
import csv
import gc
import io
import json
import os
import random
import re
import shutil
import zlib
from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PIL import Image

from job_client import JobClient
from job_client.__main__ import main
from job_client.errors import UnsuitableVideo
from job_client.exports import ExportFormat, export
from job_client.job import JobInfo
from job_client.report.best_frames import best_frames
from job_client.report.boxes import FIRST_LABEL, boxes_of
from job_client.report.page import ReportedVideo, render_report
from job_client.report.thumbnails import make_thumbnails
from job_client.search import History
from job_client.timeline import timeline_and_noise, timeline_of
from shared.contract.job_status import JobStatus
from shared.process.exit_codes import ExitCode
from shared.video.reader import VideoReader
from tests.conftest import TINY_MP4
from tests.support.adapters import HookedStorage
from tests.support.browser import Browser, chromium
from tests.support.found import FRAME_RESULTS, RESULTS, frame, frame_results
from tests.support.samples import UNKNOWN_JOB, results_document
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


def row_of(name: str) -> str:
    """Return the selector of the row with this name, by its place among the rows of `street`."""
    return f"#rows li:nth-child({STREET.index(name) + 1})"


STREET = ["car", "dog", "STOP", "[live] Кадр"]


def street() -> list[Any]:
    """Return 100 frames of 40 ms: two cars, one after the other; a dog; two lines of text, the second is read twice."""
    results = []
    for index in range(100):
        labels = {"car": 0.5 + index / 1000} if index < 25 or index >= 75 else {}
        labels |= {"dog": 0.9} if 30 <= index < 40 else {}
        texts = {"STOP": 0.95} if index < 50 else {"[live] Кадр": 0.97} if not 70 <= index < 90 else {}
        results.append(frame(index, labels, texts))
        for found in results[-1]["result"]["detections"][len(labels) - (30 <= index < 40) :]:
            found["box"] = [200.0, 20.0, 250.0, 80.0]
    noise = {"text": "Y", "confidence": 0.6, "polygon": [[200, 10], [210, 10], [210, 20], [200, 20]]}
    results[60]["result"]["text_lines"].append(noise)
    return results


def test_everything_found_is_listed_once_with_its_times(browser: Browser, report: Report) -> None:
    browser.open(report(street()), *WIDE)
    assert names(browser) == STREET
    numbers = browser.texts("#rows .numbers")
    assert numbers[0] == "2 objects, 2.00 s, 0:00.00 to 0:04.00, best 0.60"
    assert numbers[2:] == [
        "once, 2.00 s, 0:00.00 to 0:02.00, best 0.95",
        "2 times, 1.20 s, 0:02.00 to 0:04.00, best 0.97",
    ]
    assert browser.texts("#counts dd") == ["0:04.0", "100", "3", "3", "0"]
    assert browser.texts("#count") == ["4 of 4 listed"]


def test_what_is_seen_for_a_moment_is_listed_on_request(browser: Browser, report: Report) -> None:
    browser.open(report(street()), *WIDE)
    assert browser.texts("#noise-count") == ["with 1 seen for a moment, probably noise"]
    browser.run("show(60)")
    assert browser.texts("#in-frame bdi") == ["[live] Кадр"]
    browser.click("#noise")
    assert names(browser) == [*STREET, "Y"]
    assert browser.texts("#in-frame bdi") == ["[live] Кадр", "Y"]


def test_there_is_no_choice_where_nothing_is_noise(browser: Browser, report: Report) -> None:
    browser.open(report([frame(index, {"car": 0.9}, {}) for index in range(9)]), *WIDE)
    assert browser.run("return document.getElementById('noise-choice').hidden")


def test_a_name_jumps_to_its_best_frame_and_its_steps_to_its_other_sightings(browser: Browser, report: Report) -> None:
    browser.open(report(street()), *WIDE)
    browser.click(f"{row_of('car')} .name")
    assert browser.texts("#where") == ["Frame 99, 0:03.96"]
    assert browser.texts("#in-frame li") == ["car #3 0.60", "[live] Кадр 0.97"]
    eventually(lambda: browser.run("return location.hash") == "#frame=99", "the address")
    browser.click(f"{row_of('car')} .head .group button")
    assert browser.texts("#where") == ["Frame 24, 0:00.96"]
    assert browser.run("return document.querySelectorAll('#overlay polygon').length") == 2
    browser.click("#on")
    assert browser.texts("#where") == ["Frame 25, 0:01.00"]
    assert browser.run("return document.querySelectorAll('#overlay polygon').length") == 1


def test_its_steps_reach_every_sighting_whatever_the_order_of_their_best_frames(
    browser: Browser, report: Report
) -> None:
    results = [frame(index, {}, {}) for index in range(60)]
    for first, best, left in ((0, 50, 0.0), (10, 12, 300.0), (20, 40, 600.0)):  # three cars beside each other
        for index in range(first, 60):
            box = [left, 0.0, left + 90.0, 60.0]
            confidence = 0.9 if index == best else 0.6
            results[index]["result"]["detections"].append({"label": "car", "confidence": confidence, "box": box})
    browser.open(report(results), *WIDE)
    browser.run("show(0)")
    on = "#rows li:nth-child(1) .head .group button:nth-child(2)"
    seen = []
    for _ in range(3):
        browser.click(on)
        seen += browser.texts("#where")
    assert [text.partition(",")[0] for text in seen] == ["Frame 12", "Frame 40", "Frame 50"]


def test_a_page_can_be_written_to_the_standard_output_and_says_why_the_video_is_not_in_it(
    address: str, client: JobClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(TINY_MP4.read_bytes())
    with working(address, FakeRunner(lambda *_: results_document(tiny_results()))):
        assert main(["submit", str(video), "--wait", "--address", address]) == ExitCode.OK
    job_id = capsys.readouterr().out.strip()
    video.write_bytes(b"another file")
    assert main(["report", job_id, "--out", "-", "--address", address]) == ExitCode.OK
    written = capsys.readouterr()
    assert written.out.startswith("<!doctype html>")
    assert f"Without the video {video}: " in written.err.replace("\n", " ")


def test_a_click_on_a_lane_goes_to_that_time_or_to_what_was_seen_beside_it(browser: Browser, report: Report) -> None:
    browser.open(report(street()), *WIDE)
    browser.click(f"{row_of('STOP')} .lane", 0.25)
    assert shown_frame(browser) == pytest.approx(25, abs=1)
    browser.click(f"{row_of('dog')} .lane", 0.402)
    assert browser.texts("#in-frame bdi") == ["dog", "STOP"]
    browser.click("#axis", 0.8)
    assert shown_frame(browser) == pytest.approx(80, abs=1)


def shown_frame(browser: Browser) -> int:
    return int(re.findall(r"Frame (\d+)", browser.texts("#where")[0])[0])


def lane_pixels(browser: Browser, name: str) -> list[float]:
    """Return how opaque each pixel of the row's lane is, 0 to 1, from left to right."""
    script = """
        const canvas = document.querySelector(arguments[0] + " .lane canvas");
        drawLane(canvas);
        const {data, width} = canvas.getContext("2d").getImageData(0, 5, canvas.width, 1);
        return [...Array(width).keys()].map((x) => data[4 * x + 3] / 255);
    """
    return list(browser.run(script, row_of(name)))


def test_a_lane_is_shaded_by_how_much_of_the_time_something_was_seen(browser: Browser, report: Report) -> None:
    browser.open(report(street()), *WIDE)
    car = lane_pixels(browser, "car")
    assert set(car[5 : len(car) // 4 - 5]) == {1.0}
    assert set(car[len(car) // 4 + 5 : 3 * len(car) // 4 - 5]) == {0.0}
    dog = lane_pixels(browser, "dog")
    assert 0.09 < sum(share > 0 for share in dog) / len(dog) < 0.12


def test_a_flash_in_a_long_video_is_one_pale_pixel(browser: Browser, report: Report) -> None:
    results = [frame(index, {"car": 0.9}, {"STOP": 0.98} if index == 4000 else {}) for index in range(9000)]
    browser.open(report(results), *WIDE)
    seen = [share for share in lane_pixels_of_first_text(browser) if share]
    assert len(seen) <= 2
    assert all(0.3 < share < 0.6 for share in seen)


def lane_pixels_of_first_text(browser: Browser) -> list[float]:
    browser.run("kind.value = 'text'; kind.dispatchEvent(new Event('input'))")
    return lane_pixels(browser, STREET[0])


def test_the_axis_zooms_and_moves_by_buttons_keys_and_wheel_and_has_round_times(
    browser: Browser, report: Report
) -> None:
    browser.open(report(street()), *WIDE)
    shown = "return document.getElementById('range').textContent"

    def becomes(text: str) -> None:
        eventually(lambda: browser.run(shown) == text, f"the times {text}")

    becomes("0:00.0 to 0:04.0")
    browser.click("#in")
    becomes("0:01.0 to 0:03.0")
    browser.click("#later")
    becomes("0:02.0 to 0:04.0")
    assert browser.run("return tickStep(700)") == 500
    browser.type("#axis", "+")
    becomes("0:02.5 to 0:03.5")
    assert browser.run("return tickStep(700)") == 200
    browser.type("#axis", "0")
    becomes("0:00.0 to 0:04.0")
    browser.run(
        "const {left, width} = axis.getBoundingClientRect();"
        "const wheel = {deltaY: -1e3, clientX: left, cancelable: true};"
        "axis.dispatchEvent(new WheelEvent('wheel', wheel))"
    )
    becomes("0:00.0 to 0:00.9")


def test_the_axis_begins_where_the_video_begins(browser: Browser, report: Report) -> None:
    results = street()
    for each in results:
        each["result"]["timestamp_ms"] += 10_000
    browser.open(report(results), *WIDE)
    assert browser.texts("#counts dd")[0] == "0:04.0"
    eventually(lambda: browser.texts("#range") == ["0:10.0 to 0:14.0"], "the whole video")
    browser.click("#in")
    for _ in range(3):
        browser.click("#earlier")
    eventually(lambda: browser.texts("#range") == ["0:10.0 to 0:12.0"], "the first half of the video")


def test_codes_of_two_formats_that_say_the_same_are_two_rows(browser: Browser, report: Report) -> None:
    results = [frame(index, {}, {}) for index in range(9)]
    for each in results:
        each["result"]["codes"] = [
            {"format": kind, "text": "4006381333931", "polygon": [[x, 0], [x + 50, 0], [x + 50, 50], [x, 50]]}
            for x, kind in ((0, "EAN13"), (100, "QRCode"))
        ]
    browser.open(report(results), *WIDE)
    assert names(browser) == ["4006381333931"] * 2
    assert [text.split(",")[0] for text in browser.texts("#rows .numbers")] == ["EAN13", "QRCode"]


def test_twenty_labels_look_different_in_the_lanes_in_the_frame_and_beside_the_names(
    browser: Browser, report: Report
) -> None:
    results = [frame(index, {f"label {number}": 0.9 for number in range(20)}, {}) for index in range(9)]
    for each in results:
        for place, found in enumerate(each["result"]["detections"]):
            found["box"] = [x + 100 * place for x in found["box"]]
    browser.open(report(results), *WIDE)
    looks = browser.run("""
        const lane = (canvas) => {
            drawLane(canvas);
            return canvas.getContext("2d").getImageData(canvas.width / 2, 0, 1, canvas.height).data.join();
        };
        const line = (polygon) => (({stroke, strokeDasharray}) => stroke + strokeDasharray)(getComputedStyle(polygon));
        const image = (swatch) => getComputedStyle(swatch).backgroundImage;
        return [["#rows canvas", lane], ["#overlay polygon", line], ["#rows .swatch", image]].map(
            ([selector, look]) => [...document.querySelectorAll(selector)].map(look));
    """)
    assert [len(set(each)) for each in looks] == [20, 20, 20]


def test_everything_can_be_reached_by_keyboard_and_has_a_name(browser: Browser, report: Report) -> None:
    browser.open(report(street()), *WIDE)
    unnamed = """
        return [...document.querySelectorAll("button, input, select, [tabindex]")].filter((each) =>
            !each.getAttribute("aria-label") && !each.textContent.trim() && !each.labels?.length).length
    """
    assert browser.run(unnamed) == 0
    reached = browser.run("return [...document.querySelectorAll('#rows button')].every((each) => each.tabIndex === 0)")
    assert reached is True


def test_a_link_to_a_frame_opens_it(browser: Browser, report: Report) -> None:
    browser.open(report(RESULTS), *WIDE, fragment="#frame=2")
    assert browser.texts("#where") == ["Frame 2, 0:00.08"]


def test_the_address_is_changed_once_after_many_frames_in_a_row(browser: Browser, report: Report) -> None:
    browser.open(report(street()), *WIDE)
    browser.run(
        "const replace = history.replaceState.bind(history); window.changes = 0;"
        "history.replaceState = (...state) => { changes += 1; replace(...state); };"
        "for (let frame = 0; frame < 90; frame += 1) show(frame)"
    )
    eventually(lambda: browser.run("return location.hash") == "#frame=89", "the address")
    assert browser.run("return changes") == 1


def test_search_kind_and_order_choose_what_is_listed(browser: Browser, report: Report) -> None:
    browser.open(report(street()), *WIDE)
    browser.type("#search", "кадр")
    assert names(browser) == ["[live] Кадр"]
    browser.type("#search", " nothing such")
    assert browser.texts("#count") == ["Nothing of that was found."]
    browser.run(
        "search.value = ''; kind.value = 'text'; order.value = 'confidence'; kind.dispatchEvent(new Event('input'))"
    )
    assert names(browser) == ["[live] Кадр", "STOP"]
    browser.run("kind.value = 'object'; order.value = 'seconds'; kind.dispatchEvent(new Event('input'))")
    assert names(browser) == ["car", "dog"]


def test_what_is_listed_is_saved_as_the_command_writes_events(browser: Browser, report: Report, tmp_path: Path) -> None:
    results = street()
    for each in results[:50]:
        each["result"]["text_lines"][0]["text"] = '=1+"1", STOP'
        polygon = [[0, 0], [50, 0], [50, 50], [0, 50]]
        each["result"]["codes"] = [{"format": "QRCode", "text": "ÿ", "bytes": "/w==", "polygon": polygon}]
    browser.open(report(results), *WIDE)
    saved = browser.saved_into(tmp_path / "saved")
    browser.click("#csv")
    expected = "".join(export(frame_results(results), ExportFormat.events_csv))
    content = eventually(lambda: saved("*.csv"), "the CSV")
    assert cells(content) == cells(expected)
    browser.run("kind.value = 'code'; kind.dispatchEvent(new Event('input'))")
    browser.click("#json")
    events = json.loads("".join(export(frame_results(results), ExportFormat.events)))
    content = eventually(lambda: saved("*.json"), "the JSON")
    assert json.loads(content) == [event for event in events if event["kind"] == "code"]


def cells(content: str) -> list[list[str]]:
    """Return the cells of a CSV; a script writes 40.0 as 40."""
    return [[cell.removesuffix(".0") for cell in row] for row in csv.reader(io.StringIO(content, newline=""))]


def test_what_is_listed_is_copied(browser: Browser, report: Report) -> None:
    browser.open(report(street()), *WIDE)
    browser.grant("clipboardReadWrite", "clipboardSanitizedWrite")
    browser.run("kind.value = 'text'; kind.dispatchEvent(new Event('input'))")
    browser.click("#copy")
    eventually(lambda: browser.texts("#count") == ["Copied 3 lines."], "the copy")
    copied = browser.wait_for("navigator.clipboard.readText()")
    assert copied.splitlines()[0] == "0:00.00\t0:02.00\tSTOP"
    browser.click("#rows li:nth-child(2) .head .group button:last-child")
    eventually(lambda: browser.wait_for("navigator.clipboard.readText()") == "[live] Кадр", "the copy")


def test_no_tab_and_no_end_of_a_line_in_a_name_makes_a_cell_of_what_is_copied(browser: Browser, report: Report) -> None:
    browser.open(report([frame(index, {"\t=1\r\n0:09.00\tforged": 0.9}, {}) for index in range(9)]), *WIDE)
    browser.grant("clipboardReadWrite", "clipboardSanitizedWrite")
    browser.click("#copy")
    eventually(lambda: browser.texts("#count") == ["Copied 1 line."], "the copy")
    [copied] = browser.wait_for("navigator.clipboard.readText()").splitlines()
    assert copied.split("\t")[2:] == ["'=1 0:09.00 forged"]


def hostile() -> list[Any]:
    """Return frames that hold hostile text for long enough to be seen, each at a place of its own."""
    results = [frame(index, dict.fromkeys(HOSTILE, 0.9), dict.fromkeys(HOSTILE, 0.9)) for index in range(10)]
    for each in results:
        for place, found in enumerate(each["result"]["detections"]):
            found["box"] = [x + 100 * place for x in found["box"]]
        for place, line in enumerate(each["result"]["text_lines"]):
            line["polygon"] = [[x, y + 40 * place] for x, y in line["polygon"]]
    return results


def test_hostile_text_is_shown_and_never_run(browser: Browser, report: Report) -> None:
    browser.open(report(hostile(), "--jobs"), *WIDE)
    assert sorted(names(browser)) == sorted(text.replace("\u202e", r"\u202e") for text in HOSTILE * 2)
    assert "\u202e" not in browser.run("return document.body.innerText")
    assert "run" not in browser.run("return document.title").split()
    assert browser.run("return document.querySelectorAll('main img:not(#image), main script').length") == 0
    assert browser.run("return document.scripts.length") == 2
    assert browser.log() == []


def test_the_results_of_one_video_at_a_time_are_in_memory(start_server: Callable[..., str], tmp_path: Path) -> None:
    storage = HookedStorage()
    address = start_server(storage=storage)
    with JobClient(address) as client, working(address, FakeRunner(lambda *_: results_document(RESULTS))):
        jobs = [client.submit(TINY_MP4).wait(60).job_id for _ in range(3)]

    def in_memory() -> int:
        return sum(type(each) is ReportedVideo for each in gc.get_objects())

    of_other_tests = in_memory()  # until they are collected
    held: list[int] = []
    storage.before_load = lambda: held.append(in_memory())
    assert main(["report", *jobs, "-o", str(tmp_path / "report.html"), "--address", address]) == ExitCode.OK
    assert len(held) == len(jobs)
    assert max(held) <= of_other_tests


def test_a_hostile_name_of_the_video_is_shown_and_never_run(
    browser: Browser, client: JobClient, tmp_path: Path
) -> None:
    page, info = tmp_path / "report.html", client.submit(TINY_MP4).status()
    timeline, noise = timeline_and_noise(FRAME_RESULTS)
    video = ReportedVideo(info, f"{HOSTILE[1]}\u202e", FRAME_RESULTS, timeline, noise)
    page.write_text(render_report([video]), encoding="utf-8")
    browser.open(page, *WIDE)
    shown = rf"{HOSTILE[1]}\u202e"
    assert browser.texts("h1") == [shown]
    assert browser.run("return document.title") == f"{shown}: Foregsyte report"


def test_a_file_name_in_another_encoding_is_shown_and_linked(report: Report, tmp_path: Path) -> None:
    video = shutil.copy(TINY_MP4, tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    page = report(tiny_results(), "--video", video).read_text(encoding="utf-8")
    assert "<title>caf\ufffd.mp4: Foregsyte report</title>" in page
    assert '"url":"caf%E9.mp4"' in page


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
    browser.run("openVideo('')")
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
    assert browser.run("return shownVideo.size") == [320, 240]


def test_there_are_no_more_thumbnails_than_requested_and_the_page_says_so(browser: Browser, report: Report) -> None:
    browser.open(report(tiny_results(), "--video", TINY_MP4, "--thumbnails", "1"), *WIDE)
    browser.run("openVideo('')")
    assert browser.run("return Object.keys(shownVideo.thumbnails)") == ["0"]
    browser.run("show(7)")
    assert browser.texts("#no-image") == ["The image is that of frame 0."]
    browser.run("show(11)")
    assert browser.texts("#no-image") == ["The report has no image of this frame."]


def test_names_come_before_further_sightings_where_thumbnails_are_few() -> None:
    timeline = timeline_of(frame_results(street()))
    assert sorted(best_frames(timeline)[:4]) == [0, 30, 50, 99]
    assert sorted(best_frames(timeline)) == [0, 24, 30, 50, 90, 99]


def test_thumbnails_that_would_take_too_much_are_left_out_the_least_important_first() -> None:
    results = frame_results(tiny_results())
    thumbnails, size = make_thumbnails(TINY_MP4, results, [11, 0, 5])
    assert (list(thumbnails), size) == ([11, 0, 5], (320, 240))
    least = len(thumbnails[11]) + len(thumbnails[0])
    assert list(make_thumbnails(TINY_MP4, results, [11, 0, 5], max_bytes=least)[0]) == [11, 0]


def test_thumbnails_are_the_same_where_frames_have_equal_times() -> None:
    results = frame_results(tiny_results())
    untimed = [msgspec.structs.replace(result, timestamp_ms=None) for result in results]
    found, decoded = (make_thumbnails(TINY_MP4, each, [11, 0, 5]) for each in (results, untimed))
    assert found == decoded


def test_there_are_no_thumbnails_of_another_video() -> None:
    with pytest.raises(UnsuitableVideo):
        make_thumbnails(TINY_MP4, frame_results(tiny_results()[:-1]), [0])


def test_boxes_that_would_take_too_much_are_those_of_fewer_frames_and_of_the_best() -> None:
    results = frame_results(street())
    everything, some = boxes_of(results, [7]), boxes_of(results, [7], max_bytes=400)
    assert everything.labels == ["car", "dog"]
    assert held_frames(everything.packed) == list(range(100))
    assert len(some.packed) <= 400 < len(everything.packed)
    assert {0, 7} < set(held_frames(some.packed)) < set(range(100))


def test_boxes_of_best_frames_take_no_more_than_they_may_and_leave_room_for_other_frames() -> None:
    chance = random.Random(1)
    results = [frame(index, {"car": 0.9}, {}) for index in range(300)]
    for each in results:
        each["result"]["detections"][0]["box"] = [chance.randrange(1000) for _ in range(4)]
    wanted = list(range(299, 0, -2))
    boxes = boxes_of(frame_results(results), wanted, max_bytes=1000)
    held = held_frames(boxes.packed)
    assert len(boxes.packed) <= 1000
    assert 299 in held
    assert any(index % 2 == 0 for index in held[1:])
    assert held_frames(boxes_of(frame_results(results), wanted, max_bytes=1).packed) == [0]


def held_frames(packed: str) -> list[int]:
    numbers = iter(array("H", zlib.decompress(base64.b64decode(packed))))
    held = []
    for low in numbers:
        held.append(low + (next(numbers) << 16))
        for _ in range(next(numbers)):
            coordinates = 4 if next(numbers) >= FIRST_LABEL else 8
            list(islice(numbers, coordinates))
    return held


def test_the_video_file_itself_can_be_opened_and_is_shown_at_the_frame(browser: Browser, report: Report) -> None:
    browser.open(report(tiny_results()), *WIDE)
    assert browser.run("return document.getElementById('no-image').hidden") is False
    browser.type("#file", str(TINY_MP4))
    eventually(lambda: browser.run("return !video.hidden && video.readyState >= 1"), "the video")
    browser.run("show(3)")
    eventually(lambda: abs(browser.run("return video.currentTime") - 0.301) < 0.02, "the jump")
    assert browser.run("return document.getElementById('no-image').hidden") is True


def test_boxes_lie_right_on_a_video_whose_size_was_not_known_before(browser: Browser, report: Report) -> None:
    browser.open(report(tiny_results()), *WIDE)
    browser.type("#file", str(TINY_MP4))
    eventually(lambda: browser.run("return !video.hidden && video.readyState >= 1"), "the video")
    assert browser.run("return overlay.getAttribute('viewBox')") == "0 0 320 240"
    assert browser.run("return stage.clientWidth / stage.clientHeight") == pytest.approx(4 / 3, rel=0.01)


@pytest.mark.corpus
def test_a_video_whose_pixels_are_not_square_fills_the_stage_as_its_boxes_do(
    browser: Browser, report: Report, corpus: Path
) -> None:
    video = corpus / "one_frame_h264_white_sar_16_9.mp4"
    [only] = VideoReader(video)
    page = report([{"frame_index": 0, "result": {"timestamp_ms": only.timestamp_ms}}], "--video", video)
    browser.open(page, *WIDE)
    x, y = browser.run(
        "const {left, top, width} = stage.getBoundingClientRect(); return [left + width / 2, top + 4].map(Math.round)"
    )

    def brightness() -> float:
        return float(Image.open(io.BytesIO(browser.screenshot())).convert("L").getpixel((x, y)))

    eventually(lambda: browser.run("return !video.hidden && video.readyState >= 2"), "the video")
    eventually(lambda: brightness() > 200, "the white frame")


def test_a_video_that_plays_stops_when_another_one_is_shown(browser: Browser, report: Report) -> None:
    browser.open(report(tiny_results(), "--video", TINY_MP4), *WIDE)
    eventually(lambda: browser.run("return !video.hidden && video.readyState >= 1"), "the video")
    browser.wait_for("(video.muted = video.loop = true, video.play())")
    eventually(lambda: browser.texts("#play") == ["❚❚"], "the button")
    browser.run("openVideo('')")
    assert browser.run("return video.paused")
    eventually(lambda: browser.texts("#play") == ["▶"], "the button")


def test_the_video_beside_the_page_is_shown_and_one_that_is_gone_is_not(
    browser: Browser, report: Report, tmp_path: Path
) -> None:
    video = shutil.copy(TINY_MP4, tmp_path / "a video #1.mp4")
    page = report(tiny_results(), "--video", video)
    browser.open(page, *WIDE, fragment="#frame=3")
    eventually(lambda: browser.run("return !video.hidden && video.readyState >= 1"), "the video")
    eventually(lambda: abs(browser.run("return video.currentTime") - 0.301) < 0.02, "the jump")
    video.unlink()
    browser.open(page, *NARROW)
    eventually(lambda: browser.run("return video.hidden && Boolean(video.error)"), "the error")
    assert browser.run("return image.hidden") is False


@pytest.mark.parametrize("beside", [False, True], ids=["elsewhere", "beside the page"])
def test_the_video_is_found_from_a_page_behind_a_link_to_its_folder(
    beside: bool, browser: Browser, report: Report, tmp_path: Path
) -> None:
    folder, link = tmp_path / "real" / "deep", tmp_path / "link"
    folder.mkdir(parents=True)
    link.symlink_to(folder)
    video = shutil.copy(TINY_MP4, (folder if beside else tmp_path) / "video.mp4")
    page = link / "report.html"
    report(tiny_results(), "--video", video, "-o", page)
    browser.open(page, *WIDE)
    assert browser.run("return JSON.parse(document.querySelector('script.data').textContent).url") == (
        "video.mp4" if beside else "../video.mp4"
    )
    eventually(lambda: browser.run("return video.readyState > 0"), "the video")


DOG = [frame(n, {"dog": 0.9}, {}) for n in range(9)]


@pytest.fixture
def command_of_jobs(address: str, client: JobClient, tmp_path: Path) -> Callable[[list[Any], list[Any]], list[str]]:
    """Return the command that writes the report of two jobs with these results, of one.mp4 and two.mp4."""

    def command(*both: list[Any]) -> list[str]:
        ids = []
        for name, results in zip(("one.mp4", "two.mp4"), both, strict=True):
            with working(address, FakeRunner(lambda *_, results=results: results_document(results))):
                ids.append(client.submit(TINY_MP4).wait(60).job_id)
            History(address).add(ids[-1], Path(shutil.copy(TINY_MP4, tmp_path / name)))
        return ["report", "--jobs", *ids, "-o", str(tmp_path / "report.html"), "--address", address]

    return command


def test_several_jobs_are_on_one_page_each_by_the_name_of_its_file(
    browser: Browser, command_of_jobs: Callable[..., list[str]], tmp_path: Path
) -> None:
    command = command_of_jobs(tiny_results(), DOG)
    assert main(command) == ExitCode.OK
    assert main([*command, "--video", str(TINY_MP4)]) == ExitCode.USAGE
    browser.open(tmp_path / "report.html", *WIDE)
    assert browser.texts("#videos button") == ["one.mp4 yolo_ocr", "two.mp4 yolo_ocr"]
    assert (browser.texts("h1"), browser.run("return document.title")) == (["one.mp4"], "2 videos: Foregsyte report")
    browser.click("#videos button:nth-child(2)")
    eventually(lambda: browser.texts("h1") == ["two.mp4"], "the other video")
    assert names(browser) == ["dog"]
    browser.click("#on")
    eventually(lambda: browser.run("return location.hash") == "#video=2&frame=1", "the address")
    browser.run("location.hash = '#video=1&frame=4'")
    eventually(lambda: browser.texts("h1") == ["one.mp4"], "the first video again")
    assert browser.texts("#where") == ["Frame 4, 0:00.40"]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_many_long_names_leave_room_for_the_video_and_each_can_be_told_from_the_others(
    size: tuple[int, int], browser: Browser, tmp_path: Path
) -> None:
    names = [f"{'holiday in the mountains ' * 6}{number}.mp4" for number in range(11)] + ["שלום עולם, מחר!.mp4"]
    results, now = frame_results(DOG), datetime.now(UTC)
    job = JobInfo(UNKNOWN_JOB, JobStatus.completed, 1.0, now, now, "yolo_ocr", "")
    page = tmp_path / "report.html"
    videos = (ReportedVideo(job, name, results, *timeline_and_noise(results)) for name in names)
    page.write_text(render_report(videos), encoding="utf-8")
    browser.open(page, *size)
    assert browser.run("return document.querySelector('#stage').getBoundingClientRect().top") < 0.7 * size[1]
    assert browser.run("return [...document.querySelectorAll('#videos button')].map((tab) => tab.title)") == names
    browser.run("location.hash = '#video=12'")
    eventually(lambda: browser.texts("h1") == names[-1:], "the last video")
    directions = "return [h1, last.querySelector('bdi')].map((name) => getComputedStyle(name).direction)"
    find = "const h1 = document.querySelector('h1'), last = document.querySelector('#videos button:last-child');"
    assert browser.run(find + directions) == ["rtl", "rtl"]
    in_sight = "return last.getBoundingClientRect().bottom <= last.parentElement.getBoundingClientRect().bottom"
    assert browser.run(find + in_sight)


def test_a_video_that_loads_slowly_does_not_replace_one_that_was_chosen_later(
    browser: Browser, command_of_jobs: Callable[..., list[str]], tmp_path: Path
) -> None:
    assert main(command_of_jobs(tiny_results(), DOG)) == ExitCode.OK
    browser.open(tmp_path / "report.html", *WIDE)
    browser.run("""
        const read = Response.prototype.arrayBuffer;
        const late = new Promise((go) => (window.loadFirst = go));
        Response.prototype.arrayBuffer = async function () { await late; return read.call(this); };
        const [one, two] = document.querySelectorAll("#videos button");
        one.click();
        Response.prototype.arrayBuffer = read;
        two.click();
    """)
    eventually(lambda: browser.texts("h1") == ["two.mp4"], "the other video")
    browser.run("loadFirst()")
    browser.wait_for("unpacked(videos[0]).then(() => 0)")
    assert browser.texts("h1") == ["two.mp4"]


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
        labels = {f"label {(index // 70 + number * 3) % 80}": 0.5 + number / 10 for number in range(5)}
        texts = {f"Line {(index // 3 + number * 1667) % 5000} of the text on the screen": 0.99 for number in range(3)}
        results.append(frame(index, labels, texts))
        for number, line in enumerate(results[-1]["result"]["text_lines"]):
            line["polygon"] = [[x, y + 40 * number] for x, y in line["polygon"]]
    return results


@pytest.mark.corpus
@pytest.mark.alone
def test_ten_thousand_frames_and_five_thousand_lines_do_not_freeze_it(browser: Browser, report: Report) -> None:
    page = report(large_results())
    browser.open(page, *WIDE)
    assert int(browser.texts("#count")[0].split()[0]) > 4000
    assert browser.run("return Number(document.documentElement.dataset.ready)") < 10_000
    assert browser.run("return document.querySelectorAll('#rows li').length") < 500

    def milliseconds(script: str) -> float:
        drawn = (
            f"const began = performance.now(); {script}; document.body.offsetHeight; return performance.now() - began"
        )
        return float(browser.run(drawn))

    typed = "search.value = '{}'; search.dispatchEvent(new Event('input'))"
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


def test_the_boxes_in_the_page_are_those_of_the_results(browser: Browser, report: Report) -> None:
    results = street()
    browser.open(report(results), *WIDE)
    for index in (0, 60, 99):
        browser.run("show(arguments[0])", index)
        drawn = browser.run("return [...document.querySelectorAll('#overlay polygon')].map((each) => [...each.points])")
        found = results[index]["result"]
        assert len(drawn) == len(found["detections"]) + len(found["text_lines"])
    left, right = 10 + 99, 60 + 99
    assert browser.run("return document.querySelector('#overlay polygon').getAttribute('points')") == (
        f"{left} 20 {right} 20 {right} 80 {left} 80"
    )
