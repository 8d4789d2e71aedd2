"""The project as pip installs it: all that it runs with is in the wheel, and nothing of the checkout is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.clips import thinned
from tests.support.project_copy import copy_of_project, environment_of_copy
from training.boxes import CLASSES

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.corpus, pytest.mark.timeout(600)]

STEP = 6
"""All of the sample's scenes are in every sixth frame, which takes a sixth of the time."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a wheel of this checkout installs; the dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    project = copy_of_project(folder / "checkout")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(folder / "site"), str(project)], check=True, capture_output=True, timeout=300)
    return folder / "site"


def run(site: Path, *arguments: str) -> str:
    """Run Python with what is installed, in a folder of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=site.parent,
        env=environment_of_copy(site, COLUMNS="120"),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_needs_no_checkout_no_settings_and_no_network(site: Path) -> None:
    assert run(site, "-c", "import job_worker; print(job_worker.__file__)").startswith(str(site))
    (video,) = (site / "job_client" / "samples").glob("*.mp4")
    thinned(video, STEP, site.parent / "thinned.mp4").replace(video)
    shown = run(site, "-m", "job_client", "demo", "--data-dir", str(site.parent / "data"))
    for label in CLASSES:
        assert label in shown
    for text in ("KLM 482", "STOP", "PARCEL-2048", "https://example.org/foregsyte"):
        assert text in shown
