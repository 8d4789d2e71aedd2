"""Check a checkout against the rules of Phase 16: `make governance`, or this file run by itself.

It takes no arguments and reads no variables: there is no way to switch a rule off. What the rules are, and the few
files and services they do not hold for, is in `forbidden_vocabulary_phase16.yaml` beside it.
"""

import ast
import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, Python looks for modules beside it and not here

from governance import job_rules, rpc_rules, sources, vocabulary_rules  # noqa: E402 (the path comes first)
from governance.rulebook import Rulebook, RulebookUnusable, load_rulebook  # noqa: E402
from governance.sources import FileViolation, Violation  # noqa: E402

FOUND, UNUSABLE = 1, 2
LIVE_SECONDS = 100
"""For imports and migrations that take two on an idle machine."""


def violations_in(root: Path) -> list[Violation]:
    """Return every place of a checkout that breaks a rule, in order.

    Raises:
        RulebookUnusable: Its rules cannot be read.
    """
    rules = load_rulebook(root)
    files = sources.read_files(root, rules)
    found = [*sources.place_violations(root, files, rules), *sources.exception_violations(files, rules)]
    found += _live_violations(root)
    try:
        contract = rpc_rules.read_contract(root)
    except rpc_rules.ContractUnreadable as error:
        return sorted([*found, Violation(rpc_rules.PROTOS, 1, "unreadable", str(error), "fix it")])
    found += rpc_rules.contract_violations(contract, rules)
    adders = frozenset(f"add_{service.name}Servicer_to_server" for proto in contract for service in proto.service)
    for path in sources.checked_files(files, rules):
        found += (Violation(path, *violation) for violation in _file_violations(path, files[path], rules, adders))
    return sorted(set(found))


@lru_cache(maxsize=1024)  # the tests check many copies of a checkout that differ in one file
def _file_violations(path: str, text: str, rules: Rulebook, adders: frozenset[str]) -> list[FileViolation]:
    found = [*vocabulary_rules.word_violations(path, text, rules)]
    try:
        nodes = list(ast.walk(ast.parse(text))) if path.endswith(sources.PYTHON) else []
    except SyntaxError as error:
        return [*found, (error.lineno or 1, "unreadable", f"no Python: {error.msg}", "fix it")]
    found += vocabulary_rules.name_violations(path, text, nodes, rules, adders)
    return [*found, *job_rules.status_violations(nodes, rules), *job_rules.payload_violations(nodes)]


def _live_violations(root: Path) -> list[Violation]:
    """Return what the running code of the checkout breaks; it runs in a process of its own, without variables."""
    done = subprocess.run(
        [sys.executable, "-m", "governance.live_rules"],
        cwd=root, env={}, capture_output=True, text=True, timeout=LIVE_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        return [Violation("governance/live_rules.py", 1, "unreadable", done.stderr.strip(), "fix it")]
    return [Violation(*entry) for entry in json.loads(done.stdout.splitlines()[-1])]


def main() -> int:
    """Return 0 when this checkout keeps every rule, 1 when it breaks one, 2 when the check cannot be made."""
    if len(sys.argv) > 1:
        print("validate_phase16_path takes no arguments: every rule is checked, always", file=sys.stderr)
        return UNUSABLE
    try:
        found = violations_in(ROOT)
    except RulebookUnusable as error:
        print(f"validate_phase16_path: {error}", file=sys.stderr)
        return UNUSABLE
    for violation in found:
        print(violation)
    print(f"Phase 16: {len(found)} violations" if found else "Phase 16: every rule is kept")
    return FOUND if found else 0


if __name__ == "__main__":
    sys.exit(main())
