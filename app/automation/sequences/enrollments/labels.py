"""Labels: the tag that a lead has while it is in a sequence. Changes of labels record no event for rules."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

from app.automation.sequences.models import IS_LIVE
from app.core.live_events.changes import note_leads
from app.core.live_events.entries import LiveKind
from app.leads.models import Lead

_ADD: Final = text(
    "UPDATE leads AS l SET tags = l.tags || r.label, version = l.version + 1"
    " FROM unnest(CAST(:leads AS uuid[]), CAST(:labels AS text[])) AS r(id, label)"
    " WHERE l.id = r.id AND NOT r.label = ANY(l.tags) RETURNING l.id, l.clinic_id, l.tags, l.version"
)
# Several sequences may use the same label: the last one removes it.
_REMOVE: Final = text(
    "UPDATE leads AS l SET tags = array_remove(l.tags, r.label), version = l.version + 1"  # noqa: S608  (of the models)
    " FROM unnest(CAST(:leads AS uuid[]), CAST(:labels AS text[])) AS r(id, label)"
    " WHERE l.id = r.id AND r.label = ANY(l.tags) AND NOT EXISTS (SELECT FROM enrollments e"
    f" WHERE e.lead_id = l.id AND e.label = r.label AND {IS_LIVE}) RETURNING l.id, l.clinic_id, l.tags, l.version"
)


def add_labels(session: Session, labels: Mapping[UUID, str]) -> None:
    """Add each label to its lead. The leads are locked."""
    if labels:
        _write(session, _ADD, list(labels), list(labels.values()))


def remove_labels(session: Session, ended: Collection[Any]) -> None:
    """Remove the labels of ended enrollments (rows with `lead_id` and `label`) from their leads."""
    labelled = [row for row in ended if row.label]
    if labelled:
        _write(session, _REMOVE, [row.lead_id for row in labelled], [row.label for row in labelled])


def _write(session: Session, statement: TextClause, lead_ids: Sequence[UUID], labels: Sequence[str]) -> None:
    """Run the statement, and update leads loaded in the session: a response may contain their tags and version."""
    session.flush()
    for row in session.execute(statement, {"leads": lead_ids, "labels": labels}):
        note_leads(session, row.clinic_id, LiveKind.LEAD_CHANGED, [row.id])
        if lead := session.identity_map.get(identity_key(Lead, row.id)):
            set_committed_value(lead, "tags", row.tags)
            set_committed_value(lead, "version", row.version)
