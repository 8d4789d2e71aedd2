"""Checks a checkout against the rules of Phase 16: `make governance`, or this file run by itself.

It takes no arguments and reads no variables: there is no way to switch a rule off. What the rules are, and the few
files and services they do not hold for, is in `forbidden_vocabulary_phase16.yaml` beside it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, Python looks for modules beside it and not here

from governance.import_rules import (  # noqa: E402 (the path comes first)
    address_violations,
    dependency_violations,
    import_violations,
    name_violations,
)
from governance.job_rules import payload_violations, status_violations  # noqa: E402
from governance.model_rules import base_violations, column_violations, migration_violations  # noqa: E402
from governance.rpc_rules import (  # noqa: E402
    PROTOS,
    ContractUnreadable,
    contract_violations,
    misplaced_violations,
    read_contract,
    served_violations,
)
from governance.rulebook import Rulebook, RulebookUnusable, load_rulebook  # noqa: E402
from governance.sources import (  # noqa: E402
    PythonSource,
    Source,
    Violation,
    broken_exceptions,
    functional_sources,
    missing_places,
    text_sources,
)
from governance.vocabulary_rules import file_name_violations, word_violations  # noqa: E402

__all__ = ["main", "violations_in"]

FOUND, UNUSABLE = 1, 2
MIGRATIONS = "migrations/"


def violations_in(root: Path) -> list[Violation]:
    """Returns every place of a checkout that breaks a rule, in order.

    Args:
        root: The checkout.

    Raises:
        RulebookUnusable: Its rules cannot be read.
    """
    rules = load_rulebook(root)
    sources = functional_sources(root, rules)
    found = [*missing_places(root, rules), *broken_exceptions(root, rules)]
    readable = []
    for source in sources:
        found += file_name_violations(source, rules)
        if unreadable := _unreadable(source):
            found.append(unreadable)
        else:
            readable.append(source)
    found += misplaced_violations(sources)
    found += _text_violations([*readable, *text_sources(root, rules)], rules)
    found += _code_violations(root, [source for source in readable if isinstance(source, PythonSource)], rules)
    return sorted(set(found))


def _unreadable(source: Source) -> Violation | None:
    try:
        _ = source.tree if isinstance(source, PythonSource) else None
    except SyntaxError as error:
        return source.violation(error.lineno or 1, "unreadable", f"no Python: {error.msg}", "mend it")
    return None


def _text_violations(sources: list[Source], rules: Rulebook) -> Iterator[Violation]:
    for source in sources:
        yield from word_violations(source, rules)
        yield from address_violations(source, rules)
        if source.path == "pyproject.toml":
            yield from dependency_violations(source, rules)


def _code_violations(root: Path, sources: list[PythonSource], rules: Rulebook) -> Iterator[Violation]:
    migrations = [source for source in sources if source.path.startswith(MIGRATIONS)]
    others = [source for source in sources if source not in migrations]
    for source in sources:
        yield from import_violations(source, rules)
        yield from name_violations(source, rules)
    for source in migrations:
        yield from migration_violations(source, rules.job)
    yield from base_violations(sources, rules.job)
    yield from column_violations(others, rules.job)
    yield from status_violations(sources, rules.job)
    yield from payload_violations(sources)
    try:
        contract = read_contract(root)
    except ContractUnreadable as error:
        yield Violation(PROTOS, 1, "unreadable", str(error), "mend it")
        return
    yield from contract_violations(contract, rules)
    yield from served_violations(sources, contract, rules)


def main() -> int:
    """Checks the checkout that this file is part of.

    Returns:
        0 when every rule is kept, 1 when one is broken, 2 when the check itself cannot be made.
    """
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
