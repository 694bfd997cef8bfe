"""What an import's job is to do with each row, as it is kept in the job's row."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from app.leads.capture.imports.cells import DateOrder

MAKES: Final = "leads"  # by which a worker knows such a job


class OnDuplicate(StrEnum):
    """What becomes of a row whose phone or e-mail address a lead has already."""

    SKIP = "skip"
    UPDATE = "update"  # the lead gets what the row says and it did not
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """Which column is which field, and what to do. `is_rehearsal`: nothing is written but how it would end."""

    import_id: UUID
    mapping: Mapping[str, str]
    source_id: UUID | None
    date_order: DateOrder
    on_duplicate: OnDuplicate
    is_rehearsal: bool
    runs_rules: bool
    may_assign: bool

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """From the job's row."""
        return cls(
            import_id=UUID(kept["import_id"]),
            mapping=kept["mapping"],
            source_id=UUID(kept["source_id"]) if kept["source_id"] else None,
            date_order=DateOrder(kept["date_order"]),
            on_duplicate=OnDuplicate(kept["on_duplicate"]),
            is_rehearsal=kept["is_rehearsal"],
            runs_rules=kept["runs_rules"],
            may_assign=kept["may_assign"],
        )

    def to_json(self) -> dict[str, Any]:
        """For the job's row."""
        kept = {name: getattr(self, name) for name in self.__slots__}
        ids = {"import_id": str(self.import_id), "source_id": str(self.source_id) if self.source_id else None}
        return {"makes": MAKES, **kept, **ids, "mapping": dict(self.mapping)}
