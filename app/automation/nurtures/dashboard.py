"""Dashboard of all nurtures of a clinic (leads-follow-up-feature.md, "Dashboard Metrics")."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.nurtures.models import Nurture
from app.automation.nurtures.sequence_statistics import (
    ALL,
    BY_HOUR,
    BY_SEQUENCE,
    BY_STEP,
    BY_TEMPLATE,
    Figures,
    Grouped,
    ReportFilter,
    figures,
    leads_before_step,
    sent_today,
    time_to_conversion,
)
from app.core.calendar.date_range import DateRange
from app.core.type_aliases import JsonDict
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.models import SequenceRow
from app.identity.actor import Actor
from app.messaging.models import MessageTemplateVersion

MOST_LISTED: Final = 10  # messages
_NOTHING: Final = Figures()


def dashboard(session: Session, actor: Actor, period: DateRange) -> JsonDict:
    """Return NurtureDashboardOut for messages created in the period, to leads that the actor may see."""
    slugs = _sequences(session, actor)
    report_filter = ReportFilter(actor, list(slugs), period)
    found = figures(session, report_filter)
    return {
        **period._asdict(),
        "sent_today": sent_today(session, report_filter),
        **_of(found[ALL]),
        "time_to_conversion": time_to_conversion(session, report_filter),
        "sequences": _progress(session, report_filter, slugs, found),
        "messages": _best_messages(session, found[BY_TEMPLATE]),
        "hours": [{"hour": int(hour), **_to_response(one)} for (hour,), one in _best_first(found[BY_HOUR])],
    }


def _sequences(session: Session, actor: Actor) -> Mapping[UUID, str]:
    """Return the slugs of the sequences that nurtures use by id, ordered by slug."""
    of_nurtures = select(Nurture.sequence).where(Nurture.clinic_id == actor.clinic.id)
    there = (
        SequenceRow.clinic_id == actor.clinic.id,
        SequenceRow.deleted_at.is_(None),
        SequenceRow.slug.in_(of_nurtures),
    )
    found = session.execute(select(SequenceRow.id, SequenceRow.slug).where(*there).order_by(SequenceRow.slug))
    return {row.id: row.slug for row in found}


def _to_response(of: Figures) -> JsonDict:
    counts = {name: count for name, count in asdict(of).items() if name not in {"leads_replied", "leads_converted"}}
    return {**counts, "response_rate": of.response_rate, "conversion_rate": of.conversion_rate}


def _progress(
    session: Session, report_filter: ReportFilter, slugs: Mapping[UUID, str], found: Grouped
) -> list[JsonDict]:
    """Return the figures of each sequence and of its steps."""
    waiting = leads_before_step(session, report_filter)
    texts = sequences_of(session, report_filter.actor.clinic).by_slug
    shown = []
    for id_, slug in slugs.items():
        written = [step.name for step in texts[slug].steps] if slug in texts else []
        earlier = {step for of, step in {*waiting, *found[BY_STEP]} if of == id_} - {*written}
        steps = [
            {"step": step, "standing": waiting.get((id_, step), 0), **_of(found[BY_STEP], id_, step)}
            for step in (*written, *sorted(earlier))
        ]
        shown.append({"sequence": slug, **_of(found[BY_SEQUENCE], id_), "steps": steps})
    return shown


def _of(found: Mapping[tuple[Any, ...], Figures], *key: object) -> JsonDict:
    return _to_response(found.get(key, _NOTHING))


def _best_first(found: Mapping[tuple[Any, ...], Figures]) -> list[tuple[tuple[Any, ...], Figures]]:
    """Sort by response rate, then by number of leads. Groups without a sent message are left out."""
    sent = [(key, of) for key, of in found.items() if of.sent]
    return sorted(sent, key=lambda one: (-(one[1].response_rate or 0), -one[1].leads))


def _best_messages(session: Session, found: Mapping[tuple[Any, ...], Figures]) -> list[JsonDict]:
    best = _best_first(found)[:MOST_LISTED]
    ids = [version_id for (_, version_id), _ in best if version_id]
    versions = select(MessageTemplateVersion.id, MessageTemplateVersion.number)
    numbers = {row.id: row.number for row in session.execute(versions.where(MessageTemplateVersion.id.in_(ids)))}
    return [
        {"template": template, "version_id": id_, "version_number": numbers.get(id_), **_to_response(of)}
        for (template, id_), of in best
    ]
