"""Text of videos, workers, callers and file names, made harmless where people look at it.

A terminal obeys control characters, and bidirectional marks show text in another order than it has. A spreadsheet runs
a cell that begins like a formula. Files and answers for programs keep their text as it is.
"""

import json
import re

_HARMFUL = re.compile(
    r"[\x00-\x1f\x7f-\x9f"  # C0 and C1 controls, so that no escape sequence begins, and DEL
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks, embeddings, overrides, isolates
    r"\u2028\u2029\ud800-\udfff]"  # Unicode's line ends; surrogates, which no terminal can be sent
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets take for the beginning of a formula, also in full width; they skip tabs and line ends
(owasp.org, "CSV Injection")."""


def terminal_text(text: object) -> str:
    r"""Return the text on one line, harmful characters escaped as JSON does: `\n`, `\u001b`. JSON keeps its meaning.

    It is for pages, subtitles and labels too, which may end up on a terminal.
    """
    return _HARMFUL.sub(_escape, str(text))


def terminal_lines(text: object) -> str:
    """Return the same of a text of several lines, which keeps its line ends."""
    return "\n".join(map(terminal_text, str(text).replace("\r\n", "\n").split("\n")))


def spreadsheet_text(text: str) -> str:
    """Return the contents of a text cell; an apostrophe in front keeps spreadsheets from taking it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _escape(found: "re.Match[str]") -> str:
    return json.dumps(found[0])[1:-1]
