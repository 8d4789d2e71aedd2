"""The commands that train a detector refuse what they cannot work with, and leave every file as it was."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from training import average, build_dataset, calibrate, evaluate

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

DETECTOR = str(ROOT / "data" / "models" / "text_carriers.pt")
NO_FRAMES = ("--train", "0", "--val", "0", "--test", "0")


@pytest.mark.parametrize("kind", ["missing", "empty"])
@pytest.mark.parametrize(
    ("main", "arguments", "wanted"),
    [
        (build_dataset.main, (*NO_FRAMES, "--to", "out", "--real", "FOLDER"), "plates/*.webp or signs/*.webp"),
        (build_dataset.main, (*NO_FRAMES, "--to", "out", "--materials", "FOLDER"), "photos/**/*"),
        (calibrate.main, (DETECTOR, "--to", "out", "--dataset", "FOLDER"), "images/val/*.jpg"),
        (evaluate.main, ("--out", "out", "--dataset", "FOLDER"), "images/test/*.jpg"),
        (evaluate.main, ("--out", "out", "--videos", "FOLDER"), "*.mp4"),
    ],
)
def test_a_folder_without_what_is_read_there_is_refused(
    main: Callable[[], None], arguments: tuple[str, ...], wanted: str, kind: str, refused: Callable[..., str]
) -> None:
    Path("empty/images/test").mkdir(parents=True)
    said = refused(main, *(kind if argument == "FOLDER" else argument for argument in arguments))
    assert f"argument {arguments[-2]}: {kind} has no file " in said
    assert wanted in said


@pytest.mark.parametrize("share", ["7", "-0.1", "nan"])
def test_a_share_is_between_nothing_and_all(share: str, refused: Callable[..., str]) -> None:
    said = refused(average.main, DETECTOR, DETECTOR, "--to", "out", f"--share={share}")
    assert f"argument --share: {share} is not between 0 and 1" in said


def test_what_gives_no_numbers_and_no_variants_is_refused(refused: Callable[..., str]) -> None:
    assert "--dataset or --videos is required" in refused(evaluate.main, "--out", "out")
    assert "--real is required" in refused(build_dataset.main, *NO_FRAMES, "--to", "out", "--variants", "2")


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return what argparse says about wrong arguments, in its one line; nothing is written to `out`."""
    monkeypatch.chdir(tmp_path)

    def last_line(main: Callable[[], None], *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["command", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert not Path("out").exists()
        return capsys.readouterr().err.splitlines()[-1]

    return last_line


@pytest.mark.parametrize("number", [0, 40], ids=["trained on", "to calibrate with"])
def test_a_photograph_that_cannot_be_read_ends_the_build_with_its_name(tmp_path: Path, number: int) -> None:
    (tmp_path / "plates").mkdir()
    for other in range(number):
        whole(tmp_path / "plates" / f"{other:04}.webp")
    broken = tmp_path / "plates" / f"{number:04}.webp"
    broken.write_text("not an image")
    command = [sys.executable, "-m", "training.build_dataset", *NO_FRAMES, "--to", tmp_path / "out"]
    command += ["--real", tmp_path, "--variants", "2", "--processes", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"error: {broken} is not an image that can be read\n"


def whole(photograph: Path) -> None:
    cv2.imwrite(str(photograph), np.zeros((8, 8, 3), np.uint8))
    photograph.with_suffix(".txt").write_text("")
