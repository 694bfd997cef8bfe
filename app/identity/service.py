"""Creation of clinics and users."""

import re
from typing import Final
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import now, zones
from app.core.calendar.calendar import BusinessHours, InvalidHours
from app.core.db import new_id
from app.core.type_aliases import JsonDict, JsonObject
from app.core.validation import language_tags
from app.core.validation.check_all import check_all
from app.errors import Conflict, FieldError, Invalid
from app.identity.clinics import bump_rules_version
from app.identity.models import WEEKDAYS_9_TO_18, Clinic, User
from app.identity.password_policy import require_strong_password
from app.identity.passwords.hashes import hash_for
from app.identity.roles import require_role

_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
LONGEST_SLUG: Final = 63


class SlugTaken(Conflict):
    """Another clinic has this slug."""


class EmailTaken(Conflict):
    """Another user has this e-mail address."""


def create_clinic(
    session: Session,
    *,
    name: str,
    slug: str,
    timezone: str,
    region: str,
    language: str = language_tags.DEFAULT,
    subdivision: str | None = None,
    business_hours: JsonObject | None = None,
) -> Clinic:
    """Create the row of a clinic. `app.automation.playbooks.onboarding.open_clinic` adds stages, sources and rules.

    `timezone` is an IANA name, `region` an ISO 3166 country, `language` a BCP 47 tag. `business_hours` is the JSON of
    `BusinessHours`; default: weekdays from 9 to 18. Raises Invalid with every mistake, SlugTaken.
    """
    check_all(
        lambda: _check_name(name),
        lambda: _check_slug(slug),
        lambda: _check_zone(timezone),
        lambda: _check_region(region),
        lambda: _language(language),
        lambda: _hours(business_hours),
    )
    if session.scalar(select(Clinic.id).where(Clinic.slug == slug)):
        raise SlugTaken
    clinic = Clinic(
        id=new_id(),
        name=name,
        slug=slug,
        timezone=timezone,
        region=region,
        language=_language(language),
        subdivision=subdivision,
        business_hours=_hours(business_hours),
        closed_dates=[],
        rules_version=1,
        created_at=now(),
    )
    session.add(clinic)
    session.flush()
    return clinic


def change_language(session: Session, clinic_id: UUID, tag: str) -> Clinic:
    """Set the language (BCP 47) of the clinic's messages. Raises Invalid."""
    language = _language(tag)
    bump_rules_version(session, clinic_id)
    clinic = session.get_one(Clinic, clinic_id)
    clinic.language = language
    return clinic


def create_user(
    session: Session, clinic_id: UUID, *, email: str, name: str, role: str, password: str | None = None
) -> User:
    """Create a user. Without a password, the user can sign in after choosing one.

    `role` is one of `Role`, or the slug of a custom role. Raises Invalid with every mistake (address, name, role, weak
    password), EmailTaken.
    """
    check_all(
        lambda: _address(email),
        lambda: _check_name(name),
        lambda: require_role(session, clinic_id, role),
        lambda: require_strong_password(password, email=email) if password is not None else None,
    )
    address = _address(email)
    user = User(
        id=new_id(),
        clinic_id=clinic_id,
        email=address,
        name=name,
        role=role,
        password_hash=hash_for(session, address, password) if password is not None else None,
        is_active=True,
        created_at=now(),
    )
    session.add(user)
    try:
        session.flush()
    except IntegrityError as clash:
        raise EmailTaken from clash
    return user


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable():
        raise Invalid.at("/name", "Give a name of one line.")


def _check_slug(slug: str) -> None:
    if not _SLUG.fullmatch(slug) or len(slug) > LONGEST_SLUG:
        raise Invalid.at("/slug", f"Use lower-case letters, digits and hyphens, {LONGEST_SLUG} at most.")


def _check_zone(timezone: str) -> None:
    if timezone not in zones():
        raise Invalid.at("/timezone", "Not an IANA time zone, such as Europe/Paris.")


def _check_region(region: str) -> None:
    if region not in SUPPORTED_REGIONS:
        raise Invalid.at("/region", "Not an ISO 3166 country, such as FR.")


def _language(tag: str) -> str:
    try:
        return language_tags.normalize(tag)
    except ValueError as mistake:
        raise Invalid.at("/language", str(mistake)) from mistake


def _hours(given: JsonObject | None) -> JsonDict:
    if given is None:
        return WEEKDAYS_9_TO_18
    try:
        return dict(BusinessHours.from_json(given).to_json())
    except InvalidHours as mistake:
        raise Invalid(*(FieldError(one.pointer, one.problem) for one in mistake.mistakes)) from mistake


def _address(email: str) -> str:
    try:
        # Reserved domains such as .test and .local are allowed, because some mail systems use them.
        return validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as mistake:
        raise Invalid.at("/email", str(mistake)) from mistake
