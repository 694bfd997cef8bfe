"""Models of clinics (tenants), users, teams, roles, sign-ins and API keys."""

import json
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, Date, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, new_id
from app.core.type_aliases import JsonDict
from app.core.validation import language_tags
from app.security.encrypted_fields import EncryptedField

STALE_AFTER_DAYS, SPREAD_TASKS_PER_HOUR = 14, 6  # of a new clinic
WEEKDAYS_9_TO_18: JsonDict = {
    **{day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    "sat": [],
    "sun": [],
}


QUIET_21_TO_8: JsonDict = {"starts": "21:00", "ends": "08:00"}


class Role(StrEnum):
    """The built-in roles of every clinic. A clinic can add its own (`CustomRole`)."""

    FRONT_DESK = "front_desk"
    TREATMENT_COORDINATOR = "treatment_coordinator"
    CLINIC_ADMIN = "clinic_admin"
    DOCTOR = "doctor"
    MARKETING_MANAGER = "marketing_manager"
    MANAGER = "manager"  # of a team
    DISPATCHER = "dispatcher"
    SALES = "sales"


class Clinic(Base):
    """A tenant. All other data belongs to one clinic."""

    __tablename__ = "clinics"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text)
    slug: Mapped[str] = mapped_column(Text, unique=True)
    timezone: Mapped[str] = mapped_column(Text, default="UTC")  # IANA name
    region: Mapped[str] = mapped_column(Text, default="US")  # ISO 3166 country, for phones and holidays
    language: Mapped[str] = mapped_column(Text, server_default=language_tags.DEFAULT)  # BCP 47; default for its leads
    subdivision: Mapped[str | None] = mapped_column(Text)  # ISO 3166-2 part, for regional holidays
    business_hours: Mapped[JsonDict] = mapped_column(default=WEEKDAYS_9_TO_18)
    closed_dates: Mapped[list[date]] = mapped_column(ARRAY(Date), default=list)
    quiet_hours: Mapped[JsonDict | None] = mapped_column(
        default=QUIET_21_TO_8, server_default=json.dumps(QUIET_21_TO_8)
    )
    hours_version: Mapped[int] = mapped_column(default=1, server_default="1")  # of opening, closed and quiet hours
    sender_name: Mapped[str | None] = mapped_column(Text)  # in e-mails; None: the clinic's name
    postal_address: Mapped[str | None] = mapped_column(Text)  # in the footer of commercial e-mails
    sender_version: Mapped[int] = mapped_column(default=1, server_default="1")  # of the two before
    stale_after_days: Mapped[int] = mapped_column(default=STALE_AFTER_DAYS)
    spread_tasks_per_hour: Mapped[int] = mapped_column(
        default=SPREAD_TASKS_PER_HOUR, server_default=str(SPREAD_TASKS_PER_HOUR)
    )  # of one user
    keep_history_days: Mapped[int | None]  # of closed leads: see `app.tasks.old_history`; None: for ever
    follow_ups_version: Mapped[int] = mapped_column(default=1, server_default="1")  # of the three before
    contact_policy: Mapped[JsonDict] = mapped_column(default=dict, server_default="{}")  # see ContactPolicy
    contact_policy_version: Mapped[int] = mapped_column(default=1, server_default="1")
    inbound_email: Mapped[JsonDict] = mapped_column(default=dict, server_default="{}")  # see InboundEmailSettings
    inbound_email_version: Mapped[int] = mapped_column(default=1, server_default="1")
    message_tracking: Mapped[JsonDict] = mapped_column(default=dict, server_default="{}")  # see TrackingSettings
    message_tracking_version: Mapped[int] = mapped_column(default=1, server_default="1")
    detects_sentiment: Mapped[bool] = mapped_column(default=False, server_default="false")  # of messages from leads
    sentiment_version: Mapped[int] = mapped_column(default=1, server_default="1")
    task_cancellation: Mapped[JsonDict] = mapped_column(default=dict, server_default="{}")  # see TaskCancellation
    task_cancellation_version: Mapped[int] = mapped_column(default=1, server_default="1")
    profile_version: Mapped[int] = mapped_column(default=1, server_default="1")  # of name and time zone
    rules_version: Mapped[int] = mapped_column(default=1)  # incremented by every change to rules or calendar
    created_at: Mapped[datetime]


class Team(Base):
    """A team of users. A manager sees the leads assigned to users of the same team."""

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("clinic_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class CustomRole(Base):
    """A custom role of a clinic: permissions with scopes."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("clinic_id", "slug"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    slug: Mapped[str] = mapped_column(Text)  # value of `users.role`; never one of `Role`
    name: Mapped[str] = mapped_column(Text)
    grants: Mapped[JsonDict]  # permission → scope
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class User(Base):
    """A user of a clinic, who can sign in."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_clinic_email", "clinic_id", text("lower(email)"), unique=True),
        Index("ix_users_email", text("lower(email)")),
        Index("ix_users_clinic_role", "clinic_id", "role"),
        Index("ix_users_team_id", "team_id", postgresql_where=text("team_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    email: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)  # one of `Role`, or the slug of a custom role
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    password_hash: Mapped[str | None] = mapped_column(Text)  # None until the user has accepted the invitation
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    @property
    def has_password(self) -> bool:
        """Whether the user has accepted the invitation and chosen a password."""
        return self.password_hash is not None


class PasswordLink(Base):
    """A single-use link for choosing a password. Its id is the id of the message that contains it."""

    __tablename__ = "password_links"
    __table_args__ = (
        Index("ix_password_links_user_id", "user_id"),
        Index("ix_password_links_expires_at", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))  # None: old rows
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignIn(Base):
    """One login and its chain of refresh tokens. It is revoked as a whole."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("ix_sign_ins_user_id", "user_id"), Index("ix_sign_ins_expires_at", "expires_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    refresh_id: Mapped[UUID]  # id of the valid refresh token
    former_refresh_id: Mapped[UUID | None]  # of the token before it, which a browser may use for some seconds more
    refreshed_at: Mapped[datetime | None]  # when it was replaced
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # accurate to a minute; None: not since the upgrade
    emergency_until: Mapped[datetime | None]  # end of the emergency access
    address = EncryptedField()  # IP address of the login; None: before the upgrade
    client = EncryptedField()  # its header User-Agent
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)


class ApiKey(Base):
    """An API key of a clinic, with scopes and an optional expiry. Only a hash of its secret is stored."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_clinic_id", "clinic_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text, unique=True)  # shown in lists, and used to find the key
    secret_hash: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
