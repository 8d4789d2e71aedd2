"""The `foregsyte` command against a real server."""

import io
import itertools
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from job_api.settings import ApiSettings
from job_client import JobClient
from job_client.__main__ import main
from job_client.cli.summary import CODE_CHARS, ROWS_SHOWN, FieldCounts, codes_table, summary_of, texts_table
from job_client.search import History
from job_client.timeline import timeline_and_noise, timeline_of
from shared.contract.job_status import JobStatus
from shared.process.exit_codes import ExitCode
from shared.video.reader import VideoReader
from tests.conftest import TINY_MP4
from tests.support.certificates import make_certificate
from tests.support.clips import empty_results
from tests.support.found import FAILURE, RESULTS, frame, frame_results
from tests.support.processes import environment
from tests.support.running import running_server
from tests.support.samples import UNKNOWN_JOB, results_document
from tests.support.terminal import on_a_terminal, without_styles
from tests.support.waiting import eventually
from tests.support.worker_fakes import FakeRunner
from tests.support.working import free_port, working

pytestmark = pytest.mark.integration

CHANGED = 60
"""How far a pixel that was drawn on is from what it was, of 255; encoding alone changes less."""

LONG_LINE = "https://ferries.example.org/departures/from-the-north-pier"
CHINESE_LINE = "北京市朝阳区建国门外大街甲六号欢迎您来参观展览"
LONG_CODE = "".join(f"{number:02}" for number in range(43))

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process; return its exit code and what it wrote."""
    for name in [name for name in os.environ if name.startswith("FOREGSYTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        return (code, *capsys.readouterr())

    return command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    path = tmp_path / "empty"
    path.mkdir()
    return path


@pytest.fixture
def foregsyte(run: Run, address: str) -> Run:
    """Run the command against the server."""
    return lambda *arguments: run(*arguments, "--address", address)


def shown_on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Run the command on a terminal; return its exit code and the text that it showed."""
    code, shown = on_a_terminal(*arguments)
    return code, without_styles(shown)


def offered_to_a_shell(*words: str, **variables: str) -> list[str]:
    """Return what completes the last word."""
    line = {"COMP_WORDS": f"foregsyte {' '.join(words)}", "COMP_CWORD": str(len(words))}
    return completed_for("bash", **line, **variables).split()


def offered_to_zsh(command: str, **variables: str) -> str:
    """Return what Zsh evaluates to complete the next word of this command."""
    return completed_for("zsh", _TYPER_COMPLETE_ARGS=f"foregsyte {command} ", COLUMNS="200", **variables).strip()


def completed_for(shell: str, **variables: str) -> str:
    """Return what the command prints for the completion of a shell."""
    ended = subprocess.run(
        [sys.executable, "-m", "job_client"],
        env=environment(_FOREGSYTE_COMPLETE=f"complete_{shell}", **variables),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return ended.stdout


def without_reader(*arguments: str) -> tuple[int, str]:
    """Run the command with an output that nobody reads; return its exit code and what it wrote to standard error."""
    ours, theirs = os.pipe()
    os.close(ours)  # as by `head` once it has its lines
    ended = subprocess.run(
        [sys.executable, "-m", "job_client", *arguments],
        env=environment(), stdout=theirs, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(theirs)
    return ended.returncode, ended.stderr


def with_shell(*arguments: str, closing: str) -> tuple[int, str, str]:
    """Run the command with a standard stream closed as shells do; return its exit code and what it wrote."""
    line = f"{shlex.join([sys.executable, '-m', 'job_client', *arguments])} {closing}"
    ended = subprocess.run(
        ["/bin/sh", "-c", line], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


def kept_in(folder: Path) -> list[Path]:
    """Return the files that hold something; locks do not."""
    return [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]


def ids_of(submitted: str) -> list[str]:
    """Return the ids of what `submit` printed for several files."""
    return [line.split("\t")[0] for line in submitted.splitlines()]


def with_codes(of_frame: dict[str, Any], said: dict[str, str]) -> dict[str, Any]:
    """Return a frame in which codes say this, by their formats."""
    corners = [[0, 0], [50, 0], [50, 50], [0, 50]]
    codes = [{"format": kind, "text": text, "polygon": corners} for kind, text in said.items()]
    return of_frame | {"result": of_frame["result"] | {"codes": codes}}


LONG_RESULTS = [
    *(frame(index, {"license_plate": 0.9}, {CHINESE_LINE: 0.99}) for index in range(5)),
    *(frame(index, {}, {}) for index in range(5, 50)),
    *(with_codes(frame(index, {}, {LONG_LINE: 0.99}), {"QRCode": LONG_CODE}) for index in range(50, 53)),
]
"""Words that are longer than a column."""


def unfolded(shown: str) -> str:
    """Return what each column of tables says from top to bottom, without the line ends inside its words."""
    rows = (re.split("[│┃]", line) for line in shown.splitlines())
    return "\n".join("".join(map(str.strip, cells)) for cells in itertools.zip_longest(*rows, fillvalue=""))


def done(client: JobClient) -> str:
    """Return the id of a job that has ended."""
    return client.submit(TINY_MP4, "ocr").wait(20).job_id


class TestSubmit:
    def test_it_prints_the_job_id_alone(self, foregsyte: Run, client: JobClient) -> None:
        code, out, err = foregsyte("submit", TINY_MP4, "--pipeline", "ocr")
        assert (code, err) == (ExitCode.OK, "")
        assert client.job(out.strip()).status().pipeline_id == "ocr"

    def test_several_files_are_several_jobs_in_their_order(self, foregsyte: Run, client: JobClient) -> None:
        code, out, _ = foregsyte("submit", TINY_MP4, TINY_MP4)
        assert code == ExitCode.OK
        assert out.splitlines()[::-1] == [f"{job.job_id}\t{TINY_MP4}" for job in client.jobs()]

    def test_a_folder_gives_ids_and_files_however_many_and_names_a_link_that_leads_nowhere(
        self, foregsyte: Run, client: JobClient, folder: Path
    ) -> None:
        (folder / "with\ttab.mp4").write_bytes(TINY_MP4.read_bytes())
        (folder / "lost.mp4").symlink_to(folder / "nowhere.mp4")
        code, out, err = foregsyte("submit", folder)
        [job] = client.jobs()
        assert out == f"{job.job_id}\t{folder}/with\\ttab.mp4\n"
        assert (code, f"foregsyte: {folder / 'lost.mp4'}: [Errno 2]" in err) == (ExitCode.USAGE, True)

    def test_a_file_that_is_refused_does_not_stop_the_others(
        self, foregsyte: Run, client: JobClient, tmp_path: Path
    ) -> None:
        text = tmp_path / "text [b].mp4"
        text.write_text("no video")
        code, out, err = foregsyte("submit", text, TINY_MP4)
        assert code == ExitCode.USAGE
        assert f'foregsyte: {text}: the video is no MP4: no "ftyp" in its first 64 bytes' in err
        assert [job.job_id for job in client.jobs()] == ids_of(out)

    def test_a_folder_stands_for_its_videos_by_their_names(
        self, foregsyte: Run, client: JobClient, folder: Path
    ) -> None:
        for name in ("b.mp4", "a.MOV", "notes.txt", ".hidden.mp4"):
            (folder / name).write_bytes(TINY_MP4.read_bytes())
        (folder / "bad.mp4").write_text("no video")
        (folder / "folder.mp4").mkdir()
        code, out, err = foregsyte("submit", folder, "--json")
        sent = [json.loads(line) for line in out.splitlines()]
        assert [Path(job["file"]).name for job in sent] == ["a.MOV", "b.mp4"]
        assert [job.job_id for job in client.jobs()] == [job["job_id"] for job in sent][::-1]
        assert (code, err.count("is no MP4")) == (ExitCode.USAGE, 1)

    def test_what_is_not_there_or_cannot_be_read_does_not_stop_the_others(
        self, foregsyte: Run, client: JobClient, folder: Path
    ) -> None:
        absent, unreadable = folder / "absent.mp4", folder / f"{'n' * 300}.mp4"
        code, out, err = foregsyte("submit", TINY_MP4, absent, folder, unreadable, TINY_MP4)
        assert code == ExitCode.USAGE
        assert [job.job_id for job in client.jobs()] == ids_of(out)[::-1]
        assert len(ids_of(out)) == 2
        for message in (f"{absent}: [Errno 2]", f"no file in {folder} ends in .mp4", "File name too long"):
            assert message in err

    def test_one_job_that_takes_too_long_does_not_end_the_wait_for_the_others(self, foregsyte: Run) -> None:
        code, out, err = foregsyte("submit", TINY_MP4, TINY_MP4, "--wait", "--timeout", "0.1")
        assert code == ExitCode.TIMEOUT
        assert [err.count(job_id) for job_id in ids_of(out)] == [1, 1]

    def test_of_several_bad_ends_the_one_that_a_person_must_mend_gives_the_exit_code(
        self, foregsyte: Run, folder: Path
    ) -> None:
        (folder / "bad.mp4").write_text("no video")
        code, _, _ = foregsyte("submit", TINY_MP4, folder, "--wait", "--timeout", "0.1")
        assert code == ExitCode.USAGE

    def test_a_video_may_come_out_of_a_pipe(self, foregsyte: Run, client: JobClient, folder: Path) -> None:
        os.mkfifo(folder / "pipe")
        with subprocess.Popen(["cp", TINY_MP4, folder / "pipe"]):
            assert foregsyte("submit", folder / "pipe")[0] == ExitCode.OK
        assert len(list(client.jobs())) == 1

    def test_it_waits_for_the_end(self, foregsyte: Run, client: JobClient, worker: None) -> None:
        code, out, err = foregsyte("submit", TINY_MP4, "--wait")
        assert code == ExitCode.OK
        assert client.job(out.strip()).status().status is JobStatus.completed
        assert f"Job {out.strip()} completed" in err

    def test_a_job_that_fails_is_reported_with_its_reason(self, foregsyte: Run, failing_worker: None) -> None:
        code, out, err = foregsyte("submit", TINY_MP4, "--wait")
        assert code == ExitCode.JOB_FAILED
        assert f"foregsyte: job {out.strip()} failed: {FAILURE}" in err

    def test_json_has_the_file_and_the_end(self, foregsyte: Run, worker: None) -> None:
        _, out, _ = foregsyte("submit", TINY_MP4, TINY_MP4, "--json", "--wait")
        submitted, ended = [json.loads(line) for line in out.splitlines()][:2], out.splitlines()[2:]
        assert [set(record) for record in submitted] == [{"file", "job_id"}] * 2
        assert [json.loads(line)["job_id"] for line in ended] == [record["job_id"] for record in submitted]
        assert [json.loads(line)["status"] for line in ended] == ["completed"] * 2
        assert str(TINY_MP4) == submitted[0]["file"] == json.loads(ended[0])["file"]

    def test_a_wait_that_takes_too_long_ends_with_a_code_of_its_own(self, foregsyte: Run) -> None:
        code, out, err = foregsyte("submit", TINY_MP4, "--wait", "--timeout", "0.1")
        assert code == ExitCode.TIMEOUT
        assert f"job {out.strip()} has not ended after 0.1 seconds" in err


@pytest.mark.usefixtures("worker")
class TestNaming:
    def test_the_beginning_of_an_id_is_enough_if_no_other_begins_so(self, foregsyte: Run, client: JobClient) -> None:
        jobs = [done(client) for _ in range(17)]  # hexadecimal: at least two of them begin with the same digit
        first = next(one for one, other in itertools.combinations(jobs, 2) if one[0] == other[0])
        code, _, err = foregsyte("results", first[0])
        assert code == ExitCode.USAGE
        assert f"{sum(job[0] == first[0] for job in jobs)} jobs of the server" in err
        beginnings = (first[:length] for length in range(1, 37))
        unique = next(text for text in beginnings if sum(job.startswith(text) for job in jobs) == 1)
        code, out, _ = foregsyte("status", unique)
        assert (code, json.loads(out)["job_id"]) == (ExitCode.OK, first)
        assert foregsyte("results", "")[0] == ExitCode.USAGE
        assert foregsyte("delete", "none")[0] == ExitCode.USAGE

    def test_capitals_make_no_difference(self, foregsyte: Run, client: JobClient) -> None:
        job_id = done(client)
        for named in (job_id.upper(), f" {job_id[:8].upper()}"):
            assert json.loads(foregsyte("status", named)[1])["job_id"] == job_id

    def test_a_request_id_makes_a_repeat_the_same_job(self, foregsyte: Run) -> None:
        first, again = (foregsyte("submit", TINY_MP4, "--request-id", "mine")[1] for _ in range(2))
        assert first == again
        assert foregsyte("submit", TINY_MP4, TINY_MP4, "--request-id", "mine")[0] == ExitCode.USAGE

    def test_waiting_names_the_file_of_each_job(self, foregsyte: Run) -> None:
        jobs = ids_of(foregsyte("submit", TINY_MP4, TINY_MP4)[1])
        code, out, err = foregsyte("wait", *jobs, "--json")
        assert code == ExitCode.OK
        ended = [json.loads(line) for line in out.splitlines()]
        assert [(job["job_id"], job["file"], job["status"]) for job in ended] == [
            (job_id, str(TINY_MP4), "completed") for job_id in jobs
        ]
        assert err.count("completed") == 2

    def test_results_are_printed_where_a_dash_is_the_file(self, foregsyte: Run, client: JobClient) -> None:
        job_id = done(client)
        assert foregsyte("results", job_id, "--out", "-", "--format", "srt")[1].startswith("1\n00:00:00,000")
        assert foregsyte("results", job_id, "--out", "-")[1] == foregsyte("results", job_id)[1]

    def test_the_file_that_was_submitted_from_here_is_found_again(self, foregsyte: Run, tmp_path: Path) -> None:
        job_id = foregsyte("submit", TINY_MP4, "--wait")[1].strip()
        page = tmp_path / "report.html"
        assert foregsyte("report", job_id, "-o", page)[0] == ExitCode.OK
        assert TINY_MP4.name in page.read_text("utf-8")

    def test_no_page_is_written_where_one_of_its_jobs_has_no_results(
        self, foregsyte: Run, client: JobClient, tmp_path: Path
    ) -> None:
        page = tmp_path / "report.html"
        assert foregsyte("report", done(client), UNKNOWN_JOB, "-o", page)[0] == ExitCode.NOT_FOUND
        assert not page.exists()

    def test_a_video_that_this_host_did_not_submit_must_be_named(
        self, foregsyte: Run, client: JobClient, tmp_path: Path
    ) -> None:
        code, _, err = foregsyte("annotate", done(client), "-o", tmp_path / "out.mp4")
        assert code == ExitCode.USAGE
        assert "this host knows none" in err

    def test_a_video_that_was_moved_is_named_by_where_it_was(
        self, foregsyte: Run, address: str, client: JobClient, tmp_path: Path
    ) -> None:
        job_id, moved = done(client), tmp_path / "moved.mp4"
        History(address).add(job_id, moved)
        code, _, err = foregsyte("annotate", job_id, "-o", tmp_path / "out.mp4")
        assert code == ExitCode.USAGE
        assert f"say which file was submitted: {moved} is not there any more" in " ".join(re.split(r"[\s│]+", err))


class TestFind:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Give the user's folders, in which the text and the history are kept."""
        for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            monkeypatch.setenv(name, str(tmp_path / "home"))
        return tmp_path / "home"

    def test_it_shows_the_file_and_the_time_of_each_line(self, foregsyte: Run, worker: None) -> None:
        _, job_id, _ = foregsyte("submit", TINY_MP4, "--wait")
        code, out, _ = foregsyte("find", "stop")
        assert code == ExitCode.OK
        (found,) = map(json.loads, out.splitlines())
        assert found == {
            "job_id": job_id.strip(), "file": str(TINY_MP4), "score": 100.0, "kind": "text", "text": "STOP",
            "first_frame": 0, "last_frame": 0, "start_ms": 0.0, "end_ms": 40.0, "best_frame": 0, "confidence": 0.95,
            "format": None,
        }  # fmt: skip
        assert json.loads(foregsyte("find", "stob", "--min-score", "70")[1])["job_id"] == job_id.strip()
        assert foregsyte("find", "elsewhere")[:2] == (ExitCode.OK, "")

    def test_it_shows_what_codes_say(self, foregsyte: Run, address: str) -> None:
        said = {"EAN13": "4006381333931", "QRCode": f"https://evil.example/{'x' * 1900}"}
        with working(address, FakeRunner(lambda *_: results_document([with_codes(frame(0, {}, {}), said)]))):
            job_id = foregsyte("submit", TINY_MP4, "--wait")[1].strip()
        (found,) = map(json.loads, foregsyte("find", "4006381333931")[1].splitlines())
        assert [found[name] for name in ("job_id", "file", "kind", "format", "text", "end_ms")] == [
            job_id, str(TINY_MP4), "code", "EAN13", "4006381333931", 40.0,
        ]  # fmt: skip
        assert json.loads(foregsyte("find", "evil.example")[1])["text"] == said["QRCode"]
        _, shown = shown_on_a_terminal("find", "evil.example", "--address", address)
        for part in ("evil.example", "1921", "characters", "QRCode", job_id, TINY_MP4.name, "0:00.0"):
            assert part in shown
        assert shown.count("x") < 200

    def test_results_are_read_once(self, foregsyte: Run, client: JobClient, worker: None, cache: Path) -> None:
        done(client)
        foregsyte("find", "stop")
        (index,) = cache.rglob("*.json")
        index.write_text(index.read_text().replace("STOP", "GIVE WAY"))
        assert json.loads(foregsyte("find", "give way")[1])["text"] == "GIVE WAY"

    def test_it_says_by_its_exit_code_that_a_job_could_not_be_read(
        self, foregsyte: Run, client: JobClient, worker: None, tmp_path: Path
    ) -> None:
        readable, damaged = done(client), done(client)
        (tmp_path / "data" / "video_jobs" / f"{damaged}_results.json").unlink()
        code, out, err = foregsyte("find", "stop")
        assert (code, json.loads(out)["job_id"]) == (ExitCode.FAILURE, readable)
        assert f"job {damaged} is left out" in err

    def test_a_job_that_another_has_deleted_is_found_no_more(
        self, foregsyte: Run, client: JobClient, worker: None, cache: Path
    ) -> None:
        _, job_id, _ = foregsyte("submit", TINY_MP4, "--wait")
        assert foregsyte("find", "stop")[1]
        client.job(job_id.strip()).delete()
        assert foregsyte("find", "stop")[:2] == (ExitCode.OK, "")
        assert list(cache.rglob("*.json")) == []

    @pytest.mark.usefixtures("without_home", "worker")
    def test_a_user_without_a_home_submits_finds_and_deletes(self, foregsyte: Run) -> None:
        code, job_id, err = foregsyte("submit", TINY_MP4)
        assert (code, len(job_id.strip()), err) == (ExitCode.OK, 36, "")
        assert foregsyte("wait", job_id.strip())[0] == ExitCode.OK
        assert json.loads(foregsyte("find", "stop")[1])["job_id"] == job_id.strip()
        assert foregsyte("list")[0] == ExitCode.OK
        code, _, err = foregsyte("annotate", job_id.strip(), "-o", "annotated.mp4")
        assert (code, "this host knows none" in err) == (ExitCode.USAGE, True)
        assert foregsyte("delete", job_id.strip())[0] == ExitCode.OK

    def test_what_was_deleted_is_forgotten_where_nobody_reads_that_it_was(
        self, foregsyte: Run, address: str, worker: None
    ) -> None:
        _, job_id, _ = foregsyte("submit", TINY_MP4, "--wait")
        assert without_reader("delete", job_id.strip(), "--address", address) == (ExitCode.OK, "")
        assert History(address).files() == {}

    def test_a_file_is_not_forgotten_where_another_server_may_have_the_address(
        self, foregsyte: Run, address: str, tmp_path: Path
    ) -> None:
        history = History(address)
        history.add("of-another-server", TINY_MP4)
        history.add("gone", tmp_path / "gone.mp4")
        foregsyte("find", "stop")
        assert list(history.files()) == ["of-another-server"]

    @pytest.mark.parametrize(
        "command",
        [
            ("find", "stop"), ("status", "JOB"), ("wait", "JOB"), ("results", "JOB"),
            ("report", "JOB", "-o", "page.html"), ("annotate", "JOB", "-o", "annotated.mp4"),
        ],
        ids=lambda command: command[0],
    )  # fmt: skip
    def test_a_command_that_learns_that_another_has_deleted_a_job_leaves_nothing_of_it(
        self, foregsyte: Run, client: JobClient, indexed_job: str, cache: Path, command: tuple[str, ...]
    ) -> None:
        kept_job = foregsyte("submit", TINY_MP4)[1].strip()
        client.job(indexed_job).delete()
        foregsyte(*(indexed_job if part == "JOB" else part for part in command))
        kept = "".join(f"{path} {path.read_text()}" for path in kept_in(cache))
        assert kept_job in kept
        assert indexed_job not in kept

    def test_what_the_limit_cuts_off_is_counted(self, foregsyte: Run, client: JobClient, worker: None) -> None:
        done(client)
        done(client)
        code, out, err = foregsyte("find", "stop", "--limit", "1")
        assert (code, len(out.splitlines())) == (ExitCode.OK, 1)
        assert "1 more; --limit 2 shows all" in err

    def test_where_nothing_is_found_it_says_so(self, foregsyte: Run, address: str, worker: None) -> None:
        _, shown = on_a_terminal("find", "nowhere to be read", "--address", address)
        assert "No completed job has text or a code like" in without_styles(shown)
        assert foregsyte("find", " ")[0] == ExitCode.USAGE

    @pytest.fixture
    def indexed_job(self, foregsyte: Run, worker: None) -> str:
        """The id of a job that this host submitted, and whose text it has read."""
        job_id = foregsyte("submit", TINY_MP4, "--wait")[1].strip()
        foregsyte("find", "stop")
        return job_id

    def test_deleting_a_job_leaves_nothing_of_it_on_this_host(
        self, foregsyte: Run, indexed_job: str, cache: Path
    ) -> None:
        assert kept_in(cache)
        assert foregsyte("delete", indexed_job.upper())[0] == ExitCode.OK
        assert kept_in(cache) == []

    def test_deleting_a_job_that_another_has_deleted_leaves_nothing_of_it_either(
        self, foregsyte: Run, client: JobClient, indexed_job: str, cache: Path
    ) -> None:
        client.job(indexed_job).delete()
        assert foregsyte("delete", indexed_job)[0] == ExitCode.NOT_FOUND
        assert kept_in(cache) == []

    def test_where_the_history_cannot_be_changed_the_text_is_forgotten_all_the_same(
        self, foregsyte: Run, indexed_job: str, cache: Path
    ) -> None:
        (history,) = cache.rglob("*.jsonl")
        history.unlink()
        history.mkdir()
        assert foregsyte("delete", indexed_job)[0] == ExitCode.OK
        assert kept_in(cache) == []


class TestLookingAtJobs:
    def test_a_status_is_one_line_of_json(self, foregsyte: Run, client: JobClient) -> None:
        job = client.submit(TINY_MP4).status()
        _, out, _ = foregsyte("status", job.job_id)
        assert json.loads(out) == {
            "file": "",
            "job_id": job.job_id,
            "status": "pending",
            "progress": 0.0,
            "created_at": job.created_at.isoformat(),
            "updated_at": job.updated_at.isoformat(),
            "pipeline_id": "yolo_ocr",
            "error_message": "",
        }

    def test_several_statuses_are_several_lines(self, foregsyte: Run, client: JobClient) -> None:
        job_ids = [client.submit(TINY_MP4).job_id for _ in range(2)]
        _, out, _ = foregsyte("status", *job_ids)
        assert [json.loads(line)["job_id"] for line in out.splitlines()] == job_ids

    @pytest.mark.parametrize(("bad", "expected"), [(UNKNOWN_JOB, ExitCode.NOT_FOUND), ("gone", ExitCode.NOT_FOUND)])
    def test_one_job_that_is_not_there_does_not_stop_the_others(
        self, bad: str, expected: ExitCode, foregsyte: Run, client: JobClient, worker: None
    ) -> None:
        jobs = [done(client), done(client)]
        for command in ("status", "wait"):
            code, out, _ = foregsyte(command, jobs[0], bad, jobs[1], "--json")
            assert code == expected
            assert [json.loads(line)["job_id"] for line in out.splitlines()] == jobs

    def test_jobs_are_listed_newest_first_by_status_and_up_to_a_limit(
        self, foregsyte: Run, client: JobClient, worker: None
    ) -> None:
        first, second = done(client), done(client)
        for arguments, expected in (
            ((), [second, first]),
            (("--limit", "1"), [second]),
            (("--status", "completed"), [second, first]),
            (("--status", "failed"), []),
        ):
            _, out, _ = foregsyte("list", *arguments)
            assert [json.loads(line)["job_id"] for line in out.splitlines()] == expected

    def test_each_job_has_the_file_that_was_submitted_from_here(self, foregsyte: Run, address: str) -> None:
        job_id = foregsyte("submit", TINY_MP4)[1].strip()
        for command in (("list",), ("status", job_id)):
            assert json.loads(foregsyte(*command)[1])["file"] == str(TINY_MP4)
        _, shown = shown_on_a_terminal("list", "--address", address)
        assert TINY_MP4.name in shown

    def test_pipelines_are_listed(self, foregsyte: Run) -> None:
        _, out, _ = foregsyte("pipelines")
        assert [json.loads(line)["pipeline_id"] for line in out.splitlines()] == ["yolo_ocr", "yolo", "ocr", "codes"]

    def test_deleted_jobs_are_not_found(self, foregsyte: Run, client: JobClient, worker: None) -> None:
        jobs = [done(client), done(client)]
        code, out, _ = foregsyte("delete", *jobs)
        assert code == ExitCode.OK
        assert [json.loads(line) for line in out.splitlines()] == [{"job_id": job, "deleted": True} for job in jobs]
        assert list(client.jobs()) == []


class TestDelete:
    @pytest.mark.parametrize(
        ("other", "code"),
        [(UNKNOWN_JOB, ExitCode.NOT_FOUND), (UNKNOWN_JOB[:10], ExitCode.NOT_FOUND), ("0", ExitCode.USAGE)],
        ids=["unknown", "no beginning of an id", "too short"],
    )
    def test_one_job_that_cannot_be_deleted_does_not_stop_the_others(
        self, other: str, code: ExitCode, foregsyte: Run, client: JobClient, worker: None
    ) -> None:
        job_id = done(client)
        for arguments, left in (("--dry-run",), 1), ((), 0):
            ended_with, out, _ = foregsyte("delete", other, job_id, *arguments)
            assert (ended_with, json.loads(out)["job_id"]) == (code, job_id)
            assert len(list(client.jobs())) == left

    def test_a_job_that_is_named_twice_is_deleted_once(self, foregsyte: Run, client: JobClient, worker: None) -> None:
        job_id = done(client)
        code, out, err = foregsyte("delete", job_id, job_id[:8], job_id)
        assert (code, json.loads(out)["job_id"], err) == (ExitCode.OK, job_id, "")

    def test_the_beginning_of_an_id_must_not_be_short(self, foregsyte: Run, client: JobClient, worker: None) -> None:
        job_id = done(client)
        code, _, err = foregsyte("delete", job_id[:7])
        assert code == ExitCode.USAGE
        assert "is too short: give the id, or 8 characters or more of it" in err
        assert foregsyte("delete", job_id[:8])[0] == ExitCode.OK
        assert list(client.jobs()) == []

    def test_old_jobs_of_a_status_are_deleted_together(self, foregsyte: Run, client: JobClient, worker: None) -> None:
        old = done(client)
        for long in ("1d", "999999w"):
            assert foregsyte("delete", "--older-than", long, "--yes")[:2] == (ExitCode.OK, "")
        assert foregsyte("delete", "--status", "failed", "--yes")[:2] == (ExitCode.OK, "")
        code, out, _ = foregsyte("delete", "--older-than", "0s", "--status", "completed", "--yes")
        assert (code, json.loads(out)) == (ExitCode.OK, {"job_id": old, "deleted": True})
        assert list(client.jobs()) == []

    def test_jobs_that_have_not_ended_stay(self, foregsyte: Run, client: JobClient) -> None:
        job_id = client.submit(TINY_MP4).job_id
        assert foregsyte("delete", "--older-than", "0s", "--yes")[0] == ExitCode.OK
        assert [job.job_id for job in client.jobs()] == [job_id]
        assert foregsyte("delete", "--status", "pending", "--yes")[0] == ExitCode.USAGE

    def test_a_dry_run_shows_the_jobs_and_deletes_none(self, foregsyte: Run, client: JobClient, worker: None) -> None:
        job_id = done(client)
        code, out, err = foregsyte("delete", "--older-than", "0s", "--dry-run")
        assert (code, json.loads(out)["job_id"]) == (ExitCode.OK, job_id)
        assert "1 job would be deleted" in err
        assert foregsyte("delete", job_id, "--dry-run")[0] == ExitCode.OK
        assert [job.job_id for job in client.jobs()] == [job_id]

    def test_a_dry_run_does_not_count_jobs_that_have_not_ended(self, foregsyte: Run, client: JobClient) -> None:
        code, _, err = foregsyte("delete", client.submit(TINY_MP4).job_id, "--dry-run")
        assert (code, err) == (ExitCode.OK, "0 jobs would be deleted\n")

    def test_nothing_is_deleted_by_a_rule_unattended_unless_that_was_said(
        self, foregsyte: Run, client: JobClient, worker: None
    ) -> None:
        job_id = done(client)
        code, _, err = foregsyte("delete", "--older-than", "0s")
        assert code == ExitCode.USAGE
        assert "--yes" in err
        assert [job.job_id for job in client.jobs()] == [job_id]

    @pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 1)])
    def test_a_person_must_confirm(self, answer: str, left: int, address: str, client: JobClient, worker: None) -> None:
        job_id = done(client)
        command = ("delete", "--status", "completed", "--address", address)
        code, shown = on_a_terminal(*command, typed=f"{answer}\n")
        assert code == ExitCode.OK
        assert job_id in shown
        assert "Delete 1 job with" in shown
        assert len(list(client.jobs())) == left

    @pytest.mark.parametrize(
        "arguments", [(), (UNKNOWN_JOB, "--status", "failed"), ("--older-than", "soon"), ("--older-than", "-1d")]
    )
    def test_what_to_delete_is_said_in_one_way(self, arguments: tuple[str, ...], foregsyte: Run) -> None:
        assert foregsyte("delete", *arguments)[0] == ExitCode.USAGE


class TestResults:
    def test_they_are_one_line_of_json_a_frame_when_piped(
        self, foregsyte: Run, client: JobClient, worker: None
    ) -> None:
        _, out, _ = foregsyte("results", done(client))
        assert [json.loads(line) for line in out.splitlines()] == RESULTS
        assert "Кадр" in out

    def test_they_are_utf_8_whatever_the_system_prefers(self, address: str, client: JobClient, worker: None) -> None:
        command = [sys.executable, "-m", "job_client", "results", done(client), "--address", address]
        piped = subprocess.run(
            command, env=environment(PYTHONIOENCODING="cp1252"), capture_output=True, timeout=60, check=True
        )
        assert "Кадр" in piped.stdout.decode()

    @pytest.mark.parametrize(
        ("frames", "expected"),
        [("1:3", RESULTS[1:3]), (":2", RESULTS[:2]), ("2:", RESULTS[2:]), (":", RESULTS), ("3:9", RESULTS[3:])],
    )
    def test_some_frames_can_be_had_alone(
        self, frames: str, expected: object, foregsyte: Run, client: JobClient, worker: None
    ) -> None:
        _, out, _ = foregsyte("results", done(client), "--frames", frames, "--format", "json")
        assert json.loads(out) == expected

    @pytest.mark.parametrize("frames", ["1:2", "0:2", "1:3"])
    def test_what_is_in_the_last_of_some_frames_ends_when_the_next_frame_is_shown(
        self, frames: str, foregsyte: Run, address: str, client: JobClient, folder: Path
    ) -> None:
        slow = [frame(0, {}, {}), frame(1, {"car": 0.9}, {"STOP": 0.99}), frame(2, {}, {})]
        for each, time_ms in zip(slow, (0.0, 1000.0, 11000.0), strict=True):
            each["result"]["timestamp_ms"] = time_ms
        with working(address, FakeRunner(lambda *_: results_document(slow))):
            arguments = ["results", done(client), "--frames", frames]
        _, out, _ = foregsyte(*arguments, "--format", "events")
        assert [(event["start_ms"], event["end_ms"]) for event in json.loads(out)] == [(1000.0, 11000.0)] * 2
        foregsyte(*arguments, "--format", "events", "--out", folder / "e.parquet")
        assert pq.read_table(folder / "e.parquet")["end_ms"].to_pylist() == [11000.0] * 2
        assert "0:11.0" in shown_on_a_terminal(*arguments, "--address", address)[1]

    def test_frames_that_only_some_of_those_requested_are_come_with_a_message(
        self, foregsyte: Run, client: JobClient, worker: None
    ) -> None:
        job_id = done(client)
        assert foregsyte("results", job_id, "--frames", "3:4")[2] == ""
        assert "the video has 4 frames" in foregsyte("results", job_id, "--frames", "3:5")[2]

    @pytest.mark.parametrize("frames", ["2:2", "3:1", ":0"])
    def test_a_range_without_frames_is_wrong_usage(self, frames: str, foregsyte: Run) -> None:
        code, _, err = foregsyte("results", UNKNOWN_JOB, "--frames", frames)
        assert code == ExitCode.USAGE
        assert "means no frame: A must be less than B" in err

    @pytest.mark.parametrize("frames", ["4:", "9:12"])
    def test_frames_that_the_video_does_not_have_are_wrong_usage(
        self, frames: str, foregsyte: Run, client: JobClient, worker: None
    ) -> None:
        code, out, err = foregsyte("results", done(client), "--frames", frames)
        assert (code, out) == (ExitCode.USAGE, "")
        assert "4 frames, counted from 0" in err

    @pytest.mark.parametrize("frames", ["3", "a:b", "-1:2", "1:2:3", "\u0661:\u0662", ":" + 5000 * "9"])
    def test_another_form_of_frames_is_wrong_usage(self, frames: str, foregsyte: Run) -> None:
        code, _, err = foregsyte("results", UNKNOWN_JOB, "--frames", frames)
        assert code == ExitCode.USAGE
        assert "is not of the form A:B" in err

    def test_a_folder_that_is_not_there_is_named_as_it_was_typed(
        self, foregsyte: Run, client: JobClient, worker: None, folder: Path
    ) -> None:
        job_id, absent = done(client), folder / "absent"
        code, _, err = foregsyte("results", job_id, "--out", absent / "found.srt")
        assert code == ExitCode.USAGE
        assert err.startswith(
            f"foregsyte: {absent / 'found.srt'} cannot be written: there is no folder {absent}; make it"
        )
        code, _, err = foregsyte("results", job_id, "--format", "srt", "--out", f"{absent}/")
        assert (code, absent.exists()) == (ExitCode.USAGE, False)
        assert f"'{absent}/' is a folder: name a file in it" in err

    def test_what_is_no_regular_file_is_written_directly(
        self, foregsyte: Run, address: str, client: JobClient, worker: None, folder: Path
    ) -> None:
        job_id = done(client)
        assert foregsyte("results", job_id, "--format", "srt", "--out", "/dev/null")[0] == ExitCode.OK
        program = f"{shlex.quote(sys.executable)} -m job_client results {job_id} --format srt --address {address}"
        log = folder / "log.txt"
        log.write_text("before\n")
        log_quoted = shlex.quote(str(log))
        script = f"{program} --out >(cat); {program} --out /dev/stdout >> {log_quoted}"
        shown = subprocess.run(
            ["bash", "-c", script], env=environment(), capture_output=True, timeout=60, check=True
        ).stdout.decode()
        subtitles = foregsyte("results", job_id, "--format", "srt")[1]
        assert (shown, log.read_text(encoding="utf-8")) == (subtitles, f"before\n{subtitles}")

    def test_a_file_is_of_the_format_that_its_name_says(
        self, foregsyte: Run, client: JobClient, worker: None, folder: Path
    ) -> None:
        job_id = done(client)
        foregsyte("results", job_id, "--out", folder / "found.json")
        foregsyte("results", job_id, "--out", folder / "found.JSONL")
        foregsyte("results", job_id, "--out", folder / "found.txt", "--format", "jsonl")
        assert json.loads((folder / "found.json").read_text(encoding="utf-8")) == RESULTS
        lines = (folder / "found.JSONL").read_text(encoding="utf-8")
        assert [json.loads(line) for line in lines.splitlines()] == RESULTS
        assert (folder / "found.txt").read_text(encoding="utf-8") == lines
        assert len(list(folder.iterdir())) == 3

    @pytest.fixture
    def worker_of_tiny_mp4(self, address: str) -> Iterator[None]:
        """A worker of that server whose results have the frames of TINY_MP4, in which it finds nothing."""
        with working(address, FakeRunner(lambda *_: results_document(empty_results(TINY_MP4)))):
            yield

    def test_the_video_gives_coco_the_size_of_its_frames(
        self, foregsyte: Run, client: JobClient, worker_of_tiny_mp4: None
    ) -> None:
        code, out, _ = foregsyte("results", done(client), "--format", "coco", "--video", TINY_MP4)
        assert code == ExitCode.OK
        assert {(image["width"], image["height"]) for image in json.loads(out)["images"]} == {(320, 240)}

    def test_the_file_that_was_submitted_from_here_gives_the_size_too(
        self, foregsyte: Run, worker_of_tiny_mp4: None
    ) -> None:
        job_id = foregsyte("submit", TINY_MP4, "--wait")[1].strip()
        _, out, err = foregsyte("results", job_id, "--format", "ass")
        assert "PlayResX: 320" in out
        assert err == ""

    def test_a_size_that_is_not_known_is_said(self, foregsyte: Run, client: JobClient, worker: None) -> None:
        code, _, err = foregsyte("results", done(client), "--format", "coco")
        assert code == ExitCode.OK
        assert "--video FILE gives it" in err

    def test_a_file_that_is_not_the_jobs_video_gives_no_size(self, foregsyte: Run, worker: None) -> None:
        job_id = foregsyte("submit", TINY_MP4, "--wait")[1].strip()
        code, out, err = foregsyte("results", job_id, "--format", "coco")
        assert (code, [image for image in json.loads(out)["images"] if "width" in image]) == (ExitCode.OK, [])
        assert f"{TINY_MP4} is not the video that the results are of" in err
        assert "--video FILE gives it" in err
        code, out, err = foregsyte("results", job_id, "--format", "coco", "--video", TINY_MP4)
        assert (code, out) == (ExitCode.USAGE, "")
        assert "is not the video that the results are of" in err

    def test_the_video_is_never_replaced_by_what_is_in_it(
        self, foregsyte: Run, client: JobClient, worker_of_tiny_mp4: None, folder: Path
    ) -> None:
        video = folder / "video.mp4"
        video.write_bytes(TINY_MP4.read_bytes())
        submitted_here = foregsyte("submit", video, "--wait")[1].strip()
        for words in ((submitted_here,), (done(client), "--video", video)):
            code, _, err = foregsyte("results", *words, "--format", "coco", "--out", video)
            assert code == ExitCode.USAGE
            assert "name another file" in err
        assert video.read_bytes() == TINY_MP4.read_bytes()

    def test_a_file_that_is_no_longer_the_video_is_left_out_unless_it_was_named(
        self, foregsyte: Run, worker: None, folder: Path
    ) -> None:
        video = folder / "a.mp4"
        video.write_bytes(TINY_MP4.read_bytes())
        words = foregsyte("submit", video, "--wait")[1].strip(), "--format", "coco"
        video.write_bytes(b"another file")
        code, written, err = foregsyte("results", *words)
        assert (code, json.loads(written)["images"][0].get("width")) == (ExitCode.OK, None)
        assert err.startswith(f"Without the video {video}: ")
        assert "--video FILE gives it" in err
        code, written, err = foregsyte("results", *words, "--video", video)
        assert (code, written) == (ExitCode.USAGE, "")
        assert "Without the video" not in err

    def test_a_message_is_one_line_however_long_a_path_in_it_is(
        self, foregsyte: Run, client: JobClient, worker: None, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "40")
        target = folder / f"{'n' * 100}.json"
        assert foregsyte("results", done(client), "--out", target)[2] == f"Results of 4 frames written to {target}\n"

    def test_parquet_is_written_to_files_and_pipes_and_not_to_a_terminal(
        self, foregsyte: Run, client: JobClient, worker: None, folder: Path, address: str
    ) -> None:
        job_id = done(client)
        assert foregsyte("results", job_id, "--out", folder / "frames.parquet")[0] == ExitCode.OK
        assert foregsyte("results", job_id, "--out", folder / "e.parquet", "--format", "events")[0] == ExitCode.OK
        assert pq.read_table(folder / "frames.parquet").column("frame_index").to_pylist() == [0, 1, 2, 3]
        assert set(pq.read_table(folder / "e.parquet").column("kind").to_pylist()) == {"text"}
        command = ["results", job_id, "--format", "parquet", "--address", address]
        piped = subprocess.run(
            [sys.executable, "-m", "job_client", *command],
            env=environment(), stdout=subprocess.PIPE, timeout=60, check=True,
        )  # fmt: skip
        assert pq.read_table(io.BytesIO(piped.stdout)) == pq.read_table(folder / "frames.parquet")
        code, shown = shown_on_a_terminal(*command)
        assert code == ExitCode.USAGE
        assert "name a file" in shown

    def test_the_error_for_a_missing_library_names_its_extra(
        self, foregsyte: Run, client: JobClient, worker: None, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.delitem(sys.modules, "job_client.exports.parquet", raising=False)
        code, _, err = foregsyte("results", done(client), "--out", folder / "frames.parquet")
        assert (code, list(folder.iterdir())) == (ExitCode.USAGE, [])
        assert "pip install '.[client-data]'" in err

    def test_a_file_whose_name_says_no_format_is_wrong_usage(
        self, foregsyte: Run, client: JobClient, worker: None, folder: Path
    ) -> None:
        code, _, err = foregsyte("results", done(client), "--out", folder / "found.txt")
        assert code == ExitCode.USAGE
        assert "say --format" in err
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("suffix", ["coco", "events", "events-csv"])
    def test_the_suffix_of_the_file_may_be_the_name_of_any_format(
        self, suffix: str, foregsyte: Run, client: JobClient, worker: None, tmp_path: Path
    ) -> None:
        assert foregsyte("results", done(client), "--out", tmp_path / f"found.{suffix}")[0] == ExitCode.OK

    def test_a_missing_folder_is_reported(
        self, foregsyte: Run, client: JobClient, worker: None, tmp_path: Path
    ) -> None:
        code, _, err = foregsyte("results", done(client), "--out", tmp_path / "absent" / "found.json")
        assert code == ExitCode.USAGE
        assert "absent" in err


class TestOnATerminal:
    def test_a_submit_shows_bars_and_the_end(self, address: str, worker: None) -> None:
        code, shown = shown_on_a_terminal("submit", str(TINY_MP4), "--wait", "--address", address)
        assert code == ExitCode.OK
        assert "sent tiny.mp4" in shown
        assert "tiny.mp4 completed" in shown
        assert re.search(r"\d:\d\d:\d\d", shown)

    def test_jobs_pipelines_and_results_are_tables(self, address: str, client: JobClient, worker: None) -> None:
        job_id = done(client)
        for arguments, expected in (
            (("status", job_id), ["┃ job", job_id, "completed"]),
            (("list",), ["┃ job", job_id, "completed"]),
            (("pipelines",), ["┃ pipeline", "yolo_ocr", "Objects"]),
            (("results", job_id), ["0.2 s (4 frames): 2 lines of text", "STOP", "[live] Кадр"]),
            (("results", job_id, "--raw"), ['{"frame_index":0', "[live] Кадр"]),
            (("results", job_id, "--json"), ['{"frame_index":0', "[live] Кадр"]),
        ):
            code, shown = shown_on_a_terminal(*arguments, "--address", address)
            assert code == ExitCode.OK
            for words in expected:
                assert words in shown

    @pytest.mark.parametrize("columns", [40, 60, 80])
    def test_no_table_cuts_anything_off(self, columns: int, foregsyte: Run, address: str, tmp_path: Path) -> None:
        video = tmp_path / f"{'a-long-name' * 4}.mp4"
        video.write_bytes(TINY_MP4.read_bytes())
        with working(address, FakeRunner(lambda *_: results_document(LONG_RESULTS))):
            job_id = foregsyte("submit", video, "--wait")[1].strip()
        for arguments, at_once, folded in (
            (("find", LONG_LINE), [job_id, "0:02.0", "0:02.1", "100"], [LONG_LINE, video.name]),
            (("find", LONG_CODE), [job_id, "QRCode"], [LONG_CODE]),
            (("list",), [job_id, "completed", "yolo_ocr"], [video.name]),
            (("status", job_id), [job_id, "completed", "yolo_ocr"], [video.name]),
            (("results", job_id), ["0:00.0", "0:02.0"], ["license_plate", LONG_LINE, CHINESE_LINE, LONG_CODE]),
            (("pipelines",), ["yolo_ocr"], []),
        ):
            shown = without_styles(on_a_terminal(*arguments, "--address", address, columns=columns)[1])
            assert [text for text in at_once if text not in shown] == []
            assert [text for text in folded if text not in unfolded(shown)] == []
            assert max(map(cell_len, shown.splitlines())) <= columns

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
    def test_what_the_terminal_cannot_show_is_escaped(
        self, encoding: str, address: str, client: JobClient, worker: None
    ) -> None:
        for more in ((), ("--raw",)):
            arguments = ("results", done(client), *more, "--address", address)
            code, shown = on_a_terminal(*arguments, PYTHONIOENCODING=encoding)
            assert code == ExitCode.OK
            assert r"\u041a\u0430\u0434\u0440" in shown

    def test_json_can_be_had_all_the_same(self, address: str, client: JobClient) -> None:
        job_id = client.submit(TINY_MP4).job_id
        _, shown = shown_on_a_terminal("status", job_id, "--json", "--address", address)
        assert json.loads(shown)["job_id"] == job_id


class TestExitCodes:
    def test_an_unknown_job_is_not_found(self, foregsyte: Run) -> None:
        for command in ("status", "results", "delete"):
            code, out, err = foregsyte(command, UNKNOWN_JOB)
            assert (code, out) == (ExitCode.NOT_FOUND, "")
            [line] = err.splitlines()
            assert line.startswith("foregsyte: NOT_FOUND (JOB_NOT_FOUND): ")
            assert UNKNOWN_JOB in line

    def test_a_server_that_is_not_there_is_unreachable(self, run: Run) -> None:
        address = f"127.0.0.1:{free_port()}"
        code, _, err = run("status", UNKNOWN_JOB, "--address", address)
        assert code == ExitCode.UNREACHABLE
        [says] = err.splitlines()  # that the connection is refused says no more
        assert says.startswith(f"foregsyte: the server at {address} does not answer; foregsyte-api starts one")

    def test_a_server_that_does_not_answer_in_time_is_unreachable(self, run: Run) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            address = f"127.0.0.1:{deaf.getsockname()[1]}"
            for command in (("status", UNKNOWN_JOB, "--timeout"), ("submit", TINY_MP4, "--call-timeout")):
                code, _, err = run(*command, "0.1", "--address", address)
                assert code == ExitCode.UNREACHABLE
                assert "foregsyte: DEADLINE_EXCEEDED" in err

    @pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
    def test_a_timeout_that_is_no_time_is_wrong_usage(self, run: Run, seconds: str) -> None:
        assert run("list", "--timeout", seconds)[0] == ExitCode.USAGE

    @pytest.mark.parametrize("address", ["", "a b", "a b:1", "localhost", "localhost:65536"])
    def test_an_address_that_is_none_is_wrong_usage(self, run: Run, address: str) -> None:
        code, _, err = run("list", "--address", address)
        assert code == ExitCode.USAGE
        assert "--address" in err
        assert "must be host:port" in err

    def test_a_file_without_certificates_is_wrong_usage(self, run: Run) -> None:
        code, _, err = run("list", "--tls-ca-file", TINY_MP4)
        assert code == ExitCode.USAGE
        assert "--tls-ca-file" in err
        assert "must be a file of certificates" in err

    @pytest.fixture
    def demo(self, run: Run, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Run the demo in `tmp_path`, with the programs beside the interpreter in `my bin`; return what it printed."""
        frames = empty_results(TINY_MP4)
        line = {"text": "Frame", "confidence": 0.9, "polygon": [[0, 80], [50, 80], [50, 100], [0, 100]]}
        found = {
            "yolo_ocr": [{**one, "result": {**one["result"], "text_lines": [line]}} for one in frames],
            "codes": [with_codes(one, {"QRCode": "mine"}) for one in frames],
        }
        (tmp_path / "my bin").mkdir()
        for name in ("foregsyte-api", "foregsyte-worker", "foregsyte"):
            (tmp_path / "my bin" / name).touch(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "my bin" / "python"))
        monkeypatch.setenv("PATH", "")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("job_client.cli.demo.local_cluster", lambda *_: nullcontext(address))
        with working(address, FakeRunner(lambda pipeline, *_: results_document(found[pipeline]))):
            code, out, _ = run("demo", TINY_MP4, "--out", tmp_path)
        assert code == ExitCode.OK
        return out.splitlines()

    @pytest.mark.parametrize("in_the_way", ["left", "left/tiny.report.html/", "left/tiny.annotated.mp4/"])
    def test_the_demo_says_before_it_starts_anything_that_its_files_cannot_be_written(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_the_way: str
    ) -> None:
        path = tmp_path / in_the_way.replace("tiny", TINY_MP4.stem)
        if in_the_way.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.touch()
        monkeypatch.delattr("job_client.cli.demo.local_cluster")
        out = path.parent if path.is_dir() else path / "x"
        code, printed, err = run("demo", TINY_MP4, "--out", out)
        assert (code, printed) == (ExitCode.USAGE, "")
        assert str(path) in err
        assert len(err.splitlines()) == 1
        assert list(tmp_path.rglob(".*")) == []

    def test_the_demo_says_first_what_was_found(self, demo: list[str]) -> None:
        assert demo[0] == "1.2 s (12 frames): 1 line of text"

    def test_the_demo_names_programs_as_they_can_be_typed(self, demo: list[str]) -> None:
        typed = [shlex.split(line)[0] for line in demo[-3:]]
        assert typed == ["my bin/foregsyte-api", "my bin/foregsyte-worker", "my bin/foregsyte"]

    def test_the_video_of_the_demo_shows_what_both_of_its_jobs_found(self, demo: list[str], tmp_path: Path) -> None:
        (annotated,) = tmp_path.glob("*.annotated.mp4")
        for before, after in zip(VideoReader(TINY_MP4), VideoReader(annotated), strict=True):
            changed = np.abs(after.image.astype(int) - before.image).max(axis=2) > CHANGED
            assert changed[40, 45:55].any(), "no code is drawn"
            assert changed[90, 45:55].any(), "no line of text is drawn"

    def test_what_the_server_refuses_for_its_content_is_bad_input(self, foregsyte: Run) -> None:
        for arguments in (
            ("submit", TINY_MP4, "--pipeline", "nonsense"),
            ("status", "no id, but as long as one of them is"),
        ):
            assert foregsyte(*arguments)[0] == ExitCode.USAGE

    def test_wrong_usage_and_absent_files_are_bad_input(self, run: Run, tmp_path: Path) -> None:
        assert run("nonsense")[0] == ExitCode.USAGE
        code, _, err = run("submit", tmp_path / "absent.mp4")
        assert code == ExitCode.USAGE
        assert "No such file" in err

    def test_what_cannot_be_had_yet_is_refused(self, foregsyte: Run, client: JobClient) -> None:
        job_id = client.submit(TINY_MP4).job_id
        for command in ("results", "delete"):
            assert foregsyte(command, job_id)[0] == ExitCode.TRY_LATER

    def test_results_of_a_failed_job_end_with_its_exit_code(
        self, foregsyte: Run, client: JobClient, failing_worker: None
    ) -> None:
        code, _, err = foregsyte("results", done(client))
        assert code == ExitCode.JOB_FAILED
        assert FAILURE in err


class TestSurroundings:
    def test_the_address_may_stand_in_the_environment(
        self, run: Run, address: str, client: JobClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FOREGSYTE_ADDRESS", address)
        monkeypatch.setenv("FOREGSYTE_PIPELINE", "yolo")
        _, out, _ = run("submit", TINY_MP4)
        assert client.job(out.strip()).status().pipeline_id == "yolo"

    def test_a_server_with_tls_is_reached_by_its_certificate(
        self, run: Run, make_settings: Callable[..., ApiSettings], tmp_path: Path
    ) -> None:
        certificate, key = make_certificate(tmp_path, "server")
        with running_server(make_settings(tls_cert_file=certificate, tls_key_file=key)) as server:
            code, out, _ = run("pipelines", "--address", server.addresses[0], "--tls-ca-file", certificate)
        assert (code, len(out.splitlines())) == (ExitCode.OK, 4)

    def test_no_command_shows_the_help_and_the_exit_codes(self, run: Run) -> None:
        code, out, err = run()
        assert code == ExitCode.USAGE
        assert "submit" in out + err
        assert f"{ExitCode.UNREACHABLE:d} unreachable" in out + err

    def test_a_short_option_shows_the_help_too(self, run: Run) -> None:
        for command in ((), ("submit",)):
            assert run(*command, "-h") == run(*command, "--help")

    @pytest.mark.parametrize(
        "command",
        ["submit", "status", "wait", "results", "find", "annotate", "report", "list", "delete", "pipelines", "demo"],
    )
    def test_the_help_of_every_command_has_an_example(self, command: str, run: Run) -> None:
        code, out, _ = run(command, "--help")
        assert code == ExitCode.OK
        assert f"foregsyte {command}" in out.partition("For example:")[2]

    @pytest.mark.parametrize(
        ("command", "name"),
        [("status", "JOB_ID"), ("delete", "JOB_ID"), ("submit", "FILE"), ("find", "TEXT"), ("demo", "FILE")],
    )
    def test_usage_names_arguments_as_the_documents_do(self, command: str, name: str, run: Run) -> None:
        out = run(command, "--help")[1]
        assert re.search(rf"foregsyte {command} \[OPTIONS\] [{{[]?{name}[}}\]]?(\.\.\.)?\s", out)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("list", "--status", "nope"), "Invalid value for '--status': 'nope' is not one of"),
            (("status", ""), "'' is too short: give the id, or its beginning"),
        ],
    )
    def test_wrong_usage_is_said_in_plain_words(self, arguments: tuple[str, ...], message: str, foregsyte: Run) -> None:
        code, _, err = foregsyte(*arguments)
        assert code == ExitCode.USAGE
        assert message in err

    def test_shells_are_offered_completion(self) -> None:
        assert offered_to_a_shell("li") == ["list"]

    def test_shells_are_offered_the_jobs_and_the_pipelines_of_the_server(self, address: str, client: JobClient) -> None:
        first, second = (client.submit(TINY_MP4).job_id for _ in range(2))
        assert offered_to_a_shell("status", "", FOREGSYTE_ADDRESS=address) == [second, first]
        assert offered_to_a_shell("results", first[:30], FOREGSYTE_ADDRESS=address) == [first]
        assert offered_to_a_shell("submit", "--pipeline", "yolo", FOREGSYTE_ADDRESS=address) == ["yolo_ocr", "yolo"]
        typed = first[:30].upper()
        assert offered_to_a_shell("status", typed, FOREGSYTE_ADDRESS=address) == [typed + first[30:]]

    def test_shells_are_offered_the_jobs_submitted_from_here_while_the_server_is_down(self) -> None:
        address = f"127.0.0.1:{free_port()}"
        job_id = UNKNOWN_JOB.replace("0", "a")
        History(address).add(job_id, TINY_MP4)
        assert offered_to_a_shell("status", "", FOREGSYTE_ADDRESS=address) == [job_id]
        assert offered_to_a_shell("status", "AAA", FOREGSYTE_ADDRESS=address) == [f"AAA{job_id[3:]}"]
        assert offered_to_a_shell("submit", "--pipeline", "", FOREGSYTE_ADDRESS=address) == []

    def test_a_shell_is_offered_nothing_that_it_could_run(self) -> None:
        address = f"127.0.0.1:{free_port()}"
        History(address).add(UNKNOWN_JOB, Path(r"""a\$(touch pwned)`b`'c'"d" [hd] é-1.mp4"""))
        History(address).add(r"\$(touch pwned)", TINY_MP4)
        offered = offered_to_zsh("status", FOREGSYTE_ADDRESS=address)
        assert offered == f"""_arguments '*: :(("{UNKNOWN_JOB}":"a___touch pwned__b__c__d_ _hd_ é-1.mp4"))'"""

    @pytest.mark.parametrize("words", [("status", ""), ("submit", "--pipeline", "")])
    def test_shells_are_offered_nothing_where_the_address_is_none(self, words: tuple[str, ...]) -> None:
        assert offered_to_a_shell(*words, FOREGSYTE_ADDRESS="127.0.0.1:99999") == []

    @pytest.mark.parametrize("command", ["list", "results"])
    def test_a_reader_that_wants_no_more_is_no_error(
        self, command: str, address: str, client: JobClient, worker: None
    ) -> None:
        arguments = [done(client)] if command == "results" else []
        assert without_reader(command, *arguments, "--address", address) == (ExitCode.OK, "")

    def test_a_standard_stream_that_is_closed_reads_and_writes_nothing(self, address: str, client: JobClient) -> None:
        assert with_shell("submit", str(TINY_MP4), "--address", address, closing=">&-") == (ExitCode.OK, "", "")
        assert [job.status for job in client.jobs()] == [JobStatus.pending]
        assert with_shell("list", "--address", address, closing=">&-") == (ExitCode.OK, "", "")
        assert with_shell("status", UNKNOWN_JOB, "--address", address, closing="2>&-") == (ExitCode.NOT_FOUND, "", "")
        code, out, err = with_shell("delete", "--status", "failed", "--address", address, closing="<&-")
        assert (code, out) == (ExitCode.USAGE, "")
        assert "nobody can be asked here" in err

    def test_ctrl_c_ends_a_wait_with_its_code_and_without_a_trace(
        self, address: str, client: JobClient, folder: Path
    ) -> None:
        command = [sys.executable, "-m", "job_client", "submit", str(TINY_MP4), "--wait", "--address", address]
        with subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            job_id = process.stdout.readline().strip()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert process.returncode == ExitCode.INTERRUPTED
        assert "Traceback" not in err
        assert list(folder.iterdir()) == []
        assert eventually(lambda: client.job(job_id).status().status) is JobStatus.pending


def test_a_table_shows_text_as_it_was_read_and_how_much_it_leaves_out() -> None:
    many = [frame(number * 100, {}, {f"[live] {number:02} [/b]": 0.99}) for number in range(ROWS_SHOWN + 2)]
    screen = Console(width=120, record=True, file=io.StringIO())
    screen.print(texts_table(timeline_of(frame_results(many)).texts))
    shown = screen.export_text()
    assert "[live] 00 [/b]" in shown
    assert f"[live] {ROWS_SHOWN}" not in shown
    assert "and 2 more" in shown


def test_a_table_shows_the_beginning_of_what_a_long_code_says() -> None:
    said = {"QRCode": "x" * 1900, "Aztec": "y" * CODE_CHARS}
    screen = Console(width=200, record=True, file=io.StringIO())
    screen.print(codes_table(timeline_of(frame_results([with_codes(frame(0, {}, {}), said)])).codes))
    shown = screen.export_text()
    assert f"│ {'x' * CODE_CHARS}… (1900 characters) " in shown
    assert f"│ {'y' * CODE_CHARS} " in shown


def test_a_table_shows_the_bytes_of_codes_that_are_no_text() -> None:
    binary = with_codes(frame(0, {}, {}), {"QRCode": "", "Aztec": ""})
    results = frame_results([binary])
    codes = [
        msgspec.structs.replace(code, bytes=of) for code, of in zip(results[0].codes, ("AAE=", "AAI="), strict=True)
    ]
    screen = Console(width=120, record=True, file=io.StringIO())
    screen.print(codes_table(timeline_of([msgspec.structs.replace(results[0], codes=codes)]).codes))
    shown = screen.export_text()
    assert "base64 AAE=" in shown
    assert "base64 AAI=" in shown


def fields_of(frames: list[dict[str, Any]]) -> list[Table]:
    fields = FieldCounts()
    assert list(fields.counted(frame_results(frames))) == frame_results(frames)
    return list(fields.tables())


def test_the_fields_that_a_plugin_added_are_named_and_counted() -> None:
    frames = [frame(index, {}, {}) for index in range(3)]
    for one in frames[1:]:
        one["result"]["blur"] = {"score": one["frame_index"], "[b]": "x" * 100}
    screen = Console(width=120, record=True, file=io.StringIO())
    screen.print(*fields_of(frames))
    row = next(line for line in screen.export_text().splitlines() if "blur" in line)
    assert [cell.strip() for cell in row.split("│")[1:3]] == ["blur", "2"]
    assert '{"score":1,"[b]":"xxx' in row
    assert fields_of(frames[:1]) == []


def test_the_table_of_fields_says_how_all_of_them_are_shown() -> None:
    one = frame(0, {}, {})
    one["result"] |= {f"field {number}": number for number in range(ROWS_SHOWN + 2)}
    screen = Console(width=120, record=True, file=io.StringIO())
    screen.print(*fields_of([one]))
    assert "and 2 more; --raw shows all" in screen.export_text()


def sentence_of(*frames: dict[str, Any]) -> str:
    sentence, *_ = summary_of(*timeline_and_noise(frame_results(list(frames))))
    assert isinstance(sentence, str)
    return sentence


def test_a_summary_of_some_frames_says_how_long_they_are() -> None:
    assert sentence_of(*(frame(index, {}, {}) for index in range(50, 75))) == "1.0 s (25 frames): nothing was found"


def test_a_summary_counts_what_was_found_for_a_moment_or_not_surely() -> None:
    unsure = [frame(index, {"person": 0.38}, {}) for index in range(25)]
    assert sentence_of(*unsure) == "1.0 s (25 frames): seen for a moment or unsurely: 1"
    sure = [frame(index, {"person": 0.9}, {}) for index in range(25)]
    assert sentence_of(*sure, frame(25, {}, {"?a": 0.6})) == (
        "1.0 s (26 frames): 1 person; seen for a moment or unsurely: 1"
    )
