"""CSV injection: an apostrophe is put before text that a spreadsheet would run as a formula."""

import re
from typing import Final

_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # text that a spreadsheet calculates, also after apostrophes


_FIRST_CHARACTERS: Final = frozenset("'=+-@\t\r")


_ESCAPED = re.compile(r"'+[=+\-@\t\r]")


def escape_formula(text: str) -> str:
    """Return the text of a cell, with a leading apostrophe if a spreadsheet would run it as a formula."""
    return f"'{text}" if text[:1] in _FIRST_CHARACTERS and _FORMULA.match(text) else text


def unescape_formula(cell: str) -> str:
    """Undo `escape_formula`: `'+12125550143` becomes `+12125550143`."""
    return cell[1:] if _ESCAPED.match(cell) else cell
