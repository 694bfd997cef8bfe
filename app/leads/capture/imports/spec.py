"""Options of an import job, stored in the job's row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Self
from uuid import UUID

from app.core.type_aliases import JsonDict, JsonObject
from app.leads.capture.imports.typed_cells import DateOrder
from app.leads.enums import OnDuplicate

JOB_MARKER: Final = "leads"  # value of `makes` that identifies import jobs


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """Options of an import. `mapping` maps columns to fields. `is_rehearsal`: only write the expected results."""

    import_id: UUID
    mapping: Mapping[str, str]
    source_id: UUID | None
    date_order: DateOrder
    on_duplicate: OnDuplicate
    is_rehearsal: bool
    runs_rules: bool
    rules_from: date | None  # without `runs_rules`: the day on which they begin; None: when something happens
    may_assign: bool

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        """Read the JSON of the job's row."""
        return cls(
            import_id=UUID(data["import_id"]),
            mapping=data["mapping"],
            source_id=UUID(data["source_id"]) if data["source_id"] else None,
            date_order=DateOrder(data["date_order"]),
            on_duplicate=OnDuplicate(data["on_duplicate"]),
            is_rehearsal=data["is_rehearsal"],
            runs_rules=data["runs_rules"],
            rules_from=date.fromisoformat(data["rules_from"]) if data.get("rules_from") else None,
            may_assign=data["may_assign"],
        )

    def to_json(self) -> JsonDict:
        """Return the JSON of the job's row."""
        values = {name: getattr(self, name) for name in self.__slots__}
        ids = {"import_id": str(self.import_id), "source_id": str(self.source_id) if self.source_id else None}
        day = {"rules_from": self.rules_from.isoformat() if self.rules_from else None}
        return {"makes": JOB_MARKER, **values, **ids, **day, "mapping": dict(self.mapping)}
