import os
import sys
from types import SimpleNamespace

import pytest

from job_worker import bootstrap
from job_worker.inference.threads import limit_threads
from job_worker.settings import WorkerSettings

pytestmark = [pytest.mark.unit, pytest.mark.worker]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})


def test_one_number_reaches_the_environment_and_every_loaded_library(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, int] = {}
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(setNumThreads=lambda n: told.update(cv2=n)))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=lambda n: told.update(torch=n)))
    limit_threads(3)
    assert told == {"cv2": 3, "torch": 3}
    assert (os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]) == ("3", "3")


def test_no_library_is_loaded_only_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    limit_threads(1)
    assert not {"cv2", "torch"} & set(sys.modules)


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        limit_threads(0)


def test_the_threads_are_limited_again_once_the_pipelines_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[object] = []
    monkeypatch.setattr(bootstrap, "configure_logging", lambda *_: None)
    monkeypatch.setattr(bootstrap, "prepare_vendor_libraries", lambda *_: None)
    monkeypatch.setattr(bootstrap, "limit_threads", steps.append)
    monkeypatch.setattr(bootstrap, "build_pipelines", lambda _: steps.append("pipelines") or {})
    bootstrap.BuildPipelines(WorkerSettings.of(pipelines="ocr", threads=3))(on_frame=lambda: None)
    assert steps == [3, "pipelines", 3]
