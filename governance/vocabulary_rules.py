"""Which words the code may have: in names, strings, comments, and the names of files."""

import ast
import io
import tokenize
from collections.abc import Iterator

from governance.rulebook import ForbiddenWord, Rulebook
from governance.sources import PythonSource, Source, Violation
from governance.words import forbidden_in, words_of

__all__ = ["file_name_violations", "word_violations"]

RULE = "forbidden-word"
PHASE = "phase"


def file_name_violations(source: Source, rules: Rulebook) -> Iterator[Violation]:
    """Yields what is wrong with the path of a file."""
    for _, name, rule in forbidden_in(source.path, rules.forbidden_words):
        yield _word_violation(source, 1, name, rule)
    for part in source.path.split("/"):
        if any(word.rstrip("0123456789") == PHASE for word in words_of(part)):
            what = f"{part!r} is named after a phase"
            yield source.violation(1, "phase-name", what, "name it for what it does; phases pass, names stay")


def word_violations(source: Source, rules: Rulebook) -> Iterator[Violation]:
    """Yields every forbidden word of a file.

    Of Python, what carries words is read off the syntax tree and the comments. In the files of other languages here
    (protos, templates, settings) whole words are all that there is: their keywords are none of the forbidden ones.
    """
    texts = _texts_of(source) if isinstance(source, PythonSource) else [(1, source.text.count("\n") + 1, source.text)]
    for first, last, text in texts:
        for offset, name, rule in forbidden_in(text, rules.forbidden_words):
            yield _word_violation(source, min(first + offset, last), name, rule)


def _word_violation(source: Source, line: int, name: str, rule: ForbiddenWord) -> Violation:
    return source.violation(line, RULE, f"{rule.word!r} in {name!r}", rule.instead)


def _texts_of(source: PythonSource) -> Iterator[tuple[int, int, str]]:
    """Yields what carries words in a Python file: its first line, its last line, its text."""
    for node in source.nodes:
        first = getattr(node, "lineno", 1)
        for text in _strings_of(node):
            yield first, getattr(node, "end_lineno", first), text
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.end[0], token.string


def _strings_of(node: ast.AST) -> Iterator[str]:
    """Yields the names and strings that stand in a node itself."""
    for _, value in ast.iter_fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                yield item
            elif isinstance(item, bytes):
                yield item.decode("latin-1")
