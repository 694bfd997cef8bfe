"""Bodies of webhook calls, in the format of Standard Webhooks: type, timestamp and data."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from uuid import UUID

from app.core.db import to_json
from app.core.type_aliases import JsonDict, JsonObject
from app.leads.fields import IN_WEBHOOKS

# Fields of a lead in a call: those that every user with `lead:read` sees. Health data needs `lead:private` and is left
# out, and so are free texts, which may contain it.
LEAD_FIELDS: Final = (
    *("id", "status", "pipeline_stage", "stage_entered_at", *IN_WEBHOOKS),
    *("capture_channel", "external_source", "external_id", "assigned_to_id"),
    *("contacted_at", "replied_at", "opted_out_at", "converted_at", "converted_to_patient_id", "lost_at"),
    *("lost_reason", "last_activity_at", "created_at", "updated_at", "version"),
)
_SUBJECTS: Final[Mapping[str, str]] = {"task": "task_id", "activity": "activity_id", "message": "message_id"}
_EXAMPLE_ID: Final = "0198c2f0-5a1e-7c3b-9d2f-6b1e4a7c8d90"
_EXAMPLE_TIME: Final = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
_EXAMPLE_CHANGES: Final[Mapping[str, list[str]]] = {
    "lead.updated": ["email", "city"],
    "lead.assigned": ["assigned_to_id"],
}


class DueDelivery(Protocol):
    """A delivery whose attempt is due, with the columns of its event. Those of a test are None."""

    @property
    def id(self) -> UUID: ...
    @property
    def clinic_id(self) -> UUID: ...
    @property
    def endpoint_id(self) -> UUID: ...
    @property
    def event_id(self) -> UUID | None: ...
    @property
    def lead_id(self) -> UUID | None: ...
    @property
    def type(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def subject_id(self) -> UUID | None: ...
    @property
    def occurred_at(self) -> datetime | None: ...
    @property
    def changed(self) -> list[str] | None: ...


def body_of(delivery: DueDelivery, *, lead: JsonObject | None, with_lead: bool) -> bytes:
    """Return the body of a call as JSON.

    It has ids and the names of changed fields. `with_lead` adds `data.lead`: the lead's LEAD_FIELDS, or null for a
    lead that was deleted, or whose processing is restricted.
    """
    data: JsonDict = {"clinic_id": delivery.clinic_id, "endpoint_id": delivery.endpoint_id}
    if delivery.event_id is not None:
        data |= {"event_id": delivery.event_id, "lead_id": delivery.lead_id, **_subject(delivery)}
        data["changed"] = delivery.changed or []
    if with_lead:
        data["lead"] = lead
    at = delivery.occurred_at or delivery.created_at
    return to_json({"type": delivery.type, "timestamp": at, "data": data}).encode()


def lead_snapshot(lead: Any) -> JsonDict | None:
    """Return the fields of a decrypted row of `leads` for a call; None if they must not be sent."""
    if lead.deleted_at is not None or lead.restricted_at is not None:
        return None
    return {name: getattr(lead, name) for name in LEAD_FIELDS}


def example_of(type: str) -> JsonDict:  # noqa: A002  (the name in Standard Webhooks)
    """Return an example of the body for an event."""
    data: JsonDict = {"clinic_id": _EXAMPLE_ID, "endpoint_id": _EXAMPLE_ID}
    if not type.startswith("webhook."):
        subject = {name: _EXAMPLE_ID for name in (_SUBJECTS.get(type.partition(".")[0]),) if name}
        changed = _EXAMPLE_CHANGES.get(type, [])
        data |= {"event_id": _EXAMPLE_ID, "lead_id": _EXAMPLE_ID, **subject, "changed": changed}
    return {"type": type, "timestamp": _EXAMPLE_TIME.isoformat(), "data": data}


def _subject(delivery: DueDelivery) -> JsonDict:
    name = _SUBJECTS.get(delivery.type.partition(".")[0])
    return {name: delivery.subject_id} if name else {}
