"""What a job is in the code: four states, and in the queue its id alone."""

import ast
from collections.abc import Iterator, Sequence

from governance.rulebook import JobRules
from governance.sources import PythonSource, Violation

__all__ = ["payload_violations", "status_violations"]

STATUS_ENUM = "JobStatus"
STATUS_MODULE = "shared/contract/job_status.py"
STATUS_TYPE = "job_status"
"""Its name in the database."""

_ENUM_BASES = {"Enum", "StrEnum", "IntEnum", "Flag", "IntFlag"}
_ENUM_CALLS = {*_ENUM_BASES, "ENUM"}
_COMMON_STATES = 2
"""States that a set of names shares with a job's before it counts as a set of states of a job."""

QUEUE_PORT = "QueueService"
_PUTTING = {"enqueue", "put", "put_nowait", "append", "appendleft"}
_PAYLOAD_MAKERS = {"str", "checked_payload"}
_UUID_STRING_ALONE = "pass the job's id as a string and nothing else; all else is in its row"


def status_violations(sources: Sequence[PythonSource], rules: JobRules) -> Iterator[Violation]:
    """Yields every set of states that is not the four, and a `JobStatus` that is missing or doubled."""
    for source in sources:
        for line, names, is_whole in _sets_of_names(source):
            if is_wrong_set(names, rules, is_whole=is_whole):
                yield source.violation(line, "four-statuses", wrong_set(names, rules), _keep_to(rules))
    definitions = [(source, node) for source in sources for node in source.classes() if node.name == STATUS_ENUM]
    if STATUS_MODULE not in {source.path for source, _ in definitions}:
        yield Violation(STATUS_MODULE, 1, "four-statuses", f"{STATUS_ENUM} is not there", "define it here")
    for source, node in definitions:
        if source.path != STATUS_MODULE:
            what = f"a second {STATUS_ENUM}"
            yield source.violation(node.lineno, "four-statuses", what, f"use the one of {STATUS_MODULE}")


def is_wrong_set(names: Sequence[str], rules: JobRules, *, is_whole: bool) -> bool:
    """Whether these are states of a job, and others than the four.

    Args:
        names: The set.
        rules: The four.
        is_whole: Whether it must be all of them, as in the enum itself; else some of them are right too.
    """
    if is_whole:
        return sorted(names) != sorted(rules.statuses)
    return len(set(names) & set(rules.statuses)) >= _COMMON_STATES and not set(names) <= set(rules.statuses)


def wrong_set(names: Sequence[str], rules: JobRules) -> str:
    """Says what is wrong with a set of states."""
    more = sorted(set(names) - set(rules.statuses))
    missing = sorted(set(rules.statuses) - set(names))
    return f"states of a job with {more or 'none'} too many and {missing or 'none'} missing"


def _keep_to(rules: JobRules) -> str:
    return f"keep to {', '.join(rules.statuses)}"


def _sets_of_names(source: PythonSource) -> Iterator[tuple[int, list[str], bool]]:
    """Yields the ways to declare a set of states: a class of the enum kind, a call that makes one, a Literal.

    With each its line, its names, and whether it is the whole set by its own name.
    """
    for node in source.nodes:
        if isinstance(node, ast.ClassDef):
            if node.name == STATUS_ENUM or any(source.last_name(base) in _ENUM_BASES for base in node.bases):
                yield node.lineno, _members_of(node), node.name == STATUS_ENUM
        elif isinstance(node, ast.Call) and source.last_name(node.func) in _ENUM_CALLS:
            names = _strings_in(node.args)
            yield node.lineno, names, bool(names) and STATUS_TYPE in _strings_in([word.value for word in node.keywords])
        elif isinstance(node, ast.Subscript) and source.last_name(node.value) == "Literal":
            yield node.lineno, _strings_in([node.slice]), False


def _members_of(node: ast.ClassDef) -> list[str]:
    """Returns the members of an enum: the values that are strings, else their names."""
    members = []
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            texts = _strings_in([statement.value])
            members.append(texts[0] if texts else statement.targets[0].id.lower())
    return members


def _strings_in(nodes: Sequence[ast.expr]) -> list[str]:
    found = (inner for node in nodes for inner in ast.walk(node))
    texts = [node.value for node in found if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [name for text in texts for name in text.replace(",", " ").split()]


def payload_violations(sources: Sequence[PythonSource]) -> Iterator[Violation]:
    """Yields every queue that takes, gives or holds more than a job's id, and every call that hands it more."""
    queues = [(source, node) for source in sources for node in source.classes() if _is_queue(source, node)]
    if QUEUE_PORT not in {node.name for _, node in queues}:
        yield Violation("job_api/queue", 1, "queue-payload", f"{QUEUE_PORT} is not there", "restore it")
    for source, node in queues:
        yield from _queue_violations(source, node)
    for source in sources:
        for call in source.calls():
            if isinstance(call.func, ast.Attribute) and call.func.attr == "enqueue" and not _hands_an_id(source, call):
                yield source.violation(call.lineno, "queue-payload", ast.unparse(call), _UUID_STRING_ALONE)


def _is_queue(source: PythonSource, node: ast.ClassDef) -> bool:
    return node.name == QUEUE_PORT or any(source.last_name(base) == QUEUE_PORT for base in node.bases)


def _queue_violations(source: PythonSource, queue: ast.ClassDef) -> Iterator[Violation]:
    for method in queue.body:
        if isinstance(method, ast.FunctionDef) and (wrong := _wrong_signature(method)):
            yield source.violation(method.lineno, "queue-payload", wrong, _UUID_STRING_ALONE)
    if queue.name == QUEUE_PORT:
        return
    for call in (node for node in ast.walk(queue) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr in _PUTTING and not _hands_an_id(source, call):
            yield source.violation(call.lineno, "queue-payload", ast.unparse(call), _UUID_STRING_ALONE)
    if not any(source.last_name(node.func) == "checked_payload" for node in _calls_in(queue)):
        what = f"{queue.name} does not check its payload"
        yield source.violation(queue.lineno, "queue-payload", what, "pass it through checked_payload")


def _calls_in(node: ast.AST) -> Iterator[ast.Call]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))


def _wrong_signature(method: ast.FunctionDef) -> str:
    """Says how a method of a queue is not as the port has it; empty where it is."""
    signature = f"{ast.unparse(method.args)} -> {ast.unparse(method.returns) if method.returns else ''}"
    expected = {"enqueue": "self, job_id: str -> None", "dequeue": "self -> str | None", "size": "self -> int"}
    if method.name in expected and signature != expected[method.name]:
        return f"{method.name}({signature}) is not ({expected[method.name]})"
    return ""


def _hands_an_id(source: PythonSource, call: ast.Call) -> bool:
    if len(call.args) != 1 or call.keywords:
        return False
    (payload,) = call.args
    if isinstance(payload, ast.Call):
        made_of = source.last_name(payload.args[0]) if len(payload.args) == 1 else ""
        return source.last_name(payload.func) in _PAYLOAD_MAKERS and made_of == "job_id"
    return source.last_name(payload) == "job_id"
