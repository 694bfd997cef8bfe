"""Set-up of the demo scenario: a separate clinic in which minutes, hours and days take seconds."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Final

from app import clock
from app.automation.playbooks.onboarding import DEFAULT_PLAYBOOK, open_clinic
from app.core.db import transaction
from app.identity.models import Role
from app.identity.service import create_user
from app.ops.demo.mailbox_account import connect_mailbox

SHORTENED: Final[Mapping[str, str]] = {
    "5 minutes": "8 seconds",  # to make the first call
    "15 minutes": "4 seconds",  # reminder before the call is due
    "30 minutes": "5 seconds",  # until a consultation without a time is confirmed
    "24 hours": "20 seconds",  # until a missing call is escalated to the manager
    "4 hours": "8 seconds",  # to make an escalated call
    "3 days": "6 seconds",  # after a consultation
    "7 days": "14 seconds",
}
NOON: Final = 12


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the demo clinic."""

    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class ScenarioClinic:
    """The demo clinic and its two users."""

    slug: str
    admin: Person
    coordinator: Person


def create_scenario_clinic() -> ScenarioClinic:
    """Create the clinic. Its time zone is chosen so that it is noon there, outside quiet hours."""
    slug = f"story-{secrets.token_hex(3)}"
    admin, coordinator = person("Alice", slug), person("Ben", slug)
    with transaction() as session:
        clinic = open_clinic(
            session,
            name="Demo scenario clinic",
            slug=slug,
            timezone=zone_at_hour(NOON),
            region="US",
            playbook_text=shortened_playbook(),
        )
        connect_mailbox(session, clinic.id, f"desk@{slug}.example")
        for user, role in ((admin, Role.CLINIC_ADMIN), (coordinator, Role.TREATMENT_COORDINATOR)):
            create_user(
                session,
                clinic.id,
                email=user.email,
                name=user.name,
                role=role,
                password=user.password,
            )
    return ScenarioClinic(slug, admin, coordinator)


def person(name: str, slug: str) -> Person:
    """Return a user with a unique e-mail address."""
    return Person(name, f"{name.lower()}@{slug}.example", secrets.token_urlsafe(15))


def shortened_playbook() -> str:
    """Return the default playbook with shortened delays, without business hours."""
    text = (files("app.automation.playbooks") / f"{DEFAULT_PLAYBOOK}.yaml").read_text(encoding="utf-8")
    for usual, short in SHORTENED.items():
        text = re.sub(rf"\b{usual}\b", short, text)
    return re.sub(", clock: business(_days)?", "", text)


def zone_at_hour(hour: int) -> str:
    """Return a zone where it is about that hour now. `Etc/GMT+5` is five hours behind UTC."""
    behind = (clock.now() + timedelta(minutes=30)).hour - hour
    return f"Etc/GMT{behind:+d}" if behind else "Etc/GMT"
