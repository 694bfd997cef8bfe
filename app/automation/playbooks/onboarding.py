"""Onboarding: create a clinic with its defaults."""

from sqlalchemy.orm import Session

from app.automation.playbooks import shipped
from app.automation.playbooks.installing import install
from app.core.validation import language_tags
from app.identity.models import Clinic
from app.identity.service import create_clinic
from app.leads.attribution import sources
from app.leads.pipeline import defaults as pipeline

DEFAULT_PLAYBOOK = "orthodontics"


def open_clinic(
    session: Session,
    *,
    name: str,
    slug: str,
    timezone: str,
    region: str,
    language: str = language_tags.DEFAULT,
    playbook: str = DEFAULT_PLAYBOOK,
    playbook_text: str | None = None,
) -> Clinic:
    """Create a clinic with stages, sources, rules and message templates, in the caller's transaction.

    `playbook`: the name of a shipped playbook. `playbook_text`: YAML of a playbook to use instead.
    Raises Invalid, SlugTaken, InvalidPlaybook.
    """
    chosen = shipped.read(playbook_text) if playbook_text is not None else shipped.load(playbook)
    clinic = create_clinic(session, name=name, slug=slug, timezone=timezone, region=region, language=language)
    pipeline.install_defaults(session, clinic.id)
    sources.install_defaults(session, clinic.id)
    install(session, clinic.id, chosen)
    return clinic
