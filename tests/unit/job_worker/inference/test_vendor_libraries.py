import os
import sys
from pathlib import Path

import pytest

from job_worker.errors import ModelLoadError
from job_worker.inference.vendor_libraries import first_line_of, prepare_vendor_libraries, user_cache_folder

pytestmark = [pytest.mark.unit, pytest.mark.worker]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)


def test_libraries_are_offline_and_write_below_the_cache_folder_only(tmp_path: Path) -> None:
    prepare_vendor_libraries(tmp_path)
    assert os.environ["YOLO_OFFLINE"] == "true"
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    folders = [os.environ[name] for name in ("YOLO_CONFIG_DIR", "PADDLE_PDX_CACHE_HOME", "MPLCONFIGDIR")]
    assert {Path(folder).parent for folder in folders} == {tmp_path}


def test_what_the_operator_has_set_stays(tmp_path: Path) -> None:
    os.environ["YOLO_CONFIG_DIR"] = "/elsewhere"
    prepare_vendor_libraries(tmp_path)
    assert os.environ["YOLO_CONFIG_DIR"] == "/elsewhere"


def test_the_usage_reports_of_openvino_cannot_be_imported() -> None:
    prepare_vendor_libraries()
    with pytest.raises(ImportError):
        __import__("openvino_telemetry")


@pytest.mark.skipif(sys.platform != "linux", reason="optional: other systems have conventions of their own")
def test_the_cache_folder_follows_the_xdg_convention() -> None:
    os.environ["HOME"] = "/home/someone"
    assert user_cache_folder() == Path("/home/someone/.cache/foregsyte")
    os.environ["XDG_CACHE_HOME"] = "/caches"
    assert user_cache_folder() == Path("/caches/foregsyte")


@pytest.mark.usefixtures("without_home")
def test_a_user_without_a_home_must_name_a_cache_folder_once(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="--cache-dir"):
        prepare_vendor_libraries()
    prepare_vendor_libraries(tmp_path)
    prepare_vendor_libraries()
    assert Path(os.environ["MPLCONFIGDIR"]).parent == tmp_path


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Exception from core.cpp:84:\n\nIncorrect weights in bin file!\n", "Incorrect weights in bin file!"),
        ("No such device.\nSee the manual.", "No such device"),
        ("", "ValueError"),
    ],
)
def test_the_reason_is_the_first_line_that_says_something(message: str, reason: str) -> None:
    assert first_line_of(ValueError(message)) == reason
