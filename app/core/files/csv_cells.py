"""CSV injection: an apostrophe is put before text that a spreadsheet would run as a formula."""

import re
from typing import Final

# Spreadsheets in East Asian languages also calculate what begins with a full-width character.
_BEGINS: Final = r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(f"'*{_BEGINS}")  # text that a spreadsheet calculates, also after apostrophes
_FIRST_CHARACTERS: Final = frozenset("'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_ESCAPED = re.compile(f"'+{_BEGINS}")


def escape_formula(text: str) -> str:
    """Return the text of a cell, with a leading apostrophe if a spreadsheet would run it as a formula."""
    return f"'{text}" if text[:1] in _FIRST_CHARACTERS and _FORMULA.match(text) else text


def escape_apostrophe(text: str) -> str:
    """Return the text of a cell that no program runs, with one more apostrophe if `unescape_formula` removes one."""
    return f"'{text}" if text[:1] == "'" and _ESCAPED.match(text) else text


def unescape_formula(cell: str) -> str:
    """Undo `escape_formula`: `'+12125550143` becomes `+12125550143`."""
    return cell[1:] if cell[:1] == "'" and _ESCAPED.match(cell) else cell
