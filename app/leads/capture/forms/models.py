"""Web forms: unauthenticated lead capture for a clinic's website."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id


class WebForm(Base):
    """Form on a website. Its key is public: it identifies the form and authenticates nothing."""

    __tablename__ = "web_forms"
    __table_args__ = (UniqueConstraint("clinic_id", "name"), UniqueConstraint("key"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(Text))
    source_id: Mapped[UUID] = mapped_column(ForeignKey("lead_sources.id"))  # unless utm_source names another
    campaign: Mapped[str | None] = mapped_column(Text)
    fields: Mapped[list[Any]]  # [{"name": "phone", "required": true}]
    consent_text: Mapped[str | None] = mapped_column(Text)  # None: no consent is requested
    thank_you: Mapped[str | None] = mapped_column(Text)
    redirect_url: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


HONEYPOT: Final = "website"  # hidden field: people leave it empty, bots fill it in
