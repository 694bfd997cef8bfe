"""Data that the rows of a chunk share, and the state of a chunk that is processed in parts."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self
from uuid import UUID

from app.core.type_aliases import JsonObject
from app.leads.capture.bulk.new_leads import CaptureContext, NewLead
from app.leads.capture.imports.cells import CellContext
from app.leads.capture.imports.spec import ImportSpec
from app.leads.duplicates.known_leads import blind_indexes_of_row
from app.leads.fields import IMPORTED
from app.leads.pipeline.stages import Stages


@dataclass(frozen=True, slots=True)
class ImportContext:
    """Data that all chunks of an import share."""

    job_id: UUID
    spec: ImportSpec
    capture: CaptureContext
    fields: Sequence[str | None]  # of each column
    cells: CellContext
    stages: Stages

    def column_of(self, field_name: str) -> str:
        """Return the title of the column that fills a field, else the field's label."""
        column = next((column for column, name in self.spec.mapping.items() if name == field_name), None)
        return column or (IMPORTED[field_name].label if field_name in IMPORTED else field_name)

    def with_columns(self, message: str) -> str:
        """Return error messages with titles of columns, or labels of fields, in the place of JSON pointers."""
        return "; ".join(dict.fromkeys(_POINTER.sub(self._title, message).split("; ")))  # both parts of a full name

    def _title(self, pointer: re.Match[str]) -> str:
        path = pointer[1].replace("/", ".", 1)
        name = _FIELD_OF.get(path, path)
        if name in _NAMES and name not in self.spec.mapping.values() and "full_name" in self.spec.mapping.values():
            name = "full_name"
        return f"{self.column_of(name)}:"


_POINTER: Final = re.compile(r"(?:(?<=; )|^)/([\w./-]+):")
_FIELD_OF: Final = {"source_id": "source", "assigned_to_id": "assigned_to"}
_NAMES: Final = ("first_name", "last_name")


@dataclass(frozen=True, slots=True)
class ReadRow:
    """Valid row: its values, and the lead to create from it."""

    values: JsonObject
    new_lead: NewLead
    warning: str | None = None

    @property
    def blind_indexes(self) -> Sequence[bytes]:
        """The blind indexes of its phone numbers and address, in the order in which they find a lead."""
        return blind_indexes_of_row(self.new_lead.row)


@dataclass(slots=True)
class Blocked:
    """Blind indexes and leads that belong to a row which is not written yet. Later rows with one of them wait."""

    blind_indexes: set[bytes] = field(default_factory=set)
    lead_ids: set[UUID] = field(default_factory=set)

    def concerns(self, blind_indexes: Iterable[bytes], lead_ids: Iterable[UUID]) -> bool:
        """Whether a row with these blind indexes, which find these leads, has to wait."""
        return not (self.blind_indexes.isdisjoint(blind_indexes) and self.lead_ids.isdisjoint(lead_ids))

    def add(self, blind_indexes: Iterable[bytes], lead_ids: Iterable[UUID] = ()) -> None:
        """Block what belongs to a row."""
        self.blind_indexes.update(blind_indexes)
        self.lead_ids.update(lead_ids)

    def copy(self) -> Self:
        """Return a copy that can be changed on its own."""
        return type(self)(set(self.blind_indexes), set(self.lead_ids))


@dataclass(slots=True)
class ChunkState:
    """State of a chunk. Its parts share it, if a row that cannot be written makes the job split the chunk."""

    may_write: bool = False  # earlier chunks are finished
    is_late: bool = False  # later rows of the file may have been written
    blocked: Blocked = field(default_factory=Blocked)  # by rows that are left for a later step
