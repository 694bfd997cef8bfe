"""Settle hits: give each its class once the burst that it may belong to is over, and apply those of persons.

Only hits of persons set `opened_at` and `clicked_at`, and record `message.opened` and `message.clicked`, once each.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from app import clock
from app.core.db import AnyRow, recordset, to_json, update_many
from app.core.live_events.changes import note
from app.core.live_events.entries import About, LiveKind
from app.engine.events.events import Event, EventName
from app.engine.service import record
from app.identity.clinics import load_contexts
from app.leads.events import lead_event
from app.leads.models import Lead
from app.messaging.models import TrackedMessage
from app.messaging.tracking.classify import BURST, CROWD_WITHIN, Hit, Verdict, classify, settles_at
from app.messaging.tracking.models import HitClass, HitKind, HitReason, TrackingHit
from app.security.encrypted_fields import decrypt_rows

NAME: Final = "settle_tracking_hits"
BATCH: Final = 500
MOST_NEAR: Final = 40  # hits that one hit is compared with
NETWORK_RETENTION: Final = timedelta(minutes=10)  # longer than any window in which hits are grouped
HIT_RETENTION: Final = timedelta(days=90)

_COLUMNS: Final = (
    "h.id, h.clinic_id, h.kind, h.occurred_at, h.notification_id, h.link_id, h.network, h.signals,"
    " n.lead_id, coalesce(n.handed_over_at, n.sent_at, n.created_at) AS sent_at"
)
_DUE: Final = text(
    f"SELECT {_COLUMNS} FROM tracking_hits h JOIN notifications n ON n.id = h.notification_id"  # noqa: S608  (constants)
    " WHERE h.settle_at <= :now ORDER BY h.settle_at, h.id LIMIT :batch"
)
_NEAR: Final = text(
    f"SELECT {_COLUMNS} FROM (SELECT * FROM tracking_hits WHERE notification_id = ANY(:messages)"  # noqa: S608  (constants)
    " AND occurred_at BETWEEN :since AND :until UNION SELECT * FROM tracking_hits WHERE network IS NOT NULL"
    " AND network = ANY(:networks) AND clinic_id = ANY(:clinics) AND occurred_at BETWEEN :since AND :until) h"
    " JOIN notifications n ON n.id = h.notification_id"
)
_SET_FIRST: Final = {
    kind: text(
        f"UPDATE notifications AS t SET {column} = r.at"  # noqa: S608  (constants)
        " FROM json_to_recordset(CAST(:rows AS json)) AS r(id uuid, at timestamptz)"
        f" WHERE t.id = r.id AND t.{column} IS NULL"
        f" RETURNING t.id, t.clinic_id, t.lead_id, t.channel, t.template, t.{column} AS at"
    )
    for kind, column in ((HitKind.OPEN, "opened_at"), (HitKind.CLICK, "clicked_at"))
}
_COUNTS: Final = tuple(f"{one}_{kind}s" for one in HitClass for kind in HitKind)
_ADD_COUNTS: Final = text(
    f"UPDATE tracked_messages AS t SET {', '.join(f'{name} = t.{name} + r.{name}' for name in _COUNTS)}"  # noqa: S608
    f" FROM {recordset(TrackedMessage, ('id', *_COUNTS))} WHERE t.id = r.id"
)
_EVENTS: Final = {HitKind.OPEN: EventName.MESSAGE_OPENED, HitKind.CLICK: EventName.MESSAGE_CLICKED}
_LOCK_LEADS: Final = text(
    "SELECT * FROM leads WHERE id = ANY(:ids) AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE"
)
_FORGET_NETWORKS: Final = text(
    "UPDATE tracking_hits SET network = NULL WHERE id IN (SELECT id FROM tracking_hits WHERE network IS NOT NULL"
    " AND settle_at IS NULL AND occurred_at < :before ORDER BY occurred_at LIMIT :batch FOR UPDATE SKIP LOCKED)"
)


class _Settled(NamedTuple):
    """A hit with its final class."""

    hit: Hit
    verdict: Verdict


def settle_hits(session: Session) -> int:
    """Settle one batch of hits, and delete networks that are no longer needed. Returns the number of rows found.

    Only one process at a time may call it: the hits are not locked when they are read.
    """
    now = clock.now()
    due = [_hit(row) for row in session.execute(_DUE, {"now": now, "batch": BATCH})]
    _settle(session, [hit for hit in due if settles_at(hit) <= now])
    waiting = [{"id": hit.id, "settle_at": settles_at(hit)} for hit in due if settles_at(hit) > now]
    update_many(session, TrackingHit, waiting, ("settle_at",))
    forgotten = session.execute(_FORGET_NETWORKS, {"before": now - NETWORK_RETENTION, "batch": BATCH})
    return len(due) + forgotten.rowcount  # type: ignore[attr-defined, no-any-return]


def _settle(session: Session, hits: Sequence[Hit]) -> None:
    if not hits:
        return
    near = _load_near(session, hits)
    settled = [_Settled(hit, classify(hit, _near(hit, near))) for hit in hits]
    of_persons = [hit for hit, verdict in settled if verdict.hit_class is HitClass.PERSON]
    leads = _lock_leads(session, {hit.lead_id for hit in of_persons})  # before the hits, as an erasure does
    rows = [{"id": hit.id, "verdict": verdict.hit_class, "reason": verdict.reason} for hit, verdict in settled]
    update_many(session, TrackingHit, rows, ("verdict", "reason", "settle_at"))
    _count(session, settled)
    _apply(session, [hit for hit in of_persons if hit.lead_id in leads], leads)


def _load_near(session: Session, hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits of the same messages, and those from the same networks, near these in time."""
    window = max(BURST, CROWD_WITHIN)
    asked = {
        "messages": list({hit.notification_id for hit in hits}),
        "networks": list({hit.network for hit in hits if hit.network}),
        "clinics": list({hit.clinic_id for hit in hits}),
        "since": min(hit.at for hit in hits) - window,
        "until": max(hit.at for hit in hits) + window,
    }
    return [_hit(row) for row in session.execute(_NEAR, asked)]


def _near(hit: Hit, hits: Iterable[Hit]) -> list[Hit]:
    """Return the nearest hits of the same message or network. A flood of hits must not slow the sweep down."""
    found = [
        one
        for one in hits
        if one.clinic_id == hit.clinic_id
        and (one.notification_id == hit.notification_id or (hit.network is not None and one.network == hit.network))
    ]
    return sorted(found, key=lambda one: abs(one.at - hit.at))[:MOST_NEAR] if len(found) > MOST_NEAR else found


def _hit(row: AnyRow) -> Hit:
    return Hit(
        id=row.id,
        clinic_id=row.clinic_id,
        kind=HitKind(row.kind),
        at=row.occurred_at,
        sent_at=row.sent_at,
        notification_id=row.notification_id,
        lead_id=row.lead_id,
        link_id=row.link_id,
        network=row.network,
        signals=frozenset(HitReason(signal) for signal in row.signals),
    )


def _count(session: Session, settled: Iterable[_Settled]) -> None:
    """Add the hits to the counts of their messages."""
    counts: dict[UUID, Counter[str]] = defaultdict(Counter)
    for hit, verdict in settled:
        counts[hit.notification_id][f"{verdict.hit_class}_{hit.kind}s"] += 1
    rows = [{"id": message_id, **{name: found[name] for name in _COUNTS}} for message_id, found in counts.items()]
    session.execute(_ADD_COUNTS, {"rows": to_json(rows)})


def _apply(session: Session, hits: Sequence[Hit], leads: Mapping[UUID, Any]) -> None:
    """Set when a person first opened or clicked, and record the events."""
    if not hits:
        return
    events: dict[UUID, list[Event]] = defaultdict(list)
    for kind, statement in _SET_FIRST.items():
        for message in _set_first(session, statement, [hit for hit in hits if hit.kind is kind]):
            about = {"channel": message.channel, "template": message.template}
            lead = leads[message.lead_id]
            event = lead_event(_EVENTS[kind], lead, message.at, about=about, subject_id=message.id, key="")
            events[message.clinic_id].append(event)
            note(session, message.clinic_id, LiveKind.MESSAGE_CHANGED, [(message.id, About(message.lead_id))])
    for clinic_id, clinic in load_contexts(session, events).items():
        record(session, clinic, *events[clinic_id])


def _lock_leads(session: Session, ids: Collection[UUID]) -> dict[UUID, Any]:
    """Lock the leads in the order of their ids, as all code that locks several does. Deleted leads are left out."""
    if not ids:
        return {}
    return {lead.id: lead for lead in decrypt_rows(Lead, session.execute(_LOCK_LEADS, {"ids": list(ids)}))}


def _set_first(session: Session, statement: TextClause, hits: Iterable[Hit]) -> Sequence[AnyRow]:
    """Set the time of the earliest of these hits on each message that has none. Returns those messages."""
    first: dict[UUID, datetime] = {}
    for hit in sorted(hits, key=lambda hit: hit.at):
        first.setdefault(hit.notification_id, hit.at)
    rows = [{"id": message_id, "at": at} for message_id, at in first.items()]
    return session.execute(statement, {"rows": to_json(rows)}).all() if rows else []
