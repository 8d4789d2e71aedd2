"""Plugins are found by name, and what is wrong with one is said with its package's name."""

from pathlib import Path

import pytest

from shared.process.plugins import PluginUnusable, find_plugins
from tests.support.packages import make_package

pytestmark = pytest.mark.unit

GROUP = "foregsyte.trials"


def test_nothing_is_installed_where_no_package_registers_anything() -> None:
    assert find_plugins("trial", GROUP) == {}


def test_what_a_package_registers_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "raise RuntimeError('imported')"
    monkeypatch.syspath_prepend(make_package(tmp_path, "trial_a", GROUP, {"b": "trial_a:B", "a": "trial_a:A"}, source))
    assert list(find_plugins("trial", GROUP)) == ["a", "b"]


def test_it_is_loaded_when_requested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(make_package(tmp_path, "trial_b", GROUP, {"b": "trial_b:B"}, "B = 'the thing'"))
    assert find_plugins("trial", GROUP)["b"].load() == "the thing"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import absent_module", "No module named 'absent_module'"),
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; sys.exit('usage: a command')", "SystemExit: usage: a command"),
        ("", "attribute"),
    ],
)
def test_what_cannot_be_imported_is_named_with_its_package_and_the_reason(
    source: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    name = f"trial_{abs(hash(source))}"
    monkeypatch.syspath_prepend(make_package(tmp_path, name, GROUP, {"b": f"{name}:B"}, source))
    with pytest.raises(PluginUnusable, match=rf"^the trial 'b' of {name} 1\.2 cannot be loaded from {name}:B: .*{why}"):
        find_plugins("trial", GROUP)["b"].load()


def test_two_packages_that_provide_one_name_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("trial_c", "trial_d"):
        monkeypatch.syspath_prepend(make_package(tmp_path / name, name, GROUP, {"b": f"{name}:B"}))
    with pytest.raises(PluginUnusable) as raised:
        find_plugins("trial", GROUP)
    assert str(raised.value) == "the plugin packages trial_c 1.2 and trial_d 1.2 both provide the trial 'b': remove one"
