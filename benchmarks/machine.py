"""What a number was measured on."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["machine_facts"]

LIBRARIES = ("openvino", "onnxruntime", "torch", "ultralytics", "paddleocr", "duckdb", "grpcio")


def machine_facts(threads: int) -> dict[str, Any]:
    """Returns the processor, its cores and the versions that matter, and a line of text about them."""
    cores = len(os.sched_getaffinity(0))
    facts = {
        "processor": _processor(),
        "cores": cores,
        "threads": threads,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }
    return facts | {"text": f"{facts['processor']}, {cores} cores, {threads} threads"}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
