"""The tag that a lead has while it is in a sequence. Rules hear nothing of it: it says where the lead is."""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.sequences.models import IS_LIVE

_PUT_ON: Final = text(
    "UPDATE leads AS l SET tags = l.tags || r.label, version = l.version + 1"
    " FROM unnest(CAST(:leads AS uuid[]), CAST(:labels AS text[])) AS r(id, label)"
    " WHERE l.id = r.id AND NOT r.label = ANY(l.tags)"
)
# Another sequence may have the lead under the same label: the last one takes it off.
_TAKE_OFF: Final = text(
    "UPDATE leads AS l SET tags = array_remove(l.tags, r.label), version = l.version + 1"  # noqa: S608  (of the models)
    " FROM unnest(CAST(:leads AS uuid[]), CAST(:labels AS text[])) AS r(id, label)"
    " WHERE l.id = r.id AND r.label = ANY(l.tags) AND NOT EXISTS (SELECT FROM enrollments e"
    f" WHERE e.lead_id = l.id AND e.label = r.label AND {IS_LIVE})"
)


def put_on(session: Session, labels: Mapping[UUID, str]) -> None:
    """Give each of these leads, which are locked, its label."""
    if labels:
        session.execute(_PUT_ON, {"leads": list(labels), "labels": list(labels.values())})


def take_off(session: Session, ended: Collection[Any]) -> None:
    """Take the labels of these enrollments (rows with `lead_id` and `label`) off their leads."""
    labelled = [row for row in ended if row.label]
    if labelled:
        leads, labels = [row.lead_id for row in labelled], [row.label for row in labelled]
        session.execute(_TAKE_OFF, {"leads": leads, "labels": labels})
