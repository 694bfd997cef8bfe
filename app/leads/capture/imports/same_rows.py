"""Earlier rows of a file with the same phone number or e-mail address, for previews, which create no leads.

The first row of each blind index is stored. A chunk of any size reads and writes with one statement each.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from app.core.database.arrays import bytea_array
from app.engine.jobs.items import Position
from app.leads.capture.imports.models import ImportRowKey

_EARLIER: Final = text(
    "SELECT k.blind_index, k.position FROM unnest(CAST(:ways AS bytea[])) AS given(way)"
    " JOIN import_row_keys k ON k.import_id = :import AND k.blind_index = given.way WHERE k.position < :first"
)
_STORE: Final = text(
    "INSERT INTO import_row_keys (import_id, blind_index, position) SELECT :import, way, place"
    " FROM unnest(CAST(:ways AS bytea[]), CAST(:places AS int[])) AS given(way, place) ON CONFLICT DO NOTHING"
)


def same_rows(
    session: Session, import_id: UUID, rows: Mapping[Position, Sequence[bytes]]
) -> Mapping[Position, Position]:
    """Return the first earlier row of the same person for each row that has one; remember the rows of the chunk."""
    if not rows:
        return {}
    ways = {way for of_row in rows.values() for way in of_row}
    given = {"import": import_id, "first": min(rows), "ways": bytea_array(ways)}
    first = {bytes(row.blind_index): row.position for row in session.execute(_EARLIER, given)}
    repeated: dict[Position, Position] = {}
    new: dict[bytes, Position] = {}
    for place, of_row in sorted(rows.items()):
        if earlier := [first[way] for way in of_row if way in first]:
            repeated[place] = min(earlier)
        for way in of_row:
            if way not in first:
                first[way] = new[way] = repeated.get(place, place)
    session.execute(_STORE, {"import": import_id, "ways": bytea_array(new), "places": list(new.values())})
    return repeated


def forget_rows(session: Session, import_id: UUID) -> None:
    """Delete what an earlier preview has stored. Columns may be mapped differently now."""
    session.execute(delete(ImportRowKey).where(ImportRowKey.import_id == import_id))
