"""Kanban board of the pipeline: every stage with its newest leads."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from app.audit import audit_log
from app.core.db import AnyRow
from app.core.pagination import cursor_after
from app.core.type_aliases import ColumnDict, JsonDict, JsonObject
from app.identity.actor import Actor
from app.leads.models import Lead
from app.leads.pipeline.models import PipelineStage
from app.leads.search.filters import filter_conditions
from app.leads.search.lookup import NEWEST_FIRST, visible_to
from app.leads.search.next_follow_up import with_next_follow_ups

_CARD_COLUMNS = (
    *(Lead.id, Lead.status, Lead.first_name, Lead.last_name, Lead.patient_first_name, Lead.patient_last_name),
    *(Lead.treatment_interest, Lead.source_id, Lead.assigned_to_id, Lead.stage_entered_at, Lead.stage_overdue_since),
    *(Lead.last_activity_at, Lead.stale_since, Lead.failed_attempts, Lead.created_at, Lead.version),
    *(Lead.rots_at, Lead.rotting_reason, Lead.rules_wait_since, Lead.contacted_at, Lead.replied_at, Lead.lead_value),
)
_SUMS: tuple[Any, ...] = (
    *(Lead.pipeline_stage, func.count().label("leads")),
    func.coalesce(func.sum(Lead.lead_value), 0).label("value"),
)


def board(session: Session, actor: Actor, query: JsonObject) -> list[JsonDict]:
    """Return a column for each stage in order: number of leads, total value, and the newest `query["cards"]` leads.

    `query` holds the fields of BoardQuery. Archived stages appear while they have leads. The `next_cursor` of a column
    continues in the list of leads, filtered by the stage. Raises Invalid.
    """
    conditions = (*visible_to(actor), *filter_conditions(query, actor))
    summed = select(*_SUMS).where(*conditions).group_by(Lead.pipeline_stage)
    sums = {row.pipeline_stage: row for row in session.execute(summed)}
    cards = _cards(session, actor, conditions, most=query["cards"])
    stages = select(PipelineStage).where(PipelineStage.clinic_id == actor.clinic.id).order_by(PipelineStage.position)
    columns = [
        _column(stage, sums.get(stage.slug), cards.get(stage.slug, ()), most=query["cards"])
        for stage in session.scalars(stages)
        if stage.archived_at is None or stage.slug in sums
    ]
    return _with_next_follow_ups(session, columns)


def _cards(
    session: Session, actor: Actor, conditions: Sequence[ColumnElement[bool]], *, most: int
) -> Mapping[str, Sequence[AnyRow]]:
    """Load the newest leads of each stage, plus one that tells whether there are more."""
    newest = (
        select(*_CARD_COLUMNS)
        .where(*conditions, Lead.pipeline_stage == PipelineStage.slug)
        .order_by(Lead.id.desc())
        .limit(most + 1)
        .correlate(PipelineStage)
        .lateral("card")
    )
    of_stages = (
        select(PipelineStage.slug, newest)
        .join(newest, true())
        .where(PipelineStage.clinic_id == actor.clinic.id)
        .order_by(PipelineStage.slug, newest.c.id.desc())
    )
    found = session.execute(of_stages).all()
    audit_log.note_read(session, "lead", [card.id for card in found])
    return {slug: list(rows) for slug, rows in groupby(found, key=lambda row: row.slug)}


def _column(stage: PipelineStage, sums: AnyRow | None, cards: Sequence[AnyRow], *, most: int) -> JsonDict:
    return {
        "stage": stage,
        "count": sums.leads if sums else 0,
        "value": sums.value if sums else Decimal(),
        "cards": cards[:most],
        "next_cursor": cursor_after(NEWEST_FIRST, cards[most - 1]) if len(cards) > most else None,
    }


def _with_next_follow_ups(session: Session, columns: Sequence[ColumnDict]) -> list[JsonDict]:
    """Add the next follow-ups to the cards of all columns, in one query."""
    cards = [dict(card._mapping) for column in columns for card in column["cards"]]  # noqa: SLF001  (public accessor of SQLAlchemy's Row)
    by_id = {card["id"]: card for card in with_next_follow_ups(session, cards)}
    return [{**column, "cards": [by_id[card.id] for card in column["cards"]]} for column in columns]
