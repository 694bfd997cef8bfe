"""Where the story takes place: a clinic of its own, in which minutes, hours and days are seconds."""

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

SHORTENED: Final[Mapping[str, str]] = {
    "5 minutes": "8 seconds",  # to make the first call
    "15 minutes": "4 seconds",  # a reminder, before the call is due
    "24 hours": "20 seconds",  # until nobody's call becomes the manager's affair
    "4 hours": "8 seconds",  # to make a call that a step asks for
    "3 days": "6 seconds",  # after a consultation
    "7 days": "14 seconds",
}
NOON: Final = 12


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the clinic who acts in the story."""

    name: str
    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Stage:
    """The clinic and its two people."""

    slug: str
    admin: Person
    coordinator: Person


def build() -> Stage:
    """Make the clinic. It is noon there, whatever time it is, so that nobody is kept from writing by the night."""
    slug = f"story-{secrets.token_hex(3)}"
    admin, coordinator = person("Alice", slug), person("Ben", slug)
    with transaction() as session:
        clinic = open_clinic(
            session,
            name="The clinic of the story",
            slug=slug,
            timezone=zone_where_it_is(NOON),
            region="US",
            playbook_text=shortened_playbook(),
        )
        for somebody, role in ((admin, Role.CLINIC_ADMIN), (coordinator, Role.TREATMENT_COORDINATOR)):
            create_user(
                session,
                clinic.id,
                email=somebody.email,
                name=somebody.name,
                role=role,
                password=somebody.password,
            )
    return Stage(slug, admin, coordinator)


def person(name: str, slug: str) -> Person:
    """With an address that nobody else has."""
    return Person(name, f"{name.lower()}@{slug}.example", secrets.token_urlsafe(15))


def shortened_playbook() -> str:
    """The default playbook with its delays shortened, and its clock running at night and on Sundays too."""
    text = (files("app.automation.playbooks") / f"{DEFAULT_PLAYBOOK}.yaml").read_text(encoding="utf-8")
    for usual, short in SHORTENED.items():
        text = re.sub(rf"\b{usual}\b", short, text)
    return text.replace(", clock: business", "")


def zone_where_it_is(hour: int) -> str:
    """A zone in which it is about that hour now. `Etc/GMT+5` lies five hours behind UTC."""
    behind = (clock.now() + timedelta(minutes=30)).hour - hour
    return f"Etc/GMT{behind:+d}" if behind else "Etc/GMT"
