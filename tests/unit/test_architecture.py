"""What the modules may import when, beside the contracts of `.importlinter`."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.project_copy import copy_of_project

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

PACKAGES = ("shared", "job_api", "job_worker", "job_client", "migrations")
DATABASE_LIBRARIES = ("duckdb", "duckdb_engine", "sqlalchemy", "alembic")
HEAVY = ("torch", "ultralytics", "paddleocr", "paddlex", "paddle", "openvino", "onnxruntime", "rapidocr")
"""Libraries that take seconds or a gigabyte to import."""

VISION = (*HEAVY, "cv2", "av", "numpy", "PIL")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(package: str) -> dict[str, Path]:
    """Return every module of a package, but for the generated ones."""
    paths = (path for path in (ROOT / package).rglob("*.py") if "generated" not in path.parts)
    return {module_name(path): path for path in paths}


MODULES = {name: path for package in PACKAGES for name, path in sources(package).items()}


def imported_by(nodes: Iterator[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def without_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs when the module is imported: all but the bodies of functions and what only types need."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from without_functions(node)


def imports(module: str, *, at_import: bool = False) -> set[str]:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return imported_by(without_functions(tree) if at_import else ast.walk(tree))


def within(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def offences(modules: tuple[str, ...], forbidden: tuple[str, ...], *, at_import: bool = False) -> list[str]:
    """Return every import of something forbidden by one of the modules or what lies below them."""
    return [
        f"{module} imports {name}"
        for module in MODULES
        if within(module, *modules)
        for name in sorted(imports(module, at_import=at_import))
        if within(name, *forbidden)
    ]


def test_there_is_something_to_look_at() -> None:
    assert {"job_api.services.dispatch", "job_worker.worker_runner", "shared.process.settings"} <= set(MODULES)
    assert "job_api.repositories.jobs" in imports("job_api.services.dispatch")
    assert "uuid.UUID" in imports("job_api.services.leases")
    assert offences(("job_api.services",), ("job_api.repositories",))


def test_a_forbidden_import_is_found(tmp_path: Path) -> None:
    copy = copy_of_project(tmp_path / "project")
    planted = (
        ("job_api.services.queries", "sqlalchemy"),
        ("job_api.services.queries", "job_api.testing.queue"),
        ("job_api.server", "tests"),
        ("job_worker.bootstrap", "job_worker.testing"),
        ("job_client.job", "pytest"),
        ("shared.video.timestamps", "shared.process.clock"),
        ("shared.pipelines.profiles", "zxingcpp"),
    )
    for module, imported in planted:
        with (copy / module.replace(".", "/")).with_suffix(".py").open("a", encoding="utf-8") as file:
            file.write(f"\nimport {imported}\n")
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert found.returncode == 1
    for module, imported in planted:
        assert f"{module} -> {imported} (" in found.stdout


def test_only_the_interceptor_turns_errors_into_statuses() -> None:
    assert [
        module
        for module in MODULES
        if re.search(r"\bgrpc\.StatusCode", MODULES[module].read_text()) and within(module, "job_api")
    ] == ["job_api.interceptors.error_mapping"]
    assert not [module for module in MODULES if "context.abort(" in MODULES[module].read_text()]


def test_only_the_entry_points_configure_logging() -> None:
    configuring = [module for module in MODULES if "shared.process.logging_setup.configure_logging" in imports(module)]
    of_the_child_process = "job_worker.bootstrap"
    assert set(configuring) == {"shared.process.entry_point", of_the_child_process}
    entering = [module for module in MODULES if "shared.process.entry_point.run_service" in imports(module)]
    assert set(entering) == {"job_api.command", "job_worker.command"}


def test_no_call_is_asynchronous() -> None:
    assert offences(PACKAGES, ("grpc.aio",)) == []


def test_heavy_libraries_are_imported_inside_functions_of_their_adapters_alone() -> None:
    # Modules of torch classes need it at import, so nothing else may import them then.
    on_torch = tuple(name for name in MODULES if name.rpartition(".")[2].startswith("torch_"))
    at_import = offences(PACKAGES, (*HEAVY, *on_torch), at_import=True)
    assert {offence.split(" imports ")[0] for offence in at_import} == {*on_torch}
    users = {offence.split(" imports ")[0] for offence in offences(PACKAGES, HEAVY)}
    strays = {user for user in users if not within(user, "job_worker.detection", "job_worker.ocr", *on_torch)}
    assert strays <= {
        "job_worker.inference.host",
        "job_worker.inference.openvino_models",
        "job_worker.inference.threads",
        "job_worker.inference.vendor_libraries",
    }
    assert users - strays


def loaded_by(module: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded once it has imported the module."""
    code = f"import sys, json, {module}; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.thorough
def test_the_worker_starts_without_the_heavy_libraries() -> None:
    loaded = loaded_by("job_worker.command")
    assert "job_worker" in loaded
    assert not loaded & {*HEAVY, *DATABASE_LIBRARIES, "job_api"}


@pytest.mark.thorough
def test_the_api_starts_without_any_of_the_workers_libraries() -> None:
    loaded = loaded_by("job_api.command")
    assert "job_api" in loaded
    assert not loaded & {*VISION, "job_worker", "job_client"}


@pytest.mark.thorough
def test_the_client_starts_with_the_libraries_of_its_own_extra_alone() -> None:
    loaded = loaded_by("job_client.command")
    assert {"job_client", "typer", "grpc"} <= loaded
    assert not loaded & {*VISION, *DATABASE_LIBRARIES, "fontTools", "jinja2", "pysubs2", "job_api", "job_worker"}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_begins_with_what_it_is(module: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[module].read_text(encoding="utf-8")))


@pytest.mark.thorough
def test_the_committed_stubs_are_those_of_the_contract(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="comes with the dev extra")
    subprocess.run(
        ["make", "-o", "setup", "protos", f"VENV={sys.prefix}", f"GENERATED={tmp_path}"],
        cwd=ROOT, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    stubs = ROOT / "shared" / "contract" / "generated"
    committed = {
        path.relative_to(stubs): path.read_bytes()
        for path in stubs.rglob("jobs_pb2*")
        if path.suffix in (".py", ".pyi")
    }
    assert len(made) == 4
    assert set(made) == set(committed)
    assert [str(path) for path, content in made.items() if committed[path] != content] == []
