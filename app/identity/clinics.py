"""Clinic contexts, cached per version, because building a calendar costs far more than a query."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.calendar.calendar import BusinessHours, Calendar, HolidayCalendar, QuietHours, UnknownHolidays
from app.core.type_aliases import JsonDict
from app.errors import NotFound
from app.identity.clinic_context import ClinicContext
from app.identity.contact_policy import ContactPolicy
from app.identity.inbound_email import InboundEmailSettings
from app.identity.message_tracking import TrackingSettings
from app.identity.models import Clinic
from app.identity.task_cancellation import TaskCancellation

CACHE_SIZE = 1024  # clinics per process; each calendar caches a few hundred days


class ClinicRow(Protocol):
    """A `Clinic`, or a row with the same columns."""

    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def subdivision(self) -> str | None: ...
    @property
    def business_hours(self) -> JsonDict: ...
    @property
    def closed_dates(self) -> Sequence[date]: ...
    @property
    def quiet_hours(self) -> JsonDict | None: ...
    @property
    def stale_after_days(self) -> int: ...
    @property
    def spread_tasks_per_hour(self) -> int: ...
    @property
    def language(self) -> str: ...
    @property
    def sender_name(self) -> str | None: ...
    @property
    def postal_address(self) -> str | None: ...
    @property
    def contact_policy(self) -> JsonDict: ...
    @property
    def inbound_email(self) -> JsonDict: ...
    @property
    def message_tracking(self) -> JsonDict: ...
    @property
    def detects_sentiment(self) -> bool: ...
    @property
    def task_cancellation(self) -> JsonDict: ...
    @property
    def rules_version(self) -> int: ...


def context_of(clinic: ClinicRow) -> ClinicContext:
    """Return the context of a clinic at its version. Every change to a clinic's row must increment `rules_version`."""
    return _cached(clinic.id, clinic.rules_version) or _cache(_build(clinic))


def load_context(session: Session, clinic_id: UUID, rules_version: int | None = None) -> ClinicContext:
    """Return the context of a clinic. Queries the database if `rules_version` is None or not cached.

    Raises NotFound.
    """
    known = _cached(clinic_id, rules_version) if rules_version is not None else None
    if known:
        return known
    clinic = session.execute(select(Clinic.__table__).where(Clinic.id == clinic_id)).one_or_none()
    if clinic is None:
        raise NotFound
    return context_of(clinic)


def load_contexts(session: Session, clinic_ids: Iterable[UUID]) -> dict[UUID, ClinicContext]:
    """Return the current contexts of these clinics by id, in one query."""
    rows = session.execute(select(Clinic.__table__).where(Clinic.id.in_(set(clinic_ids))))
    return {clinic.id: context_of(clinic) for clinic in rows}


def bump_rules_version(session: Session, clinic_id: UUID) -> None:
    """Increment `rules_version` after a change to the clinic, its rules or its pipeline.

    After the commit no process uses its cached context. Locks the clinic's row, so such changes run one after another.
    """
    row = update(Clinic).where(Clinic.id == clinic_id)
    session.execute(row.values(rules_version=Clinic.rules_version + 1))


_contexts: OrderedDict[UUID, ClinicContext] = OrderedDict()


def _cached(clinic_id: UUID, version: int) -> ClinicContext | None:
    context = _contexts.get(clinic_id)
    return context if context and context.rules_version == version else None


def _cache(context: ClinicContext) -> ClinicContext:
    _contexts[context.id] = context
    while len(_contexts) > CACHE_SIZE:
        _contexts.popitem(last=False)
    return context


def _build(clinic: ClinicRow) -> ClinicContext:
    calendar = Calendar(
        ZoneInfo(clinic.timezone),
        BusinessHours.from_json(clinic.business_hours),
        closed_on=_closed_on(clinic),
        quiet=QuietHours.from_json(clinic.quiet_hours) if clinic.quiet_hours else None,
    )
    return ClinicContext(
        id=clinic.id,
        name=clinic.name,
        region=clinic.region,
        calendar=calendar,
        rules_version=clinic.rules_version,
        stale_after_days=clinic.stale_after_days,
        spread_tasks_per_hour=clinic.spread_tasks_per_hour,
        language=clinic.language,
        sender_name=clinic.sender_name,
        postal_address=clinic.postal_address,
        policy=ContactPolicy.from_json(clinic.contact_policy),
        inbound_email=InboundEmailSettings.from_json(clinic.inbound_email),
        tracking=TrackingSettings.from_json(clinic.message_tracking),
        detects_sentiment=clinic.detects_sentiment,
        task_cancellation=TaskCancellation.from_json(clinic.task_cancellation),
    )


def _closed_on(clinic: ClinicRow) -> HolidayCalendar:
    closed = frozenset(clinic.closed_dates)
    try:
        return HolidayCalendar(clinic.region, clinic.subdivision, closed=closed)
    except UnknownHolidays:
        return HolidayCalendar(closed=closed)  # not every country has a published calendar
