"""What `job_client` exports, and what an import of it loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import job_client

pytestmark = pytest.mark.unit


def test_a_type_checker_sees_what_is_exported() -> None:
    tree = ast.parse(Path(str(job_client.__file__)).read_text(encoding="utf-8"))
    checked, *_ = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        name.asname: getattr(sys.modules[str(node.module)], name.name)
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.name in job_client.__all__ and getattr(job_client, name.name)
    }
    assert seen == {name: getattr(job_client, name) for name in job_client.__all__}


def test_a_name_that_needs_no_library_loads_none() -> None:
    code = "import sys; from job_client import JobStatus; print({'grpc', 'tenacity', 'rapidfuzz'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"


def test_the_types_of_what_results_hold_are_exported() -> None:
    assert {"Box", "Polygon"} <= set(job_client.__all__)
