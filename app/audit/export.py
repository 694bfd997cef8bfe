"""Export of audit log entries as a CSV file."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO, Final

from sqlalchemy.orm import Session

from app.audit.search import list_entries
from app.core.files.exports import FileFormat, write_file
from app.core.pagination import LARGEST_LIMIT
from app.core.type_aliases import JsonObject
from app.errors import Conflict
from app.identity.actor import Actor

MOST_ENTRIES: Final = 10_000
_PLAIN: Final = (
    *("number", "at", "user_id", "api_key_id", "address", "request_id", "operation", "act", "subject"),
    *("ids", "fields"),
)
HEADINGS: Final = (*_PLAIN, "before", "after")


class TooManyEntries(Conflict):
    """A file has at most 10,000 entries: narrow the filters."""


def export(session: Session, actor: Actor, query: JsonObject) -> IO[bytes]:
    """Return a CSV file with the entries that match the filters, latest first, positioned at its start.

    It shows what `list_entries` shows to the actor. Raises TooManyEntries.
    """
    return write_file(FileFormat.CSV, chain([HEADINGS], _rows(session, actor, query)))


def _rows(session: Session, actor: Actor, query: JsonObject) -> Iterator[Sequence[object]]:
    cursor: str | None = None
    for _ in range(MOST_ENTRIES // LARGEST_LIMIT):
        listed = {**query, "limit": LARGEST_LIMIT, "cursor": cursor, "wants_total": False}
        found = list_entries(session, actor, listed)
        yield from map(_cells, found.items)
        cursor = found.next_cursor
        if cursor is None:
            return
    raise TooManyEntries


def _cells(entry: JsonObject) -> Sequence[object]:
    plain = [" ".join(map(str, entry[name])) if name in ("ids", "fields") else entry[name] for name in _PLAIN]
    return [*plain, *(json.dumps(entry[name], default=str) if entry[name] else None for name in ("before", "after"))]
