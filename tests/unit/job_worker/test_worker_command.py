"""The command `foregsyte-worker` on hosts where it cannot work."""

import pytest

from job_worker.command import main
from shared.process.exit_codes import ExitCode

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.usefixtures("nothing_set")]


@pytest.mark.usefixtures("without_home")
def test_a_user_without_a_home_is_told_which_setting_names_a_cache_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log-level", "ERROR"]) == ExitCode.MODELS
    assert capsys.readouterr().err == (
        "foregsyte-worker: This user has no home folder: name a folder for prepared models in --cache-dir, or one for "
        "all caches in XDG_CACHE_HOME.\n"
    )
