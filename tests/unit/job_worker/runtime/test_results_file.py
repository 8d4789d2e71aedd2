"""The results document as it is read for its sending."""

from pathlib import Path

import pytest

from job_worker.errors import JobCannotBeDone
from job_worker.runtime.results_file import ResultsFile

pytestmark = [pytest.mark.unit, pytest.mark.worker]

RESULTS = bytes(range(100))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    path.write_bytes(RESULTS)
    return path


def test_what_is_read_again_in_smaller_chunks_is_what_was_there(path: Path) -> None:
    with ResultsFile(path) as results:
        chunks = [results.read(*chunk) for chunk in ((0, 10), (10, 60), (10, 10), (20, 45), (65, 35))]
        assert chunks[0] + b"".join(chunks[2:]) == RESULTS
        results.check_sent(results.digest())


def test_a_change_is_noticed_although_chunks_are_read_again_in_smaller_ones(path: Path) -> None:
    with ResultsFile(path) as results:
        digest = results.digest()
        for chunk in ((0, 10), (10, 60), (10, 10), (20, 45)):
            results.read(*chunk)
        path.write_bytes(RESULTS[:-1] + b"?")
        results.read(65, 35)
        with pytest.raises(JobCannotBeDone, match="changed"):
            results.check_sent(digest)
