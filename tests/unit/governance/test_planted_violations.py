"""Each rule of Phase 16, broken on purpose in a copy: caught with file, line, rule and what to do."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from governance.rulebook import load_rulebook
from governance.sources import Violation
from governance.validate_phase16_path import violations_in
from governance.vocabulary_rules import RULE
from tests.support.project_copy import ROOT, copy_of_project, replace_in

pytestmark = pytest.mark.unit

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

    @property
    def expected_line(self) -> int:
        return self.line or self.text.count("\n") + 1


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
        ("sse", "sse_client = 1"),
        ("sse", "x = b'SSE'"),
        ("sse", "class SSEHandler: ..."),
        ("real_time", "x = 'real-time'"),
        ("real_time", "def f():\n    global realTime"),
        ("real_time", "IS_REALTIME = 1"),
    ]
]
FILES = [
    Planted("forbidden-word", "", "job_worker/gpu_worker.py", says="gpu_worker"),
    Planted("forbidden-word", "a: 1\nb: streaming", "protos/planted.yaml", says="streaming"),
    Planted("forbidden-word", "", "shared/web-socket/planted.txt", says="web-socket"),
    Planted("phase-name", "", "job_api/phase16_checks.py", says="phase16"),
    Planted("phase-name", "", "job_worker/Phase_16/planted.txt", says="Phase_16"),
    Planted("phase-name", "", "migrations/versions/0009-phase.py", says="phase"),
    Planted("unreadable", "x = 1\ndef", says="no Python"),
]
IMPORTS = [
    Planted("forbidden-import", text, says=backend)
    for backend, text in [
        ("sqlite", "import sqlite3"),
        ("sqlite", "def f():\n    from sqlalchemy.dialects import sqlite"),
        ("sqlite", "url = 'sqlite:///jobs.db'"),
        ("postgres", "import psycopg.rows as rows"),
        ("postgres", "url = f'postgresql+psycopg://{host}/jobs'"),
        ("redis", "from redis import Redis"),
        ("redis", "import importlib\nimportlib.import_module('redis')"),
        ("celery", "from celery import shared_task"),
        ("celery", "kombu = __import__('kombu')"),
        ("rabbitmq", "import pika"),
        ("rabbitmq", "x = 'amqp://broker'"),
        ("s3", "import boto3"),
        ("s3", "from botocore.client import Config"),
        ("s3", "x = 's3://bucket/key'"),
        ("asynchronous", "from sqlalchemy.ext.asyncio import create_engine"),
    ]
]
NAMES = [
    Planted("async-session", "from sqlalchemy.ext import asyncio\nx = asyncio.AsyncSession"),
    Planted("async-session", "x = getattr(y, 'async_sessionmaker')"),
    Planted("unary-rpc", "x = channel.unary_stream('/a/B')"),
    Planted("unary-rpc", "import grpc\nx = grpc.stream_stream_rpc_method_handler(f)"),
    Planted("unary-rpc", "from a import add_ChannelzServicer_to_server as add\nadd(x, server)"),
    Planted("unary-rpc", "server.add_generic_rpc_handlers(x)"),
]
JOBS = [
    Planted("one-base", "from sqlalchemy.orm import DeclarativeBase as Any\nclass Other(Any): ..."),
    Planted("one-base", "import sqlalchemy.orm as orm\nBase = orm.declarative_base()"),
    Planted("one-base", "from sqlalchemy.orm import registry\nx = registry()"),
    Planted("eight-columns", "class Mixin:\n    priority: Mapped[int]"),
    Planted("eight-columns", "import sqlalchemy as sa\nx = sa.Column('priority')"),
    Planted("eight-columns", "from sqlalchemy import Table\nx = Table('others', metadata)"),
    Planted("eight-columns", "class Other(Base):\n    __tablename__ = 'others'", line=1, says="others"),
    Planted("eight-columns", "op.add_column('jobs', sa.Column('priority'))", "migrations/versions/0011.py"),
    Planted("eight-columns", "op.alter_column('jobs', 'status', new_column_name='x')", "migrations/versions/0012.py"),
    Planted("eight-columns", "op.execute('alter table jobs add priority int')", "migrations/versions/0013.py"),
    Planted("eight-columns", "op.create_table('others')", "migrations/versions/0014.py", says="others"),
    Planted("eight-columns", "def upgrade():\n    op.drop_column('jobs', 'status')", "migrations/versions/0015.py"),
    Planted(
        "four-statuses",
        "class State(StrEnum):\n    running = 'x'\n    failed = 'failed'\n    pending = 'pending'\n"
        "    paused = 'paused'",
        line=1,
        says="paused",
    ),
    Planted("four-statuses", "x: Literal['pending', 'running', 'cancelled']", says="cancelled"),
    Planted("four-statuses", "x = sa.Enum('pending', 'running', 'completed', name='job_status')", says="failed"),
    Planted("four-statuses", "x = Enum('State', 'pending running retried')", says="retried"),
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
PLANTED = [*WORDS, *FILES, *IMPORTS, *NAMES, *JOBS, *PROTO]


def rules_of_the_checker() -> set[str]:
    """Returns every rule that a violation can name: what the checker's modules pass on, and what the rules name."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "governance").glob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    making = [call for call in calls if ast.unparse(call.func).lower().endswith("violation")]
    words = {argument.value for call in making for argument in call.args if isinstance(argument, ast.Constant)}
    passed_on = {word for word in words if re.fullmatch(r"[a-z]+(-[a-z]+)?", str(word))} - {"shared"}
    return passed_on | {RULE} | {rule.rule for rule in load_rulebook(ROOT).forbidden_names}


def path_of(number: int) -> str:
    return PLANTED[number].path.format(number=number)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Violation]:
    """What is found in a copy that holds all the planted files."""
    copy = a_copy(tmp_path_factory.mktemp("planted"))
    for number, planted in enumerate(PLANTED):
        file = copy / path_of(number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(planted.text, encoding="utf-8")
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
    changed = {rule for rule, *_ in CHANGES} | {"missing"}
    assert rules_of_the_checker() == {planted.rule for planted in PLANTED} | changed


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
shown = Column("priority")
answers = Literal["completed", "failed"]
class Ending(StrEnum):
    completed = "completed"
    failed = "failed"
self.ids.append((job_id, 1))
line.enqueue(str(lease.job_id))
op.execute("UPDATE jobs SET error_message = NULL")
'''


def test_what_only_looks_forbidden_is_let_be(tmp_path: Path) -> None:
    copy = a_copy(tmp_path)
    (copy / "job_client" / "phases_of_the_moon.py").write_text("", encoding="utf-8")
    (copy / "job_client" / "picture.png").write_bytes(b"\xff\xfe sse")
    (copy / "job_client" / "innocent.py").write_text(INNOCENT, encoding="utf-8")
    assert violations_in(copy) == []


CHANGES = [
    ("one-base", "job_api/core/database.py", "class Base(DeclarativeBase)", "class Base(object)"),
    (
        "eight-columns",
        "job_api/models/job.py",
        "    error_message: Mapped",
        "    priority: Mapped[int]\n    error_message: Mapped",
    ),
    ("eight-columns", "job_api/models/job.py", "    error_message: Mapped", "    message: Mapped"),
    ("eight-columns", "job_api/models/job.py", '__tablename__ = "jobs"', '__tablename__ = "work"'),
    ("eight-columns", "migrations/versions/0001_jobs.py", '"output_path"', '"results_path"'),
    (
        "four-statuses",
        "shared/contract/job_status.py",
        '    failed = "failed"',
        '    failed = "failed"\n    paused = "paused"',
    ),
    ("four-statuses", "shared/contract/job_status.py", 'running = "running"', 'running = "active"'),
    ("four-statuses", "shared/contract/job_status.py", "class JobStatus(StrEnum)", "class State(StrEnum)"),
    ("queue-payload", "job_api/queue/base.py", "class QueueService(ABC)", "class Queue(ABC)"),
    ("four-statuses", "protos/foregsyte/jobs/v1/jobs.proto", "  JOB_STATUS_FAILED = 4;", "  JOB_STATUS_BROKEN = 4;"),
    ("queue-payload", "job_api/queue/base.py", "def enqueue(self, job_id: str)", "def enqueue(self, job: dict)"),
    ("queue-payload", "job_api/queue/memory_queue.py", "put(checked_payload(job_id))", "put(job_id)"),
    (
        "queue-payload",
        "protos/foregsyte/jobs/v1/jobs.proto",
        "message DequeueResponse {",
        "message DequeueResponse {\n  int32 priority = 9;",
    ),
    (
        "unary-rpc",
        "protos/foregsyte/jobs/v1/jobs.proto",
        "returns (GetJobResultsResponse)",
        "returns (stream GetJobResultsResponse)",
    ),
    ("unreadable", "protos/foregsyte/jobs/v1/jobs.proto", "message DequeueResponse {", "message DequeueResponse"),
    ("forbidden-import", "pyproject.toml", '"tenacity>=9",', '"tenacity>=9",\n  "psycopg2_binary>=2",'),
    ("forbidden-import", "alembic.ini", "[alembic]", "[alembic]\nsqlalchemy.url = sqlite:///jobs.db"),
    (
        "exception",
        "shared/contract/generated/foregsyte/jobs/v1/jobs_pb2.py",
        "# Generated by the protocol buffer",
        "# Made by",
    ),
    ("exception", "job_api/server.py", "reflection.enable_server_reflection(", "print("),
    (
        "exception",
        "governance/forbidden_vocabulary_phase16.yaml",
        "third_party_files: []",
        "third_party_files: [{files: shared/vendor/*, reason: none}]",
    ),
]


@pytest.mark.parametrize(("rule", "path", "old", "new"), CHANGES, ids=lambda value: value[:40])
def test_a_change_of_what_is_there_is_caught(tmp_path: Path, rule: str, path: str, old: str, new: str) -> None:
    copy = a_copy(tmp_path)
    line = replace_in(copy / path, old, new)
    found = violations_in(copy)
    assert rule in {violation.rule for violation in found}, found
    near = range(line - 15, line + 20)  # the enum, the class or the message around it
    elsewhere = {
        "shared/vendor/*",
        "grpc.reflection.v1alpha.ServerReflection",
        "protos",
        "job_api/core/database.py",
        "job_api/queue",
    }
    assert any((v.path == path and v.line in near) or v.path in elsewhere for v in found if v.rule == rule), found


@pytest.mark.parametrize("name", ["protos", "migrations", "alembic.ini"])
def test_a_place_that_is_missing_is_caught(tmp_path: Path, name: str) -> None:
    copy = a_copy(tmp_path)
    (copy / name).rename(copy / "elsewhere")
    assert ("missing", name) in {(violation.rule, violation.path) for violation in violations_in(copy)}
