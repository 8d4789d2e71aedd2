from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import yaml

from job_worker.errors import ModelLoadError
from job_worker.ocr.bundled_models import TextModelFolders, bundled_text_models

pytestmark = [pytest.mark.unit, pytest.mark.worker]

ALPHABET = ["a", "\u3000", "~", "null", "1", "\u2028", "🚲"]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    folder = tmp_path / "wheel"
    folder.mkdir()
    for name in ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"):
        (folder / name).write_bytes(name.encode())
    return folder


def models(wheel: Path, cache_folder: Path) -> TextModelFolders:
    return bundled_text_models(cache_folder, lambda name: wheel / name, lambda _: ALPHABET)


def test_each_model_becomes_a_folder_with_its_settings(wheel: Path, tmp_path: Path) -> None:
    folders = models(wheel, tmp_path)
    assert (folders.detection / "inference.onnx").read_bytes() == b"PP-OCRv6_det_small.onnx"
    config = yaml.safe_load((folders.recognition / "inference.yml").read_text(encoding="utf-8"))
    assert config["Global"]["model_name"] == "PP-OCRv6_small_rec"
    assert config["PostProcess"]["character_dict"] == ALPHABET


def test_the_folders_are_built_once(wheel: Path, tmp_path: Path) -> None:
    first = models(wheel, tmp_path)
    second = bundled_text_models(tmp_path, lambda name: wheel / name, lambda _: pytest.fail("built again"))
    assert second == first


def test_another_model_gets_another_folder(wheel: Path, tmp_path: Path) -> None:
    before = models(wheel, tmp_path)
    (wheel / "PP-OCRv6_det_small.onnx").write_bytes(b"newer")
    after = models(wheel, tmp_path)
    assert after.detection != before.detection
    assert after.recognition == before.recognition


def test_workers_that_start_at_once_end_with_the_same_whole_folders(wheel: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(partial(models, wheel), [tmp_path] * 8))
    assert len(found) == 1
    assert len(list((tmp_path / "text_models").iterdir())) == 2


def test_a_cache_folder_that_cannot_be_written_is_named_with_a_way_out(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelLoadError, match=r"cannot be written .* make it writable"):
        models(wheel, tmp_path / "file")


def test_a_missing_wheel_is_named_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelLoadError, match=r"PP-OCRv6_det_small.onnx is not installed: install"):
        bundled_text_models(tmp_path)
