"""The pipeline as a board: every stage with its leads, as far as one screen shows them."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, true
from sqlalchemy.orm import Session

from app.audit import trail
from app.http.paging import cursor_after
from app.identity.actor import Actor
from app.leads.lookup import NEWEST_FIRST, tests_of, visible_to
from app.leads.models import Lead
from app.pipeline.models import PipelineStage
from app.tasks.models import OPEN_TASKS, Task

_SHOWN = (
    *(Lead.id, Lead.status, Lead.first_name, Lead.last_name, Lead.patient_first_name, Lead.patient_last_name),
    *(Lead.treatment_interest, Lead.source_id, Lead.assigned_to_id, Lead.stage_entered_at, Lead.stage_overdue_since),
    *(Lead.last_activity_at, Lead.stale_since, Lead.failed_attempts, Lead.created_at, Lead.version),
)
_NEXT_FOLLOW_UP = (
    select(func.min(Task.due_at))
    .where(Task.lead_id == Lead.id, Task.status.in_(OPEN_TASKS))
    .correlate(Lead)
    .scalar_subquery()
    .label("next_follow_up_at")
)


def board(session: Session, actor: Actor, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A column for each stage in its order: how many leads are in it, and the newest `query["cards"]` of them.

    Of stages that were given up, those in which there still are leads. `query` is what `BoardQuery` read. A column's
    `next_cursor` is one of the list of leads, filtered by the stage.
    """
    shown = (*visible_to(actor), *tests_of(query, actor))
    counted = select(Lead.pipeline_stage, func.count().label("leads")).where(*shown).group_by(Lead.pipeline_stage)
    counts = {row.pipeline_stage: row.leads for row in session.execute(counted)}
    cards = _cards(session, actor, shown, most=query["cards"])
    stages = select(PipelineStage).where(PipelineStage.clinic_id == actor.clinic.id).order_by(PipelineStage.position)
    return [
        _column(stage, counts.get(stage.slug, 0), cards.get(stage.slug, ()), most=query["cards"])
        for stage in session.scalars(stages)
        if stage.archived_at is None or stage.slug in counts
    ]


def _cards(
    session: Session, actor: Actor, shown: Sequence[ColumnElement[bool]], *, most: int
) -> Mapping[str, Sequence[Row[Any]]]:
    """Of each stage the newest leads, and one more than are shown: then there are others."""
    newest = (
        select(*_SHOWN, _NEXT_FOLLOW_UP)
        .where(*shown, Lead.pipeline_stage == PipelineStage.slug)
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
    trail.saw(session, "lead", [card.id for card in found])
    return {slug: list(rows) for slug, rows in groupby(found, key=lambda row: row.slug)}


def _column(stage: PipelineStage, count: int, cards: Sequence[Row[Any]], *, most: int) -> dict[str, Any]:
    return {
        "stage": stage,
        "count": count,
        "cards": cards[:most],
        "next_cursor": cursor_after(NEWEST_FIRST, cards[most - 1]) if len(cards) > most else None,
    }
