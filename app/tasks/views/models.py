"""Saved views of the work queue."""

from sqlalchemy import Index, UniqueConstraint, text

from app.core.db import Base
from app.leads.search.view_models import SavedView


class TaskView(SavedView, Base):
    """Named filters of the work queue, private or shared with the clinic."""

    __tablename__ = "task_views"
    __table_args__ = (
        UniqueConstraint("user_id", "name"),
        Index("ix_task_views_shared", "clinic_id", postgresql_where=text("shared")),
    )
