"""Which environment `make demo` runs in."""

import pytest

from tests.support.targets import commands_of

pytestmark = pytest.mark.unit


def test_the_demo_of_what_ships_runs_in_the_light_environment() -> None:
    assert commands_of("demo")[-1].startswith(".venv-light/bin/foregsyte demo ")


def test_the_demo_with_other_weights_runs_where_ultralytics_is_installed() -> None:
    (command,) = commands_of("demo", "WEIGHTS=my yolo.pt")
    assert command.startswith(".venv/bin/foregsyte demo ")
    assert command.endswith(' --yolo-weights "my yolo.pt"')


def test_that_environment_is_set_up_first() -> None:
    assert commands_of("demo", "WEIGHTS=yolo.pt", "VENV=.venv-absent")[1].endswith(" .venv-absent")
