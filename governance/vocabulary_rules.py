"""Which words and which names of libraries the code may have."""

import ast
import re
from collections.abc import Iterable, Iterator, Set
from fnmatch import fnmatch

from governance.rulebook import Rulebook
from governance.sources import FileViolation

_NAME = re.compile(r"[^\W_][\w-]*")
"""Letters, digits, `_` and `-`: what people read as one name."""

_NEW_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where CamelCase begins a word: `GPUWorker` is `GPU_Worker`."""

_ESCAPE = re.compile(r"\\[abfnrtv]")
"""A letter that belongs to no word: `"\\nsse"` is `sse` on a new line."""

_GAP = r"(?:\s|/\*.*?\*/|--[^\n]*\n)+"
"""What parts the words of SQL: spaces and comments."""

_SCHEMA_CHANGE = re.compile(
    rf"\b(create|alter|drop){_GAP}(?:(?:or{_GAP}replace|temp|temporary){_GAP})*(table|type)\b",
    re.IGNORECASE | re.DOTALL,
)
_EXTENSION = re.compile(
    rf"\b(?:install|load|type|attach){_GAP}[\"']?([a-z0-9]+)|\b([a-z0-9]+)_(?:scan|query|execute|attach)\w*\s*\(",
    re.IGNORECASE | re.DOTALL,
)
"""What brings another database into DuckDB: its extension, its type, the prefix of its path, its functions."""
_ADDRESS = re.compile(r"([\w+]+)://")
_REQUIREMENT = re.compile(r"[\"']([A-Za-z][\w.-]*)[^\"']*[\"']")


def word_violations(path: str, text: str, rules: Rulebook) -> Iterator[FileViolation]:
    """Yield every forbidden word of a file and of its path; keywords are read too, for none of them is forbidden."""
    for part in (path, _ESCAPE.sub("  ", text)):
        words = _in_words(part)
        for rule in (rule for rule in rules.forbidden_words if re.search(_words(rule.forms), words)):
            for line, text_of_line in enumerate(part.splitlines(), 1):
                for name in _names_with(text_of_line, rule.forms):
                    yield line, "forbidden-word", f"{rule.word!r} in {name!r}", rule.instead
    for name in (name for name in path.split("/") if _holds(name, (r"phase\d*",))):
        yield (
            1,
            "phase-name",
            f"{name!r} is named after a phase",
            "name it for what it does; the phase will end, the name stays",
        )


def _names_with(line: str, forms: Iterable[str]) -> Iterator[str]:
    """Yield every name of a line that holds a form, and every form with blanks between its parts."""
    yield from (name for name in _NAME.findall(line) if _holds(name, forms))
    yield from (found for found in re.findall(_words(forms), line, re.IGNORECASE) if " " in found)


def _holds(text: str, forms: Iterable[str]) -> bool:
    """Return whether a form is a whole word of the text, as it is or in CamelCase; `sse2` is another than `sse`."""
    return bool(re.search(_words(forms), _in_words(text)))


def _in_words(text: str) -> str:
    """Return the text in small letters, as it is and with the words of CamelCase apart."""
    return f"{text}\n{_NEW_WORD.sub('_', text)}".lower()


def _words(forms: Iterable[str]) -> str:
    joined = "|".join(forms).replace("_", "[-_]*").replace(" ", "[-_ ]*")
    return rf"(?<![^\W\d_])(?:{joined})(?![^\W_])"


def name_violations(
    path: str, text: str, nodes: Iterable[ast.AST], rules: Rulebook, adders: Set[str]
) -> Iterator[FileViolation]:
    """Yield every use of a forbidden name; `adders`, the functions that add the contract's services, are free."""
    allowed = adders | {exception.added_by for exception in rules.exceptions.grpc_services}
    names = {*_names_in_text(path, text), *_names_in_code(nodes)}
    distinct = {name for _, name in names}
    for rule in rules.forbidden_names:
        if rule.library in text and not any(fnmatch(path, pattern) for pattern in rule.only_in):
            alternatives = "|".join(re.escape(name).replace(r"\*", r"\w*") for name in rule.names)
            forbidden = re.compile(rf"(?<![^.])(?:{alternatives})(?![^.])")
            found = {name for name in distinct if forbidden.search(name) and name.rpartition(".")[2] not in allowed}
            for line, name in names:
                if name in found:
                    yield line, rule.rule, f"{rule.what}: {name}", rule.instead


def _names_in_code(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield the line and name of each import, name, keyword, string and class (`class name`), and of each call.

    A call is `name()`, and for each of its arguments `name(keyword)` or `name(index)`.
    """
    for node in nodes:
        match node:
            case ast.Import(names=aliases):
                yield from ((node.lineno, alias.name) for alias in aliases)
            case ast.ImportFrom(names=aliases):
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in aliases)
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.Constant(value=str(text)):
                yield from ((node.lineno, part) for part in text.split("+"))  # postgresql+psycopg
                yield from ((node.lineno, " ".join(words).upper()) for words in _SCHEMA_CHANGE.findall(text))
                yield from ((node.lineno, "".join(found).lower()) for found in _EXTENSION.findall(text))
            case ast.keyword(arg=str(name)):
                yield node.value.lineno, name
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=given, keywords=keywords):
                arguments = ("", *map(str, range(len(given))), *(keyword.arg for keyword in keywords))
                yield from ((node.lineno, f"{name}({argument})") for argument in arguments)
            case ast.ClassDef(name=name):
                yield node.lineno, f"class {name}"


def _names_in_text(path: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield each part of the scheme of an address (`redis://`), and each requirement of `pyproject.toml`."""
    for number, line in enumerate(text.splitlines(), 1):
        yield from ((number, f"{part}://") for scheme in _ADDRESS.findall(line) for part in scheme.split("+"))
        if path == "pyproject.toml":
            yield from ((number, name.lower().replace("_", "-")) for name in _REQUIREMENT.findall(line))
