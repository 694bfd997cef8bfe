"""Tables of scores: the weights of clinics, learned models, and the scores of leads with their history."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, ForeignKey, Index, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict

HISTORY_RETENTION: Final = timedelta(days=730)


class ScoreModel(StrEnum):
    """How scores are computed."""

    RULES = "rules"  # the clinic's own table of weights
    LEARNED = "learned"  # weights learned from closed leads; the table, while there are too few


class ScoreTableRow(Base):
    """The score settings of a clinic. A clinic without a row has the default ones."""

    __tablename__ = "score_tables"
    __table_args__ = (CheckConstraint(f"model IN ({', '.join(repr(one.value) for one in ScoreModel)})", name="model"),)

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), primary_key=True)
    # Not read any more. Processes of the release before do so during an upgrade; the next release drops both.
    is_kept: Mapped[bool] = mapped_column(default=False)
    kept_since: Mapped[datetime | None]
    model: Mapped[str] = mapped_column(Text, default=ScoreModel.RULES)
    base: Mapped[int] = mapped_column(SmallInteger)
    weights: Mapped[list[Any]]
    version: Mapped[int] = mapped_column(default=1)


class LearnedModel(Base):
    """The last training of a clinic: its weights, and how well they predict. Without weights: too little history."""

    __tablename__ = "score_models"

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(default=new_id)
    trained_at: Mapped[datetime]
    closed_leads: Mapped[int]
    conversions: Mapped[int]
    tested_leads: Mapped[int]
    auc: Mapped[float | None] = mapped_column(Double)
    calibration_error: Mapped[float | None] = mapped_column(Double)
    weights: Mapped[JsonDict | None]


class LeadScore(Base):
    """The stored score of a lead with its parts.

    `leads.score` has the same value, unless a person or a rule changed it since. Capture writes the first row.
    """

    __tablename__ = "lead_scores"

    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"), primary_key=True)
    clinic_id: Mapped[UUID]  # no foreign key: its check locks the clinic's row
    score: Mapped[int] = mapped_column(SmallInteger)
    adjustment: Mapped[int] = mapped_column(SmallInteger)  # points given by persons and rules
    basis: Mapped[str] = mapped_column(Text)  # the model with its version
    since: Mapped[datetime]
    parts: Mapped[list[Any] | None]  # None: stored by an earlier release


class LeadScoreChange(Base):
    """One change of a lead's score, with its parts at that time."""

    __tablename__ = "lead_score_changes"
    __table_args__ = (Index("ix_lead_score_changes_lead", "lead_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID]  # no foreign key: its check locks the clinic's row
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id", ondelete="CASCADE"))
    occurred_at: Mapped[datetime]
    score: Mapped[int] = mapped_column(SmallInteger)
    previous_score: Mapped[int | None] = mapped_column(SmallInteger)
    model: Mapped[str] = mapped_column(Text)
    parts: Mapped[list[Any]]
