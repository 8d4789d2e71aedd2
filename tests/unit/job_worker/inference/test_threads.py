import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from job_worker.inference.threads import limit_threads
from tests.conftest import ROOT
from tests.support.packages import make_package

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.thorough]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})


@pytest.mark.usefixtures("environment")
def test_one_number_reaches_the_environment_and_every_loaded_library(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: dict[str, int] = {}
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(setNumThreads=lambda n: set_to.update(cv2=n)))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(set_num_threads=lambda n: set_to.update(torch=n)))
    limit_threads(3)
    assert set_to == {"cv2": 3, "torch": 3}
    assert (os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]) == ("3", "3")


@pytest.mark.usefixtures("environment")
def test_threads_of_openmp_sleep_while_they_wait_unless_the_operator_wants_them_to_spin() -> None:
    limit_threads(1)
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    os.environ["OMP_WAIT_POLICY"] = "ACTIVE"
    limit_threads(1)
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


@pytest.mark.usefixtures("environment")
def test_no_library_is_loaded_only_to_be_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    limit_threads(1)
    assert not {"cv2", "torch"} & set(sys.modules)


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        limit_threads(0)


def printed_by(code: str, *paths: str) -> object:
    """Return what a process of its own prints, with libraries that begin with threads for all cores."""
    limits = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    environment = {name: value for name, value in os.environ.items() if name not in limits}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=100,
        env=environment | {"PYTHONPATH": os.pathsep.join([str(ROOT), *paths])},
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


THREADS_OF_NUMPY = """
import json
import numpy
from threadpoolctl import threadpool_info
from job_worker.inference.threads import limit_threads
limit_threads(1)
print(json.dumps([pool["num_threads"] for pool in threadpool_info()]))
"""


def test_pools_of_libraries_that_are_loaded_already_are_limited_too() -> None:
    found = printed_by(THREADS_OF_NUMPY)
    assert isinstance(found, list)
    assert set(found) == {1}


GREEDY = """
    import cv2

    class Greedy:
        description = "Takes all cores."
        concurrency = 1
        def __init__(self):
            cv2.setNumThreads(4)
        def analyse(self, image):
            return {}
"""
THREADS_OF_A_WORKER = """
import json
import cv2
from job_worker.bootstrap import BuildPipelines
from job_worker.settings import WorkerSettings
BuildPipelines(WorkerSettings.of(pipelines="greedy", threads=1))(on_frame=lambda: None)
print(json.dumps(cv2.getNumThreads()))
"""


def test_a_plugin_that_sets_its_own_number_of_threads_is_limited_again(tmp_path: Path) -> None:
    plugin = make_package(tmp_path, "greedy", "foregsyte.pipelines", {"greedy": "greedy:Greedy"}, GREEDY)
    assert printed_by(THREADS_OF_A_WORKER, str(plugin)) == 1
