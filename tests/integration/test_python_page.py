"""The Python examples of README and docs/clients/python.md do what they say."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import job_client
from job_client import JobClient
from job_client.errors import ServiceError
from tests.conftest import ROOT, TINY_MP4

pytestmark = pytest.mark.integration

PAGE = (ROOT / "docs" / "clients" / "python.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def examples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


@pytest.fixture
def run_example(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """Run an example beside `video.mp4` against the test's server; return what it printed."""
    (tmp_path / "video.mp4").write_bytes(TINY_MP4.read_bytes())
    monkeypatch.chdir(tmp_path)

    def run(code: str) -> str:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(job_client, "JobClient", lambda *_: JobClient(address))
            exec(compile(code, "example", "exec"), {})
        return capsys.readouterr().out

    return run


def test_the_example_of_the_readme_prints_the_text_of_every_frame(
    run_example: Callable[[str], str], worker: None
) -> None:
    [example] = examples(README)
    assert run_example(example) == "0 STOP\n1 [live] Кадр\n2 STOP\n[/b]\n3 \n"


def test_the_examples_of_the_page_do_what_it_says(
    run_example: Callable[[str], str], worker: None, client: JobClient
) -> None:
    submitting, joining, listing, repeating, refused = map(partial(partial, run_example), examples(PAGE))
    assert "completed\n0 STOP\n" in submitting()
    assert joining() == "0.00 s, 0.04 s long: STOP\n0.04 s, 0.04 s long: [live] Кадр\n0 plates\n"
    assert listing().endswith("yolo_ocr 4\n['yolo_ocr', 'yolo', 'ocr', 'codes']\n")
    assert list(client.jobs()) == []
    repeating()
    assert len(list(client.jobs())) == 1
    assert refused().startswith("INVALID_MP4\nvideo ")


def test_the_page_lists_every_exception() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    exported = {name for name in job_client.__all__ if issubclass(getattr(job_client, name), ServiceError)} - {
        "ServiceError"
    }
    assert listed == exported
