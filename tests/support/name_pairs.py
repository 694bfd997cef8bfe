"""Labelled pairs of names: one person or two, in ten cultures, by kind, in two halves."""

import csv
from collections.abc import Iterator
from pathlib import Path

_PAIRS = Path(__file__).parent / "data" / "name_pairs.csv"


def name_pairs() -> Iterator[dict[str, str]]:
    """Yield the rows of the file."""
    with _PAIRS.open() as lines:
        yield from csv.DictReader(lines)
