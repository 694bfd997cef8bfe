"""Clinics and users: creation, validation and sign-in."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from argon2 import extract_parameters
from argon2.low_level import hash_secret
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.automation.playbooks.onboarding import open_clinic
from app.core.db import transaction
from app.core.validation.validation_errors import InvalidPlaybook
from app.errors import Invalid
from app.identity import password_policy
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version, context_of, load_context, load_contexts
from app.identity.models import Clinic, Role, User
from app.identity.password_policy import verify_password
from app.identity.permissions import Permission
from app.identity.service import EmailTaken, SlugTaken, create_clinic, create_user
from app.leads.attribution.models import LeadSource, SourceCategory
from app.leads.pipeline.models import PipelineStage

CLINIC = {"name": "Bright Smiles", "slug": "bright-smiles", "timezone": "Europe/Berlin", "region": "DE"}
PASSWORD = "seven green umbrellas"


@pytest.fixture
def session(clean_database: None) -> Iterator[Session]:
    with transaction() as session:
        yield session


def test_new_clinic_has_stages_sources_rules_and_templates(session: Session):
    clinic = open_clinic(session, **CLINIC)
    stages = session.scalars(select(PipelineStage).order_by(PipelineStage.position)).all()
    assert [stage.slug for stage in stages if stage.is_default] == ["new_lead"]
    assert [stage.slug for stage in stages if stage.is_terminal] == ["treatment_started", "lost"]
    assert [stage.position for stage in stages] == list(range(8))
    sources = session.scalars(select(LeadSource)).all()
    assert {source.category for source in sources} == set(SourceCategory)
    rules = session.scalars(text("SELECT slug FROM rules WHERE clinic_id = :id AND active"), {"id": clinic.id}).all()
    assert {"speed-to-lead", "task-reminder", "no-contact-24h", "break-up-email"} <= set(rules)
    assert session.scalar(text("SELECT count(*) FROM message_templates"))


def test_invalid_playbook_creates_no_clinic(clean_database: None):
    with pytest.raises(InvalidPlaybook), transaction() as session:
        open_clinic(session, **CLINIC, playbook="unheard-of")
    with pytest.raises(InvalidPlaybook), transaction() as session:
        open_clinic(session, **CLINIC, playbook_text="name: x\nrules: 5")
    with transaction() as session:
        assert session.scalars(select(Clinic)).all() == []


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"slug": "Bright Smiles"}, "/slug"),
        ({"slug": "-bright"}, "/slug"),
        ({"slug": ""}, "/slug"),
        ({"slug": "x" * 64}, "/slug"),
        ({"timezone": "Berlin"}, "/timezone"),
        ({"timezone": "../../etc/passwd"}, "/timezone"),
        ({"region": "Germany"}, "/region"),
        ({"region": "de"}, "/region"),
        ({"business_hours": {"mon": [["18:00", "09:00"]]}}, "/business_hours/mon/0"),
        ({"business_hours": {"monday": []}}, "/business_hours/monday"),
    ],
)
def test_invalid_clinic_is_refused(session: Session, changed: dict[str, Any], pointer: str):
    with pytest.raises(Invalid) as mistake:
        create_clinic(session, **(CLINIC | changed))
    assert [error.pointer for error in mistake.value.errors] == [pointer]


def test_duplicate_slug_is_refused(session: Session):
    create_clinic(session, **CLINIC)
    with pytest.raises(SlugTaken):
        create_clinic(session, **CLINIC)


def test_country_without_a_holiday_calendar_is_accepted(session: Session):
    clinic = create_clinic(session, **(CLINIC | {"region": "EH"}))
    assert context_of(clinic).calendar.is_open(datetime(2026, 3, 9, 10, tzinfo=UTC))  # a Monday


def test_clinic_calendar_is_loaded(session: Session):
    context = context_of(create_clinic(session, **CLINIC))
    assert context.calendar.zone.key == "Europe/Berlin"
    assert not context.calendar.is_open(datetime(2026, 10, 3, 10, tzinfo=UTC))  # German Unity Day
    assert (context.name, context.region, context.stale_after_days) == ("Bright Smiles", "DE", 14)


def test_clinic_cache_is_invalidated_by_a_change(session: Session):
    clinic = create_clinic(session, **CLINIC)
    first = load_context(session, clinic.id, 1)
    assert load_context(session, clinic.id, 1) is first
    bump_rules_version(session, clinic.id)
    session.execute(text("UPDATE clinics SET name = 'Brighter Smiles' WHERE id = :id"), {"id": clinic.id})
    second = load_context(session, clinic.id, 2)
    assert (second.name, second.rules_version) == ("Brighter Smiles", 2)
    assert load_contexts(session, [clinic.id, clinic.id]) == {clinic.id: second}


def test_automation_actor_has_all_permissions(session: Session):
    actor = Actor.system(context_of(create_clinic(session, **CLINIC)))
    assert all(actor.allows(permission) for permission in Permission)
    assert (actor.user_id, actor.role) == (None, None)


def a_user(session: Session, clinic: Clinic, **changed: Any) -> User:
    given = {"email": "ana@clinic.example", "name": "Ana", "role": Role.FRONT_DESK, "password": PASSWORD}
    return create_user(session, clinic.id, **(given | changed))


def test_new_user_can_sign_in(session: Session):
    user = a_user(session, create_clinic(session, **CLINIC))
    assert (user.email, user.role, user.is_active) == ("ana@clinic.example", "front_desk", True)
    assert verify_password(PASSWORD, user.password_hash)


@pytest.mark.parametrize("email", ["ana@clinic.example", "ANA@clinic.example", " ana@Clinic.EXAMPLE "])
def test_email_is_unique_in_a_clinic(session: Session, email: str):
    clinic = create_clinic(session, **CLINIC)
    a_user(session, clinic)
    a_user(session, create_clinic(session, **(CLINIC | {"slug": "other"})), email=email)
    with pytest.raises(EmailTaken):
        a_user(session, clinic, email=email)


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"email": "ana"}, "/email"),
        ({"email": "ana@clinic.example\nBcc: x@y.example"}, "/email"),
        ({"password": "short"}, "/password"),
        ({"password": "password1234"}, "/password"),
        ({"password": "ana@clinic.example"}, "/password"),
    ],
)
def test_invalid_user_is_refused(session: Session, changed: dict[str, Any], pointer: str):
    with pytest.raises(Invalid) as mistake:
        a_user(session, create_clinic(session, **CLINIC), **changed)
    assert [error.pointer for error in mistake.value.errors] == [pointer]


def test_an_unknown_role_is_refused(session: Session):
    with pytest.raises(Invalid):
        a_user(session, create_clinic(session, **CLINIC), role="owner")


def test_sign_in_computes_as_much_without_a_password_hash(session: Session, monkeypatch: pytest.MonkeyPatch):
    """An answer that comes sooner would tell that no account has this address."""
    kept = a_user(session, create_clinic(session, **CLINIC)).password_hash
    computed = list[str]()

    def record(*given: Any) -> bytes:
        made = hash_secret(*given)
        computed.append(made.decode())
        return made

    monkeypatch.setattr(password_policy, "hash_secret", record)
    for password_hash in (None, kept):
        assert not verify_password("a wrong password", password_hash)

    unknown, wrong = map(extract_parameters, computed)
    assert unknown == wrong
