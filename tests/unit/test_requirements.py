"""The ranges of pyproject.toml and the pinned versions: what holds of them without asking anybody."""

import re
import runpy
import tomllib
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.support.documents import text_of
from tests.support.pins import FILES, PLATFORMS, pins_of
from tests.support.project_copy import ROOT
from tests.support.ranges import declared, other_than_bounds, tried_pythons
from tests.support.targets import commands_of

pytestmark = pytest.mark.unit

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
OF_PADDLE = "pyyaml"
"""PaddleX requires a version that has no wheel for Python 3.14, and only what comes with PaddleX has to follow."""

problem_of = runpy.run_path(str(ROOT / "requirements" / "check_python.py"))["problem_of"]


def jobs_of_the_public_workflow() -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    jobs: dict[str, Any] = workflow["jobs"]
    return jobs


def version_in(file: str, package: str) -> str:
    (pin,) = [pin for pin in pins_of(file) if pin.requirement.name == package]
    return str(pin.requirement.specifier).removeprefix("==")


class TestPins:
    @pytest.mark.parametrize("file", FILES)
    def test_every_file_of_every_package_is_known_by_its_hash_and_none_by_its_address(self, file: str) -> None:
        assert len(pins_of(file)) > 20
        for pin in pins_of(file):
            assert re.fullmatch(r"==[\w.+]+", str(pin.requirement.specifier))
            assert pin.hashes
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in pin.hashes)
        assert "://" not in (ROOT / "requirements" / f"{file}.txt").read_text(encoding="utf-8")

    @pytest.mark.parametrize("file", [name for name in FILES if name != "dev"])
    def test_what_runs_is_what_was_tested(self, file: str) -> None:
        for pin in pins_of(file):
            if (name := pin.requirement.name) != OF_PADDLE:
                assert (name, version_in(file, name)) == (name, version_in("dev", name))

    def test_pyyaml_has_wheels_for_every_python_where_paddlex_does_not_decide(self) -> None:
        assert {version_in(file, OF_PADDLE) for file in ("worker", "dev")} == {"6.0.2"}
        assert version_in("light", OF_PADDLE) >= "6.0.3"

    @pytest.mark.parametrize("python", tried_pythons())
    def test_what_drives_a_gpu_is_installed_where_it_exists(self, python: str) -> None:
        on = {
            platform.name: {
                pin.requirement.name for pin in pins_of("dev") if platform.installs(pin.requirement.marker, python)
            }
            for platform in PLATFORMS
        }
        assert {"torch", "triton", "nvidia-cublas", "cuda-toolkit"} <= on["Linux x86_64"]
        for elsewhere in ("macOS arm64", "Windows x86_64"):
            assert "torch" in on[elsewhere]
            assert not {name for name in on[elsewhere] if re.match(r"triton|cuda-|nvidia-(?!ml-py)", name)}

    def test_the_build_needs_nothing_that_is_not_pinned(self) -> None:
        assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]
        assert all(version_in(file, "setuptools") for file in FILES)


class TestBuilds:
    def test_uv_builds_anew_when_anything_has_changed_that_is_shipped(self) -> None:
        keys = PROJECT["tool"]["uv"]["cache-keys"]
        shipped = {pattern.strip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
        assert {key["file"] for key in keys} == {"pyproject.toml", *(f"{name}/**/*" for name in {"data", *shipped})}


class TestPythons:
    def test_those_that_are_tried_begin_where_the_project_does(self) -> None:
        assert PROJECT["project"]["requires-python"] == f">={tried_pythons()[0]}"
        minors = [int(version.split(".")[1]) for version in tried_pythons()]
        assert minors == list(range(minors[0], minors[-1] + 1))

    def test_the_readme_names_the_first_and_the_last(self) -> None:
        ends = re.findall(r"(3\.\d+) to (3\.\d+)", text_of("README.md"))
        assert ends == [(tried_pythons()[0], tried_pythons()[-1])] * 2

    def test_the_readme_names_the_processor_of_each_windows_that_is_looked_at(self) -> None:
        (windows,) = [platform.name for platform in PLATFORMS if platform.name.startswith("Windows")]
        named = re.findall(r"Windows(?: \((\w+)\))?", text_of("README.md"))
        assert {f"Windows {processor}" for processor in named} == {windows}

    def test_the_public_workflow_runs_the_unit_tests_of_the_client_on_windows(self) -> None:
        (windows,) = [job for job in jobs_of_the_public_workflow().values() if job["runs-on"].startswith("windows")]
        commands = [step["run"] for step in windows["steps"] if "run" in step]
        (installed,) = [re.findall(r"[\w-]+", text.partition("[")[2]) for text in commands if "install" in text]
        assert {"client", "client-media", "client-data", "test"} <= set(installed)
        assert not {extra for extra in installed if extra.startswith("worker")}
        (tests,) = [text for text in commands if "pytest" in text]
        folder, ignored = re.findall(r"tests/[\w/.]+", tests)
        assert folder == "tests/unit/job_client"
        assert (ROOT / ignored).is_file()

    def test_the_public_workflow_sets_up_all_of_them(self) -> None:
        steps = jobs_of_the_public_workflow()["check"]["steps"]
        (chosen,) = [step["with"]["python-version"].split() for step in steps if "setup-python" in step.get("uses", "")]
        assert chosen == tried_pythons()[::-1]
        assert steps[-1]["run"] == ".ci/run"
        all_checks = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
        assert "make test-ends" in all_checks

    @pytest.mark.parametrize("python", tried_pythons())
    def test_set_up_goes_on_with_a_python_that_is_tried(self, python: str) -> None:
        assert problem_of(tuple(map(int, python.split("."))), self.text()) == ""

    @pytest.mark.parametrize("version", [(3, 6), (3, 10), (3, 99), (4, 0)])
    @pytest.mark.parametrize(("targets", "again"), [([], "setup"), (["demo"], "demo"), (["lint", "test"], "lint test")])
    def test_set_up_says_what_to_do_with_another(
        self, version: tuple[int, int], targets: list[str], again: str
    ) -> None:
        problem = problem_of(version, self.text(), targets)
        assert "this is {}.{}".format(*version) in problem
        assert f"`make {again} PYTHON=python{tried_pythons()[-1]}`" in problem

    @pytest.mark.parametrize(("version", "offered"), [((3, 10), False), ((3, 99), True), ((4, 0), True)])
    def test_pip_is_offered_to_a_python_that_it_installs_for(self, version: tuple[int, int], offered: bool) -> None:
        assert ("pip install" in problem_of(version, self.text())) == offered

    @pytest.mark.parametrize(
        ("targets", "variable"), [(["setup"], "VENV"), (["demo"], "LIGHT"), (["demo", "setup"], "LIGHT"), ([], "VENV")]
    )
    def test_make_looks_before_it_calls_pip(self, targets: list[str], variable: str) -> None:
        first = commands_of(*targets, f"{variable}=.venv-absent")[0]
        assert first.split() == ["python3", "requirements/check_python.py", *targets]

    def text(self) -> str:
        return (ROOT / "pyproject.toml").read_text(encoding="utf-8")


class TestRanges:
    def test_only_opencv_has_an_upper_bound(self) -> None:
        bounded = {
            requirement.name
            for requirement in declared(*EXTRAS)
            if {specifier.operator for specifier in requirement.specifier} != {">="}
        }
        assert bounded == {"opencv-python", "opencv-python-headless", "opencv-contrib-python"}
        assert (
            len({str(requirement.specifier) for requirement in declared(*EXTRAS) if requirement.name in bounded}) == 1
        )

    def test_a_reason_stands_beside_each_upper_bound(self) -> None:
        lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
        bounded = [line for line in lines if re.match(r' *"opencv-', line)]
        assert bounded
        assert [line for line in bounded if ",  # " not in line] == []

    def test_a_package_has_one_range(self) -> None:
        ranges = {requirement.name: str(requirement.specifier) for requirement in declared(*EXTRAS)}
        assert [str(one) for one in declared(*EXTRAS) if ranges[one.name] != str(one.specifier)] == []

    @pytest.mark.parametrize(
        ("version", "is_tried"), [("2.10", True), ("2.10.0", True), ("2.11", False), ("2.9", False)]
    )
    def test_a_bound_is_tried_only_by_that_version(self, version: str, is_tried: bool) -> None:
        wrong = list(other_than_bounds([Requirement("Some_Library>=2.10")], {"some-library": version}))
        assert wrong == ([] if is_tried else [f"Some_Library>=2.10: the lowest that installs is {version}"])

    def test_the_lower_bounds_are_what_the_generated_stubs_ask_for(self) -> None:
        generated = ROOT / "shared" / "contract" / "generated" / "foregsyte" / "jobs" / "v1"
        bounds = {requirement.name: str(requirement.specifier) for requirement in declared()}
        (grpc,) = re.findall(r"GRPC_GENERATED_VERSION = '([\d.]+)'", (generated / "jobs_pb2_grpc.py").read_text())
        (protobuf,) = re.findall(r"# Protobuf Python Version: ([\d.]+)", (generated / "jobs_pb2.py").read_text())
        assert (bounds["grpcio"], bounds["protobuf"]) == (f">={grpc}", f">={protobuf}")
