"""Cells of CSV files: text that a spreadsheet would run as a formula gets an apostrophe."""

import pytest

from app.core.files.csv_cells import escape_formula, unescape_formula

FIRST_CHARACTERS = ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]


@pytest.mark.parametrize("first", FIRST_CHARACTERS)
@pytest.mark.parametrize("apostrophes", ["", "'", "''"])
def test_formula_gets_an_apostrophe_that_an_import_removes(first: str, apostrophes: str) -> None:
    text = f"{apostrophes}{first}1+1"
    assert escape_formula(text) == f"'{text}"
    assert unescape_formula(escape_formula(text)) == text


@pytest.mark.parametrize("text", ["", "1+1", "'", "'s-Hertogenbosch", "a=b"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert escape_formula(text) == text
    assert unescape_formula(text) == text
