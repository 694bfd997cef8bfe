"""Lists of values in one cell, such as tags: `vip, fair`. A value with a separator is in quotes, as in CSV."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_PART: Final = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:[;,|]|$)|([^;,|]*)(?:[;,|]|$)')
_NEEDS_QUOTES: Final = re.compile(r'[;,|]|^\s*"')


def join_values(values: Iterable[str]) -> str:
    """Return the values as the text of a cell, from which `split_values` reads the same values."""
    return ", ".join(_quoted(value) if _NEEDS_QUOTES.search(value) else value for value in values)


def split_values(text: str) -> Sequence[str]:
    """Return the values of a cell, separated by commas, semicolons or bars. Empty ones are left out."""
    parts = (part[1].replace('""', '"') if part[1] is not None else part[2] for part in _PART.finditer(text))
    return [value for part in parts if (value := part.strip())]


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
