"""The template of pipelines: it installs, passes the conformance tests, and fails them with a bug."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.packages import copy_template, install_template, run_tests_of, some_of
from tests.support.processes import environment
from tests.support.project_copy import ROOT, replace_in

pytestmark = [pytest.mark.integration, pytest.mark.worker, pytest.mark.timeout(300)]

WRONG = {
    "one without a description": (
        "brightness.py",
        "How bright every frame is, from 0 to 255, and whether it is dark.",
        "",
    ),
    "one whose result is no JSON": ("brightness.py", "round(float(image.mean()), 2)", "image.mean(dtype='float32')"),
    "one that keeps state": (
        "brightness.py",
        "brightness = round(float(image.mean()), 2)",
        "brightness = self._dark_below = round(float(image.mean()), 2) + self._dark_below",
    ),
    "one that changes the image": (
        "brightness.py",
        "float(image.mean())",
        "float((image.sort(axis=0), image.mean())[1])",
    ),
    "one that takes any option": (
        "brightness.py",
        "dark_below: float = 40.0)",
        "dark_below: float = 40.0, **_: object)",
    ),
    "one that mixes a batch": (
        "colours.py",
        ".mean(axis=(1, 2))",
        ".mean(axis=(0, 1, 2), keepdims=True)[[0] * len(images), 0, 0]",
    ),
    "one that loses an image": ("colours.py", "self._np.stack(images)", "self._np.stack(images[:1])"),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return install_template("pipelines", tmp_path_factory.mktemp("template"))


def test_its_own_tests_pass_with_what_is_installed(template: tuple[Path, Path]) -> None:
    done = run_tests_of(*template)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("what", some_of(WRONG, "one that loses an image"))
def test_the_conformance_tests_find_the_bugs_of_a_pipeline(
    what: str, template: tuple[Path, Path], tmp_path: Path
) -> None:
    project = copy_template("pipelines", tmp_path)
    name, right, wrong = WRONG[what]
    replace_in(project / "foregsyte_light" / name, right, wrong)
    done = run_tests_of(project, template[1])
    assert done.returncode == 1, done.stdout
    suite = "TestBrightness" if name == "brightness.py" else "TestColours"
    assert f"FAILED tests/test_light.py::{suite}::" in done.stdout


def test_what_the_server_reads_of_it_needs_none_of_the_workers_libraries(template: tuple[Path, Path]) -> None:
    code = (
        "import sys; from shared.pipelines.catalogue import PipelineCatalogue;"
        "from shared.pipelines.profiles import Profile;"
        "print(PipelineCatalogue().describe(['brightness', 'colours'], Profile.exact));"
        "print(sorted({'numpy', 'cv2', 'av', 'job_worker'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(PYTHONPATH=f"{ROOT}:{template[1]}"),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    descriptions, loaded = done.stdout.splitlines()
    assert "How bright every frame is" in descriptions
    assert "The mean colour of every frame" in descriptions
    assert loaded == "[]"
