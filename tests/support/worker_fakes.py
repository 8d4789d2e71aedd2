"""Stand-ins for what a worker talks to: the server, and whatever runs the pipelines."""

from collections.abc import Callable
from pathlib import Path

import grpc

from job_worker.errors import Stopping
from tests.support.samples import results_document
from tests.support.waiting import eventually

VIDEO = b"the video"
LEASE_SECONDS = 60.0

Run = Callable[[str, Path, Callable[[], bool]], bytes]
"""`PipelineRunner.run`."""


class CallFailed(grpc.RpcError):
    """A call that did not succeed, without a server that made it fail."""

    def __init__(self, code: grpc.StatusCode, details: str = "no connection") -> None:
        super().__init__(details)
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> None:
        return None


def raising(error: BaseException) -> Callable[..., bytes]:
    def call(*_: object) -> bytes:
        raise error

    return call


def one_empty_frame(*_: object) -> bytes:
    return results_document([{"frame_index": 0, "result": {}}])


def until_told(_pipeline_id: str, _video: Path, must_abandon: Callable[[], bool]) -> bytes:
    """A run that takes for ever."""
    eventually(must_abandon, "being told to give the run up")
    raise Stopping("given up")


class FakeApi:
    """`WorkerApi` with a list of jobs behind it; remembers how each of them ended."""

    def __init__(self, *job_ids: str) -> None:
        self.waiting = list(job_ids)
        self.dequeues = 0
        self.completed: dict[str, bytes] = {}
        self.failed: dict[str, str] = {}
        self.released: list[str] = []
        self.offered: frozenset[str] | None = frozenset({"yolo_ocr", "yolo", "ocr"})
        self.pipelines: dict[str, str] = {}
        self.on_empty: Callable[[], object] = lambda: None
        self.on_renew: Callable[[], float] = lambda: LEASE_SECONDS
        self.on_download: Callable[[str], object] = lambda job_id: None
        self.on_complete: Callable[[str], object] = lambda job_id: None
        self.on_release: Callable[[str], object] = lambda job_id: None

    def dequeue(self, wait_seconds: float) -> str | None:
        self.dequeues += 1
        if self.waiting:
            return self.waiting.pop(0)
        self.on_empty()
        return None

    def renew(self, job_id: str) -> float:
        return self.on_renew()

    def offered_pipelines(self) -> frozenset[str] | None:
        return self.offered

    def download(
        self,
        job_id: str,
        target: Path,
        chunk_bytes: int,
        must_abandon: Callable[[], bool],
        accept: Callable[[str], None],
    ) -> str:
        pipeline_id = self.pipelines.get(job_id, "ocr")
        accept(pipeline_id)
        target.write_bytes(VIDEO)
        self.on_download(job_id)
        if must_abandon():
            raise Stopping("given up")
        return pipeline_id

    def complete(self, job_id: str, results_json: bytes) -> None:
        self.on_complete(job_id)
        self.completed[job_id] = results_json

    def fail(self, job_id: str, error_message: str) -> None:
        self.failed[job_id] = error_message

    def release(self, job_id: str) -> None:
        self.on_release(job_id)
        self.released.append(job_id)

    @property
    def untouched(self) -> bool:
        """Whether nothing was said about any job."""
        return not (self.completed or self.failed or self.released)


class FakeRunner:
    """`PipelineRunner` in this process; every run takes the next of the given ways, the last one for ever."""

    def __init__(self, *runs: Run) -> None:
        self._runs = list(runs) or [one_empty_frame]
        self.videos: list[tuple[str, Path]] = []

    def start(self, must_abandon: Callable[[], bool]) -> None:
        pass

    def run(self, pipeline_id: str, video: Path, must_abandon: Callable[[], bool]) -> bytes:
        self.videos.append((pipeline_id, video))
        run = self._runs[0] if len(self._runs) == 1 else self._runs.pop(0)
        return run(pipeline_id, video, must_abandon)

    def close(self) -> None:
        pass
