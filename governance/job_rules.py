"""What a job is in the code: four states, and in the queue its id alone."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence, Set

from governance.rulebook import Rulebook
from governance.sources import FileViolation

_STATUS_TYPE = "job_status"
"""The name of the enum in the database."""

_ENUMS = {"Enum", "StrEnum", "IntEnum", "Flag", "IntFlag", "ENUM"}
_COMMON_STATES = 2
"""States that a set of names shares with a job's before it counts as a set of states of a job."""

_PORT = "QueueService"
_SIGNATURES = {"enqueue": "self, job_id: str -> None", "dequeue": "self -> str | None", "size": "self -> int"}
_PUTTING = {"enqueue", "put", "put_nowait", "add", "append", "appendleft", "extend", "extendleft", "insert"}
_JOB_ID = r"([\w.]+\.)?job_id"
_PAYLOAD = re.compile(rf"{_JOB_ID}|(str|checked_payload)\({_JOB_ID}\)")
_ID_ALONE = "pass the job's id as a string and nothing else; all else is in its row"


def difference(what: str, found: Set[str], expected: Set[str]) -> str:
    """Return how a set differs from the expected one, as text; empty if it does not."""
    more, missing = sorted(found - expected), sorted(expected - found)
    return f"{what} with {more or 'none'} too many and {missing or 'none'} missing" if more or missing else ""


def wrong_statuses(names: Set[str], rules: Rulebook, *, is_whole: bool) -> str:
    """Return what is wrong with a set of states of a job, of which it may lack some unless it `is_whole`."""
    four = set(rules.job.statuses)
    is_wrong = is_whole or (len(names & four) >= _COMMON_STATES and not names <= four)
    return difference("states of a job", names, four) if is_wrong else ""


def status_violations(nodes: Iterable[ast.AST], rules: Rulebook) -> Iterator[FileViolation]:
    """Yield every set of states of a job that is not the four, and every other state that an object is given."""
    instead = f"keep to {', '.join(rules.job.statuses)}"
    for node in nodes:
        if (given := _given_status(node)) in rules.job.other_statuses:
            yield getattr(node, "lineno", 1), "four-statuses", f"the status {given!r}", instead
        names = set(_names_in_set(node)) | {*_keys(node)} & {*rules.job.statuses, *rules.job.other_statuses}
        is_whole = isinstance(node, ast.Call) and names > {_STATUS_TYPE}
        if wrong := wrong_statuses(names - {_STATUS_TYPE}, rules, is_whole=is_whole):
            yield getattr(node, "lineno", 1), "four-statuses", wrong, instead


def _given_status(node: ast.AST) -> str:
    """Return the text that is assigned to an attribute `status`, or passed as `status=`; empty for all else."""
    match node:
        case ast.Assign(targets=[ast.Attribute(attr="status")], value=ast.Constant(value=str(text))):
            return text.lower()
        case ast.keyword(arg="status", value=ast.Constant(value=str(text))):
            return text.lower()
    return ""


def _names_in_set(node: ast.AST) -> Iterator[str]:
    """Yield the constants of a class, and the strings of a call that makes an enum, of a tuple, a list and a set."""
    parts: Sequence[ast.AST] = ()
    match node:
        case ast.ClassDef():
            parts = [statement for statement in node.body if isinstance(statement, ast.Assign | ast.AnnAssign)]
        case ast.Call() if _last_name(node.func) in _ENUMS:
            parts = [*node.args, *node.keywords]
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            parts = [element for element in elements if isinstance(element, ast.Constant)]
    for inner in (inner for part in parts for inner in ast.walk(part)):
        match inner:
            case ast.Constant(value=str(text)) | ast.Name(id=text, ctx=ast.Store()):
                yield from text.lower().replace(",", " ").split()


def _keys(node: ast.AST) -> Iterator[str]:
    """Yield the keys of a mapping, of which others may be counts and not states."""
    match node:
        case ast.Dict(keys=keys):
            yield from (str(key.value).lower() for key in keys if isinstance(key, ast.Constant))
        case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
            yield from (keyword.arg.lower() for keyword in keywords if keyword.arg)


def payload_violations(nodes: Iterable[ast.AST]) -> Iterator[FileViolation]:
    """Yield every queue that takes, gives or holds more than a job's id, and every call that passes it more."""
    for node in nodes:
        yield from _call_violations(node, {"enqueue"})
        if isinstance(node, ast.ClassDef) and _is_queue(node):
            yield from _queue_violations(node)


def _is_queue(node: ast.ClassDef) -> bool:
    """Return whether a class derives from the port, or takes jobs as it does."""
    methods = {method.name for method in node.body if isinstance(method, ast.FunctionDef)}
    return "enqueue" in methods or _PORT in map(_last_name, node.bases)


def _queue_violations(queue: ast.ClassDef) -> Iterator[FileViolation]:
    for node in ast.walk(queue):
        yield from _call_violations(node, _PUTTING)
        if isinstance(node, ast.FunctionDef):
            signature = f"{ast.unparse(node.args)} -> {ast.unparse(node.returns or ast.Name('nothing'))}"
            if (expected := _SIGNATURES.get(node.name, signature)) != signature:
                yield node.lineno, "queue-payload", f"{node.name}({signature}) is not ({expected})", _ID_ALONE
    if queue.name != _PORT and "checked_payload(" not in ast.unparse(queue):
        what = f"{queue.name} does not check its payload"
        yield queue.lineno, "queue-payload", what, "pass it through checked_payload"


def _call_violations(node: ast.AST, methods: Set[str]) -> Iterator[FileViolation]:
    """Yield a call of one of the methods whose one argument is not an id."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) if name in methods:
            if not _PAYLOAD.fullmatch(", ".join(map(ast.unparse, [*node.args, *node.keywords]))):
                yield node.lineno, "queue-payload", ast.unparse(node), _ID_ALONE


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]
