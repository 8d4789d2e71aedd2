"""Hosts on which commands are typed: each with programs, a home and a folder of its own, as a person has them."""

import json
import os
import re
import subprocess
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from shared.video.reader import VideoReader
from tests.support.clips import encoded
from tests.support.grpcurl import Grpcurl
from tests.support.processes import ROOT, STOP_SECONDS
from tests.support.waiting import eventually

__all__ = ["Host", "show_that_the_service_works"]

START_SECONDS = 120.0
"""A worker prepares its models anew in a home that is empty."""
LINE_SECONDS = 900.0
"""An install may have to fetch gigabytes."""

OF_THE_SYSTEM = "/usr/bin:/bin"
OF_INSTALLERS = ("PIP_", "UV_", "SSL_", "LANG")
"""What begins so says how packages are fetched here, and is inherited."""

SAMPLE = ROOT / "data" / "samples" / "road_and_parcel.mp4"
FRAMES = range(96, 104)
"""Frames of the sample that show a parcel and a poster."""
LABELS = {"qr_code", "barcode"}
TEXTS = {"PARCEL-2048", "SCAN ME"}
CODES = {"PARCEL-2048", "https://example.org/foregsyte"}
"""What each of those frames shows."""

SERVED = ("foregsyte.jobs.v1.JobService", "foregsyte.jobs.v1.WorkerService")
STANDARD = ("grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection")


class Host:
    """A host on which commands are typed.

    Attributes:
        folder: Where they are typed.
    """

    def __init__(self, folder: Path, *programs: Path, **variables: str) -> None:
        """Set up a host.

        Args:
            folder: Where commands are typed; its parent becomes the home.
            *programs: Folders of commands, searched before those of the system.
            **variables: More of its environment.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if name.startswith(OF_INSTALLERS)}
        home = folder.parent
        path = ":".join([*map(str, programs), str(home / ".local" / "bin"), OF_THE_SYSTEM])
        self._environment = {**inherited, "PATH": path, "HOME": str(home), **variables}
        self._log = folder / "log"
        self._started: list[subprocess.Popen[bytes]] = []

    def type(self, line: str) -> str:
        """Type one line; return what it prints, and fail where it fails."""
        done = subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=LINE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def start(self, line: str, ready: str) -> None:
        """Type a line that stays, and wait until it says that it is ready."""
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                ["/bin/bash", "-c", f"exec {line}"],
                cwd=self.folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)

        def is_ready() -> bool:
            assert process.poll() is None, self.logged()
            return ready in self.logged()

        eventually(is_ready, f"{ready!r} of {line}", START_SECONDS)

    def logged(self) -> str:
        """Return what was written by what stays, and is not on a screen."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def stop(self) -> None:
        """Stop what was started, the last one first."""
        for process in reversed(self._started):
            process.terminate()
            process.wait(STOP_SECONDS)


def show_that_the_service_works(
    api: Host, worker: Host, clients: list[Host], media: Host, data: Host | None = None
) -> None:
    """Run a video through a server and a worker, and use the command on each client.

    Args:
        api: Where the server runs.
        worker: Where the worker runs.
        clients: Where the command submits and shows results.
        media: Where it also writes subtitles, a report and an annotated video.
        data: Where it also writes Parquet.
    """
    api.start("foregsyte-api", "listens on")
    _show_the_standard_services(api)
    worker.start("foregsyte-worker", "takes jobs from")
    for client in [*clients, media]:
        encoded(islice(VideoReader(SAMPLE), FRAMES.start, FRAMES.stop), client.folder / "video.mp4")
        job_id, frames = _results(client, "yolo_ocr")
        for frame in frames:
            assert {one["label"] for one in frame.get("detections", [])} >= LABELS, frame
            assert set(frame.get("text", "").splitlines()) >= TEXTS, frame
    for frame in _results(media, "codes")[1]:
        assert {code["text"] for code in frame.get("codes", [])} == CODES, frame
    if data:
        data.type(f"foregsyte results {job_id} --out frames.parquet")
        assert (data.folder / "frames.parquet").read_bytes().startswith(b"PAR1")
    media.type(f"foregsyte results {job_id} --out texts.srt")
    media.type(f"foregsyte report {job_id} --video video.mp4 -o report.html")
    media.type(f"foregsyte annotate {job_id} --video video.mp4 -o annotated.mp4")
    assert " --> " in (media.folder / "texts.srt").read_text(encoding="utf-8")
    for name in ("report.html", "annotated.mp4"):
        assert (media.folder / name).stat().st_size > 1000


def _show_the_standard_services(api: Host) -> None:
    """Call the server by its reflection alone, and its health service."""
    [address] = re.findall(r"listens on (\S+),", api.logged())
    with grpc.insecure_channel(address) as channel:
        listed = set(ProtoReflectionDescriptorDatabase(channel).get_services())
        assert listed == {*SERVED, *STANDARD}, listed
        by_name = Grpcurl(channel)
        assert by_name.call("foregsyte.jobs.v1.JobService/ListPipelines", "{}")
        for service in ("", *SERVED):
            health = by_name.call("grpc.health.v1.Health/Check", json.dumps({"service": service}))
            assert health == {"status": "SERVING"}, (service, health)


def _results(client: Host, pipeline: str) -> tuple[str, list[dict[str, Any]]]:
    """Submit the video there; return the job and what is found in each frame."""
    job_id = client.type(f"foregsyte submit video.mp4 --wait --pipeline {pipeline}").split()[0]
    lines = client.type(f"foregsyte results {job_id}").splitlines()
    assert len(lines) == len(FRAMES), lines
    return job_id, [json.loads(line)["result"] for line in lines]
