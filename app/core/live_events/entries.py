"""Entries of the Valkey streams that carry live events: one stream per clinic, and one for all closing orders."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import orjson

from app.core.type_aliases import JsonDict, JsonObject

CLOSING: Final = "relance:live:closing"  # stream of closing orders
CONTENT: Final = "c"  # the only field of an entry
MOST_ENTRIES: Final = 10_000  # of a clinic; about, because Valkey trims in blocks
LIFETIME: Final = 900  # seconds without a new entry until a clinic's stream is deleted
MOST_IDS: Final = 50  # of one kind in one entry; a larger change is announced with `more`


class LiveKind(StrEnum):
    """Kinds of live events. A client reloads what it shows of the named objects."""

    LEAD_CHANGED = "lead.changed"  # its fields, stage, owner, timeline or steps
    TASK_CHANGED = "task.changed"
    MESSAGE_CHANGED = "message.changed"  # a message to a lead was written, or its state changed
    STEP_CHANGED = "step.changed"  # workers ran steps of these leads
    NOTIFICATION_NEW = "notification.new"  # an in-app message, for its user only
    JOB_CHANGED = "job.changed"  # progress of a bulk job


class About(NamedTuple):
    """The lead that a changed object belongs to, and the user whom a notification or a job belongs to."""

    lead_id: UUID | None = None
    user_id: UUID | None = None


Changes: TypeAlias = dict[LiveKind, dict[UUID, About]]  # by kind: the changed objects by id
FormerOwners: TypeAlias = dict[UUID, set[UUID]]  # by lead or task: users who had it before the change


def stream_of(clinic_id: UUID | str) -> str:
    """Return the name of the clinic's stream."""
    return f"relance:live:{clinic_id}"


def to_entry(changes: Changes, former: FormerOwners) -> bytes:
    """Return the content of an entry. Objects beyond `MOST_IDS` of a kind are left out, with a flag."""
    kinds = {
        kind.value: {
            "items": [[id, *about] for id, about in list(objects.items())[:MOST_IDS]],  # noqa: A001
            "more": len(objects) > MOST_IDS,
        }
        for kind, objects in changes.items()
    }
    return orjson.dumps({"kinds": kinds, "former": _named(former)})


def _named(former: FormerOwners) -> Mapping[str, list[UUID]]:
    return {str(object_id): list(users) for object_id, users in former.items()}


def reset_entry() -> bytes:
    """Return the content of an entry after lost events: clients reload everything."""
    return orjson.dumps({"reset": True})


def closing_entry(order: JsonObject) -> bytes:
    """Return the content of a closing order: the values that a stream's caller must have."""
    return orjson.dumps(order)


def read_entry(text: str) -> JsonDict | None:
    """Return the JSON content of an entry. None: it has no events, and only marks a position."""
    content: JsonDict | None = orjson.loads(text)
    return content
