"""CSV cells: a text that a spreadsheet would take for a formula gets an apostrophe (CSV injection)."""

import re
from typing import Final

_ACTIVE = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet would calculate, and what is written to look like that


_SUSPICIOUS: Final = frozenset("'=+-@\t\r")  # first characters


_DISARMED = re.compile(r"'+[=+\-@\t\r]")


def disarmed(text: str) -> str:
    """The text of a cell, with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text[:1] in _SUSPICIOUS and _ACTIVE.match(text) else text


def armed(cell: str) -> str:
    """What `disarmed` made the cell of: `+12125550143` of `'+12125550143`."""
    return cell[1:] if _DISARMED.match(cell) else cell
