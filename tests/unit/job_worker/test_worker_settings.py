"""The settings of a worker, and the messages about mistakes."""

from pathlib import Path

import pytest

from job_worker.detection.bundled_detector import BUNDLED_CONFIDENCE
from job_worker.settings import WorkerSettings
from shared.pipelines.catalogue import BUILT_IN_PIPELINES
from shared.process.cores import usable_cores
from shared.process.settings import InvalidSettings, load_settings

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.usefixtures("nothing_set")]


def load(*arguments: str) -> WorkerSettings:
    return load_settings(WorkerSettings, arguments, "foregsyte-worker")


def mistake_in(*arguments: str) -> str:
    with pytest.raises(InvalidSettings) as raised:
        load(*arguments)
    return str(raised.value)


def test_a_worker_needs_no_settings_and_loads_every_pipeline() -> None:
    assert load().pipelines == tuple(BUILT_IN_PIPELINES)
    assert load("--pipelines", "ocr").pipelines == ("ocr",)


def test_the_least_confidence_is_what_is_said_or_suits_the_detector() -> None:
    assert load("--yolo-confidence", "0").resolved_confidence == 0
    assert load("--yolo-weights", "w.pt").resolved_confidence == 0.25
    assert load().resolved_confidence == BUNDLED_CONFIDENCE > 0.25


def test_the_image_size_is_what_is_said_or_suits_the_detector() -> None:
    assert load("--yolo-image-size", "320").resolved_image_size == (320, 320)
    assert load("--yolo-weights", "w.pt").resolved_image_size == (640, 640)
    assert load().resolved_image_size == (768, 960)
    assert load("--profile", "fast").resolved_image_size == (768, 768)


def test_no_number_of_threads_takes_the_cores_this_process_may_use() -> None:
    assert load("--pipelines", "ocr").resolved_threads == usable_cores()


def test_a_number_of_threads_is_taken_as_it_is() -> None:
    assert load("--pipelines", "ocr", "--threads", "3").resolved_threads == 3


def test_more_threads_may_take_more_memory_unless_a_limit_is_said() -> None:
    assert load("--threads", "2").resolved_max_memory_bytes == 8 << 30
    assert load("--threads", "64").resolved_max_memory_bytes == 132 << 30
    assert load("--threads", "64", "--max-memory-bytes", "7").resolved_max_memory_bytes == 7


def test_every_worker_has_a_name_of_its_own() -> None:
    assert load("--pipelines", "ocr").worker_id != load("--pipelines", "ocr").worker_id


BAD_VALUES = {
    "--threads": "-1",
    "--yolo-confidence": "1.5",
    "--ocr-confidence": "-0.1",
    "--pipelines": "yolo,nonsense",
    "--drain-seconds": "-1",
    "--wait-seconds": "0",
    "--chunk-bytes": "0",
    "--max-frame-seconds": "soon",
    "--max-memory-bytes": "0",
    "--worker-id": "",
    "--address": "nowhere",
    "--log-level": "LOUD",
}


@pytest.mark.parametrize("name", ["drain-seconds", "wait-seconds", "max-frame-seconds", "max-job-seconds"])
def test_what_no_wait_takes_is_no_number_of_seconds(name: str) -> None:
    assert f"--{name} / FOREGSYTE_" in mistake_in(f"--{name}", "1e10")


def test_bad_values_are_all_reported_together() -> None:
    message = mistake_in(*(word for pair in BAD_VALUES.items() for word in pair))
    assert sorted(line.split()[0] for line in message.splitlines()) == sorted(BAD_VALUES)


def test_a_pipeline_that_there_is_not_is_named_with_those_that_there_are() -> None:
    assert mistake_in("--pipelines", "nonsense") == (
        f"--pipelines / FOREGSYTE_PIPELINES: must name one or more of {', '.join(BUILT_IN_PIPELINES)} (got 'nonsense')"
    )


@pytest.mark.parametrize("device", ["gpu", "CPU", "cuda:", "cuda:a", "-1", "mps", ""])
def test_a_device_that_no_engine_runs_on_is_a_mistake_that_names_the_others(device: str) -> None:
    assert mistake_in(f"--device={device}") == (
        f"--device / FOREGSYTE_DEVICE: must be auto, cpu, or an NVIDIA GPU such as cuda:0 (got {device!r})"
    )


def test_a_gpu_may_be_given_by_its_number() -> None:
    devices = ("auto", "cpu", "cuda", "cuda:1", "1")
    assert [load("--device", device).device for device in devices] == ["auto", "cpu", "cuda", "cuda:1", "cuda:1"]


def test_a_gpu_that_no_engine_would_use_is_a_mistake() -> None:
    engines = ("--detection-engine", "openvino", "--text-engine", "openvino")
    assert mistake_in("--device", "cuda:0", *engines).startswith("--device cuda:0 is used by no engine: ")
    assert load("--device", "cpu", *engines).device == "cpu"
    assert load("--device", "cuda:0", *engines[:2]).device == "cuda:0"


def test_a_file_without_certificates_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "garbage.pem").write_bytes(b"\x00no PEM\xff" * 100)
    message = mistake_in("--tls-ca-file", str(tmp_path / "garbage.pem"))
    assert message.startswith("--tls-ca-file / FOREGSYTE_TLS_CA_FILE: must be a file of certificates, PEM (")


def test_a_work_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    assert "--work-dir" in mistake_in("--pipelines", "ocr", "--work-dir", str(tmp_path / "absent"))
    assert load("--pipelines", "ocr", "--work-dir", str(tmp_path)).work_dir == tmp_path


@pytest.mark.parametrize("name", ["work-dir", "cache-dir"])
def test_an_empty_folder_is_a_mistake_as_a_flag_and_not_set_as_a_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"--{name} / FOREGSYTE_{name.upper().replace('-', '_')}: must not be empty" in mistake_in(f"--{name}=")
    for setting in WorkerSettings.model_fields:
        monkeypatch.setenv(f"FOREGSYTE_{setting.upper()}", "")
    assert load("--worker-id=w") == WorkerSettings.of(worker_id="w")


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "foregsyte.toml").write_text(
        '[worker]\npipelines = ["ocr"]\nwait-seconds = 1\ndrain-seconds = 1\nthreads = 1\n[api]\nlease-seconds = 9\n'
    )
    monkeypatch.setenv("FOREGSYTE_DRAIN_SECONDS", "2")
    monkeypatch.setenv("FOREGSYTE_THREADS", "2")
    settings = load("--threads", "3")
    assert (settings.pipelines, settings.wait_seconds) == (("ocr",), 1)
    assert (settings.drain_seconds, settings.threads) == (2, 3)
