"""A variable that is nearly a setting is named with it; one of another program is not."""

import pytest

from job_api.settings import ApiSettings
from job_worker.settings import WorkerSettings
from shared.process.settings import ProcessSettings, misspelt_variables

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.usefixtures("nothing_set")]

both_sides = pytest.mark.parametrize("side", [ApiSettings, WorkerSettings])


@both_sides
def test_a_misspelt_variable_is_named_with_the_setting(
    side: type[ProcessSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGLEVEL", "ADRESS"):
        monkeypatch.setenv(f"FOREGSYTE_{name}", "")
    assert misspelt_variables(side) == {
        "FOREGSYTE_ADRESS": "FOREGSYTE_ADDRESS", "FOREGSYTE_LOGLEVEL": "FOREGSYTE_LOG_LEVEL"
    }  # fmt: skip


@both_sides
def test_the_variables_of_all_programs_may_be_set_for_each(
    side: type[ProcessSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*ApiSettings.model_fields, *WorkerSettings.model_fields, "config", "pipeline", "test_seed", "nothing"]:
        monkeypatch.setenv(f"FOREGSYTE_{name.upper()}", "")
    assert misspelt_variables(side) == {}
