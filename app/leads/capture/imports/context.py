"""Data that the rows of a chunk share, and the state of a chunk that is processed in parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from app.core.type_aliases import JsonObject
from app.leads.capture.bulk.new_leads import CaptureContext, NewLead
from app.leads.capture.imports.cells import CellContext
from app.leads.capture.imports.spec import ImportSpec
from app.leads.duplicates.known_leads import blind_indexes_of_row
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


@dataclass(frozen=True, slots=True)
class ReadRow:
    """Valid row: its values, and the lead to create from it."""

    values: JsonObject
    new_lead: NewLead

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
