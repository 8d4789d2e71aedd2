"""Text from elsewhere is shown without harm: on a terminal, in a spreadsheet."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.process.escaping import spreadsheet_text, terminal_lines, terminal_text
from tests.support.samples import HARMFUL

pytestmark = pytest.mark.unit

HARMLESS = "price: 5 €, 駐車場, שלום, مرحبا, 👩\u200d👩\u200d👧, a\u200cb"


@pytest.mark.parametrize("char", HARMFUL)
def test_a_harmful_character_is_shown_as_its_escape(char: str) -> None:
    shown = terminal_text(f"a{char}b")
    assert char not in shown
    assert shown.startswith("a\\")
    assert shown.isprintable()


def test_what_does_no_harm_is_shown_as_it_is() -> None:
    assert terminal_text(HARMLESS) == terminal_lines(HARMLESS) == HARMLESS


@given(st.text() | st.text(st.sampled_from(HARMFUL)))
@example("\ud800\udcff")  # two halves, which are one character in JSON
def test_json_keeps_its_meaning(text: str) -> None:
    written = json.dumps({"text": text}, ensure_ascii=False)
    assert json.loads(terminal_text(written)) == json.loads(json.dumps({"text": text}))
    assert not set(HARMFUL) & set(terminal_text(written))


def test_lines_stay_lines_and_a_lone_carriage_return_does_not() -> None:
    assert terminal_lines("a\r\nb\nc\rd\u2028e\n") == "a\nb\nc\\rd\\u2028e\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_a_cell_that_begins_like_a_formula_begins_with_an_apostrophe(start: str) -> None:
    assert spreadsheet_text(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize("text", ["", "1+1", "a=b", "'quoted'", " =1"])
def test_any_other_cell_stays_as_it_is(text: str) -> None:
    assert spreadsheet_text(text) == text
