"""What follow-ups come to, over all nurtures of a clinic (leads-follow-up-feature.md, "Dashboard Metrics")."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.automation.nurtures.figures import (
    ALL,
    BY_HOUR,
    BY_SEQUENCE,
    BY_STEP,
    BY_TEMPLATE,
    Asked,
    Figures,
    Grouped,
    figures,
    sent_today,
    standing,
    time_to_conversion,
)
from app.automation.nurtures.models import Nurture
from app.core.date_range import DateRange
from app.engine.sequences.definitions import sequences_of
from app.engine.sequences.models import SequenceRow
from app.identity.actor import Actor
from app.messaging.models import MessageTemplateVersion

MOST_LISTED: Final = 10  # messages
_NOTHING: Final = Figures()


def dashboard(session: Session, actor: Actor, period: DateRange) -> dict[str, Any]:
    """What `NurtureDashboardOut` shows: of messages written within the period, to leads that the actor may see."""
    slugs = _sequences(session, actor)
    asked = Asked(actor, list(slugs), period)
    found = figures(session, asked)
    return {
        **period._asdict(),
        "sent_today": sent_today(session, asked),
        **_of(found[ALL]),
        "time_to_conversion": time_to_conversion(session, asked),
        "sequences": _progress(session, asked, slugs, found),
        "messages": _best_messages(session, found[BY_TEMPLATE]),
        "hours": [{"hour": int(hour), **_shown(one)} for (hour,), one in _best_first(found[BY_HOUR])],
    }


def _sequences(session: Session, actor: Actor) -> Mapping[UUID, str]:
    """Those that nurtures take leads into, by name."""
    of_nurtures = select(Nurture.sequence).where(Nurture.clinic_id == actor.clinic.id)
    there = (
        SequenceRow.clinic_id == actor.clinic.id,
        SequenceRow.deleted_at.is_(None),
        SequenceRow.slug.in_(of_nurtures),
    )
    found = session.execute(select(SequenceRow.id, SequenceRow.slug).where(*there).order_by(SequenceRow.slug))
    return {row.id: row.slug for row in found}


def _shown(of: Figures) -> dict[str, Any]:
    counts = {name: count for name, count in asdict(of).items() if name not in {"leads_replied", "leads_converted"}}
    return {**counts, "response_rate": of.response_rate, "conversion_rate": of.conversion_rate}


def _progress(session: Session, asked: Asked, slugs: Mapping[UUID, str], found: Grouped) -> list[dict[str, Any]]:
    """Sequence by sequence, each step by step."""
    before_them = standing(session, asked)
    texts = sequences_of(session, asked.actor.clinic).by_slug
    shown = []
    for id_, slug in slugs.items():
        written = [step.name for step in texts[slug].steps] if slug in texts else []
        earlier = {step for of, step in {*before_them, *found[BY_STEP]} if of == id_} - {*written}
        steps = [
            {"step": step, "standing": before_them.get((id_, step), 0), **_of(found[BY_STEP], id_, step)}
            for step in (*written, *sorted(earlier))
        ]
        shown.append({"sequence": slug, **_of(found[BY_SEQUENCE], id_), "steps": steps})
    return shown


def _of(found: Mapping[tuple[Any, ...], Figures], *key: Any) -> dict[str, Any]:
    return _shown(found.get(key, _NOTHING))


def _best_first(found: Mapping[tuple[Any, ...], Figures]) -> list[tuple[tuple[Any, ...], Figures]]:
    """By how many answered; of two alike the one that went to more leads. What was not sent at all is left out."""
    sent = [(key, of) for key, of in found.items() if of.sent]
    return sorted(sent, key=lambda one: (-(one[1].response_rate or 0), -one[1].leads))


def _best_messages(session: Session, found: Mapping[tuple[Any, ...], Figures]) -> list[dict[str, Any]]:
    best = _best_first(found)[:MOST_LISTED]
    ids = [version_id for (_, version_id), _ in best if version_id]
    versions = select(MessageTemplateVersion.id, MessageTemplateVersion.number)
    numbers = {row.id: row.number for row in session.execute(versions.where(MessageTemplateVersion.id.in_(ids)))}
    return [
        {"template": template, "version_id": id_, "version_number": numbers.get(id_), **_shown(of)}
        for (template, id_), of in best
    ]
