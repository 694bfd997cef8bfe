"""The lead model."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from app.core.database.arrays import PlainArray
from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict
from app.leads.contact.email_aliases import main_address
from app.leads.enums import CaptureChannel, LeadStatus, PatientRelationship, PreferredContact
from app.leads.fields import COLUMNS, PRIVATE, Form
from app.security.encrypted_fields import EncryptedField

LEGAL_HOLD: Final = "legal_hold"  # field of responses: see `privacy/legal_holds.py`

NOT_DELETED = text("deleted_at IS NULL")
OPEN_LEAD_SQL = "status IN ('NEW', 'ACTIVE') AND deleted_at IS NULL"
CLOSED_LEAD_SQL: Final = "status IN ('CONVERTED', 'LOST', 'ARCHIVED')"  # also erased leads
CLOSED_AT_SQL: Final = "coalesce(converted_at, lost_at, erased_at)"
# No follow-ups are planned for other leads: see `pipeline/waiting.py`.
RULES_APPLY_SQL: Final = "rules_wait_since IS NULL"
# For queries. Literals, because the planner matches partial indexes only with literals, not with parameters.
IS_OPEN_LEAD = text("leads.status IN ('NEW', 'ACTIVE') AND leads.deleted_at IS NULL")
WITH_TAGS = "tags <> '{}' AND deleted_at IS NULL"
WITH_SCORE = f"score IS NOT NULL AND opted_out_at IS NULL AND restricted_at IS NULL AND {OPEN_LEAD_SQL}"
ANY_SCORE = "score IS NOT NULL AND deleted_at IS NULL"
WITH_CAMPAIGN = "deleted_at IS NULL AND source_campaign IS NOT NULL"
WITH_VALUE = "value_cents IS NOT NULL AND deleted_at IS NULL"
NAME_KEY = '"left"(lower(last_name), 3)'  # names are compared within one key

# Columns of a lead that analytics read. Other columns make its queries read the table.
ANALYTICS_COLUMNS: Final = (
    *("created_at", "status", "pipeline_stage", "stage_entered_at", "past_stages", "source_id", "assigned_to_id"),
    *("capture_channel", "first_contact_at", "converted_at", "lost_at", "lost_reason", "lead_value"),
    *("contacted_at", "replied_at", "first_touch_source_id", "last_touch_source_id", "past_stage_seconds"),
)

NEWEST_ORDER = "id DESC NULLS LAST"


def _duplicate_indexes() -> tuple[Index, ...]:
    """Return the indexes for duplicate detection, newest leads first, so that only the newest few are read.

    Their own sort order (NULLS LAST) keeps a planner without statistics from scanning all leads of the clinic.
    """
    return (
        _newest_by("phone", "phone_blind", f"phone_blind IS NOT NULL AND {NOT_DELETED}"),
        _newest_by("phone_alt", "phone_alt_blind", f"phone_alt_blind IS NOT NULL AND {NOT_DELETED}"),
        _newest_by("email", "email_blind", f"email_blind IS NOT NULL AND {NOT_DELETED}"),
        _newest_by("email_main", "email_main_blind", f"email_main_blind IS NOT NULL AND {NOT_DELETED}"),
        _newest_by("name", "name_key", str(NOT_DELETED)),
        # Of merged duplicates: their addresses are those of the surviving lead, too.
        *(
            _newest_by(f"merged_{name}", f"{name}_blind", f"{name}_blind IS NOT NULL AND merged_into_id IS NOT NULL")
            for name in ("phone", "phone_alt", "email", "email_main")
        ),
    )


def _newest_by(name: str, key: Any, where: str) -> Index:
    return Index(f"ix_leads_{name}", "clinic_id", key, text(NEWEST_ORDER), postgresql_where=text(where))


def _sound_indexes() -> tuple[Index, ...]:
    """Return the indexes of both names by the sounds with which they begin, and with which they end."""
    return tuple(
        _newest_by(f"name_{part}s", text(f"name_{part}(first_name, last_name)"), str(NOT_DELETED))
        for part in ("start", "end")
    )


def _closed_index(name: str) -> Index:
    return Index(
        f"ix_leads_{name}",
        "clinic_id",
        f"{name}_at",
        "id",
        postgresql_where=text(f"{name}_at IS NOT NULL AND {NOT_DELETED}"),
    )


def _open_index(name: str, *columns: str, where: str) -> Index:
    return Index(name, "clinic_id", *columns, postgresql_where=text(f"{OPEN_LEAD_SQL} AND {where}"))


class Lead(Base):
    """Lead, with the fields of lead-management.md and those that the automation engine needs."""

    __tablename__ = "leads"
    private_fields = PRIVATE
    __table_args__ = (
        Index("ix_leads_clinic", "clinic_id", "id", postgresql_where=NOT_DELETED),
        Index("ix_leads_status", "clinic_id", "status", "id", postgresql_where=NOT_DELETED),
        # Includes the value, so that the board sums up a stage by an index-only scan.
        Index(
            "ix_leads_stage",
            "clinic_id",
            "pipeline_stage",
            "id",
            postgresql_where=NOT_DELETED,
            postgresql_include=["lead_value"],
        ),
        Index("ix_leads_assigned", "clinic_id", "assigned_to_id", "id", postgresql_where=NOT_DELETED),
        # For open leads per user, and unassigned open leads.
        Index("ix_leads_open_of", "clinic_id", "assigned_to_id", "id", postgresql_where=text(OPEN_LEAD_SQL)),
        Index("ix_leads_source", "clinic_id", "source_id", "id", postgresql_where=NOT_DELETED),
        Index("ix_leads_campaign", "clinic_id", "source_campaign", "id", postgresql_where=text(WITH_CAMPAIGN)),
        _open_index("ix_leads_going_stale", "last_activity_at", where=f"stale_since IS NULL AND {RULES_APPLY_SQL}"),
        _open_index(
            "ix_leads_in_stage",
            "pipeline_stage",
            "stage_entered_at",
            where=f"stage_overdue_since IS NULL AND {RULES_APPLY_SQL}",
        ),
        # For the sweep that begins follow-ups on a date, and for the list of leads that wait.
        Index("ix_leads_rules_begin", "rules_wait_until", postgresql_where=text("rules_wait_until IS NOT NULL")),
        Index(
            "ix_leads_rules_wait",
            "clinic_id",
            "id",
            postgresql_where=text(f"rules_wait_since IS NOT NULL AND {NOT_DELETED}"),
        ),
        Index("ix_leads_rotting", "clinic_id", "rots_at", "id", postgresql_where=text(OPEN_LEAD_SQL)),
        Index(
            "ix_leads_without_next_action",
            "clinic_id",
            "without_next_action_since",
            "id",
            postgresql_where=text(f"without_next_action_since IS NOT NULL AND {OPEN_LEAD_SQL}"),
        ),
        Index(
            "ix_leads_patient",
            "clinic_id",
            "converted_to_patient_id",
            postgresql_where=text("converted_to_patient_id IS NOT NULL"),
        ),
        *_duplicate_indexes(),
        # For leads with a similar name, by the functions of the migration 0085.
        *_sound_indexes(),
        Index("ix_leads_tags", "tags", postgresql_using="gin", postgresql_where=text(WITH_TAGS)),
        Index("ix_leads_value", "clinic_id", "value_cents", "id", postgresql_where=text(WITH_VALUE)),
        Index("ix_leads_score", "clinic_id", "score", "id", postgresql_where=text(ANY_SCORE)),
        # For nurture runs, highest score first.
        Index("ix_leads_scored", "clinic_id", "score", "id", postgresql_where=text(WITH_SCORE)),
        Index(
            "ix_leads_language",
            "clinic_id",
            "language",
            "id",
            postgresql_where=text(f"language IS NOT NULL AND {NOT_DELETED}"),
        ),
        # For analytics: index-only scans of a clinic's leads by creation, conversion and loss.
        Index(
            "ix_leads_analytics",
            "clinic_id",
            "id",
            postgresql_where=NOT_DELETED,
            postgresql_include=[*ANALYTICS_COLUMNS],
        ),
        # For the response rate: the leads that may have had a message only.
        Index(
            "ix_leads_without_contact",
            "clinic_id",
            "id",
            postgresql_where=text(f"first_contact_at IS NULL AND {NOT_DELETED}"),
            postgresql_include=[
                *("created_at", "first_contact_at", "contacted_at", "replied_at", "source_id", "assigned_to_id")
            ],
        ),
        _closed_index("converted"),
        _closed_index("lost"),
        # For the retention of the history of closed leads.
        Index("ix_leads_closed", "clinic_id", text(CLOSED_AT_SQL), "id", postgresql_where=text(CLOSED_LEAD_SQL)),
        # For the list of conversations.
        Index(
            "ix_leads_replied",
            "clinic_id",
            "replied_at",
            "id",
            postgresql_where=text(f"replied_at IS NOT NULL AND {NOT_DELETED}"),
        ),
        # For figures of tasks, which exclude those of deleted leads.
        Index("ix_leads_deleted", "clinic_id", "id", postgresql_where=text("deleted_at IS NOT NULL")),
        Index("ix_leads_merged", "merged_into_id", postgresql_where=text("merged_into_id IS NOT NULL")),
        Index(
            "uq_leads_external",
            "clinic_id",
            "external_id",
            "external_source",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        CheckConstraint("lead_value >= 0", name="value_is_positive"),
        CheckConstraint(f"status IN ({', '.join(repr(s.value) for s in LeadStatus)})", name="status"),
        CheckConstraint("status <> 'LOST' OR lost_reason IS NOT NULL", name="lost_has_reason"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    status: Mapped[str] = mapped_column(Text, default=LeadStatus.NEW)
    pipeline_stage: Mapped[str] = mapped_column(Text)  # a stage's slug
    stage_entered_at: Mapped[datetime]
    stage_overdue_since: Mapped[datetime | None]
    past_stages: Mapped[list[str]] = mapped_column(PlainArray(Text), server_default="{}")  # left stages, in that order
    past_stage_seconds: Mapped[list[float]] = mapped_column(PlainArray(Double), server_default="{}")  # in each of them

    patient_first_name: Mapped[str] = mapped_column(Text)
    patient_last_name: Mapped[str] = mapped_column(Text)
    patient_dob = EncryptedField(read=date.fromisoformat)
    patient_relationship: Mapped[str] = mapped_column(Text, default=PatientRelationship.SELF)

    first_name: Mapped[str] = mapped_column(Text)  # responsible party
    last_name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str] = mapped_column(Text, Computed(NAME_KEY, persisted=True))
    email = EncryptedField(index="email", main_form=main_address)
    phone = EncryptedField(index="phone")  # E.164 if it is a valid number
    phone_alt = EncryptedField(index="phone")
    preferred_contact: Mapped[str] = mapped_column(Text, default=PreferredContact.PHONE)
    timezone: Mapped[str | None] = mapped_column(Text)  # IANA name; None: the clinic's
    language: Mapped[str | None] = mapped_column(Text)  # BCP 47; None: the clinic's

    address_line1: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str | None] = mapped_column(Text)
    postal_code: Mapped[str | None] = mapped_column(Text)

    source_id: Mapped[UUID] = mapped_column(ForeignKey("lead_sources.id"))
    source_campaign: Mapped[str | None] = mapped_column(Text)
    source_detail: Mapped[str | None] = mapped_column(Text)

    capture_channel: Mapped[str] = mapped_column(Text, server_default=CaptureChannel.MANUAL)
    social_platform: Mapped[str | None] = mapped_column(Text)
    social_handle: Mapped[str | None] = mapped_column(Text)
    external_source: Mapped[str | None] = mapped_column(Text)  # name of the external system
    external_id: Mapped[str | None] = mapped_column(Text)
    first_touch_id: Mapped[UUID | None]  # None: created before touches were stored
    first_touch_at: Mapped[datetime | None]
    first_touch_source_id: Mapped[UUID | None]
    last_touch_id: Mapped[UUID | None]
    last_touch_at: Mapped[datetime | None]
    last_touch_source_id: Mapped[UUID | None]

    tags: Mapped[list[str]] = mapped_column(PlainArray(Text), server_default="{}")
    lead_value: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))  # in the clinic's currency
    value_cents: Mapped[int | None] = mapped_column(BigInteger, Computed("(lead_value * 100)::bigint", persisted=True))
    score: Mapped[int | None] = mapped_column(SmallInteger)  # 0 to 100, higher is more promising
    custom: Mapped[JsonDict] = mapped_column(server_default="{}")  # values by custom field key

    treatment_interest: Mapped[list[str]] = mapped_column(PlainArray(Text), default=list)
    captured_interest: Mapped[list[str] | None] = mapped_column(
        PlainArray(Text)
    )  # as captured; None: from before it was kept
    insurance_member_id = EncryptedField()
    notes = EncryptedField()

    assigned_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    assigned_at: Mapped[datetime | None]

    consultation_id: Mapped[UUID | None]
    converted_to_patient_id: Mapped[UUID | None]
    converted_at: Mapped[datetime | None]
    lost_at: Mapped[datetime | None]
    lost_reason: Mapped[str | None] = mapped_column(Text)
    lost_notes = EncryptedField()
    lost_suggested_at: Mapped[datetime | None]  # suggested by the engine; a user decides
    lost_suggested_reason: Mapped[str | None] = mapped_column(Text)

    failed_attempts: Mapped[int] = mapped_column(default=0)  # consecutive, since the last contact
    first_contact_at: Mapped[datetime | None]  # first attempt or contact; messages of rules do not count
    contacted_at: Mapped[datetime | None]  # last contact of a user with the lead
    replied_at: Mapped[datetime | None]  # last message or call from the lead
    conversation_done_at: Mapped[datetime | None]  # the reply up to which a user marked the conversation as done
    opted_out_at: Mapped[datetime | None]  # from all channels
    opted_out_channels: Mapped[list[str]] = mapped_column(PlainArray(Text), server_default="{}")
    restricted_at: Mapped[datetime | None]  # use restricted (GDPR, article 18)
    erased_at: Mapped[datetime | None]
    last_activity_at: Mapped[datetime]
    stale_since: Mapped[datetime | None]
    rots_at: Mapped[datetime | None]  # see `pipeline/rotting.py`; None: closed
    rotting_reason: Mapped[str | None] = mapped_column(Text)
    without_next_action_since: Mapped[datetime | None]  # as of the last scan: see `without_next_action`
    rules_wait_since: Mapped[datetime | None]  # imported without follow-ups: see `pipeline/waiting.py`
    rules_wait_until: Mapped[datetime | None]  # None: until something happens to the lead

    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_blind: Mapped[bytes | None] = mapped_column(LargeBinary)
    email_main_blind: Mapped[bytes | None] = mapped_column(LargeBinary)  # of the mailbox's main address, of an alias
    phone_blind: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_alt_blind: Mapped[bytes | None] = mapped_column(LargeBinary)

    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    merged_into_id: Mapped[UUID | None]  # surviving lead of a merged duplicate
    created_by: Mapped[UUID | None]
    updated_by: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(default=1)


_TYPES: Final[Mapping[Form, TypeEngine[Any]]] = {
    Form.PAST_DAY: Date(),
    Form.MONEY: Numeric(12, 2),
    Form.WHOLE: Integer(),
    Form.ID: Uuid(),
    Form.TAGS: PlainArray(Text),
    Form.CHOICES: PlainArray(Text),
}  # others are text


def _add_declared_fields() -> None:
    """Add the declared fields that no code uses by name, so that they need no line in the class."""
    for name, field in COLUMNS.items():
        if hasattr(Lead, name):
            continue
        if field.is_encrypted:
            encrypted = EncryptedField(read=date.fromisoformat if field.kind.form is Form.PAST_DAY else None)
            encrypted.__set_name__(Lead, name)
            setattr(Lead, name, encrypted)
        else:
            type_ = _TYPES.get(field.kind.form, Text())
            empty = "{}" if isinstance(type_, PlainArray) else None
            setattr(Lead, name, mapped_column(type_, nullable=field.is_nullable, server_default=empty))


_add_declared_fields()
