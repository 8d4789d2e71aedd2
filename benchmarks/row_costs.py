"""What a job's row costs to write and to read, in a table with so many rows already."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import text

from benchmarks.measuring import Rows, spread, timed_ms
from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.core.migrations import migrate
from job_api.repositories.jobs import JobRepository

FILL = text(
    "INSERT INTO jobs SELECT uuid(), 'completed', 'ocr', 'video_jobs/video.mp4', 'video_jobs/results.json', NULL, "
    "TIMESTAMP '2020-01-01' + to_seconds(number), TIMESTAMP '2020-01-01' + to_seconds(number) "
    "FROM range(:first, :last) AS numbers(number)"
)


def row_table(folder: Path, sizes: Sequence[int], calls: int, rounds: int) -> Rows:
    """Measure one insert, one read and the newest page, in the middle of a table that grows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: Rows = []
    with closing(Database(f"duckdb:///{folder / 'rows.duckdb'}")) as database:
        database.open()
        migrate(database)
        with closing(GroupWriter(database)) as writer:
            writer.start()
            jobs, filled = JobRepository(database, writer), 0
            reader = JobRepository(database, writer)  # has cached nothing of what the other one wrote
            for size in sizes:
                with database.sessions.begin() as session:
                    session.execute(FILL, {"first": filled, "last": size})
                filled = size
                rows.append({"rows": size} | _costs(jobs, reader, calls, rounds))
    return rows


def _costs(jobs: JobRepository, reader: JobRepository, calls: int, rounds: int) -> dict[str, dict[str, float]]:
    measured: dict[str, Callable[[UUID], object]] = {
        "insert ms": lambda job_id: jobs.add(job_id, "ocr", "video_jobs/video.mp4"),
        "get ms": reader.get,
        "newest 50 ms": lambda _: jobs.newest(None, None, 50),
    }
    times: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        ids = [uuid4() for _ in range(calls)]
        for name, call in measured.items():
            times[name].append(timed_ms(lambda: [call(job_id) for job_id in ids]) / calls)  # noqa: B023 (called at once)
    return {name: spread(samples) for name, samples in times.items()}
