"""`relance clinic`: create and list clinics."""

import click
from sqlalchemy import select

from app.automation.playbooks.onboarding import DEFAULT_PLAYBOOK, open_clinic
from app.automation.playbooks.shipped import names
from app.core.db import transaction
from app.core.validation.language_tags import DEFAULT
from app.identity.models import Clinic
from app.identity.service import change_language
from app.ops.cli.support.lookup import clinic_by_slug
from app.ops.cli.support.output import as_json, print_result, print_rows


@click.group()
def clinic() -> None:
    """Create and list clinics."""


@clinic.command()
@click.option("--name", required=True, help="Name of the clinic.")
@click.option("--slug", required=True, help="Unique short name: lower-case letters, digits, hyphens.")
@click.option("--timezone", required=True, help="IANA name, such as Europe/Paris.")
@click.option("--region", required=True, help="ISO 3166 country for phone numbers and holidays, such as FR.")
@click.option("--language", default=DEFAULT, show_default=True, help="Language of its messages: BCP 47, such as fr-CA.")
@click.option(
    "--playbook",
    type=click.Choice(names()),
    default=DEFAULT_PLAYBOOK,
    show_default=True,
    help="Playbook whose rules it starts with.",
)
@as_json
def create(*, as_json: bool, **given: str) -> None:
    """Create a clinic with its stages, sources, rules and templates."""
    with transaction() as session:
        made = open_clinic(session, **given)
    print_result({"id": made.id, "slug": made.slug, "name": made.name}, as_json=as_json)


@clinic.command()
@click.option("--clinic", "slug", required=True, help="The clinic's slug.")
@click.argument("tag")
@as_json
def language(*, slug: str, tag: str, as_json: bool) -> None:
    """Set the default language of a clinic's messages: BCP 47, such as fr-CA. Leads with their own language keep it."""
    with transaction() as session:
        changed = change_language(session, clinic_by_slug(session, slug).id, tag)
    print_result({"slug": changed.slug, "language": changed.language}, as_json=as_json)


@clinic.command(name="list")
@as_json
def list_(*, as_json: bool) -> None:
    """List all clinics by slug."""
    with transaction() as session:
        columns = (Clinic.id, Clinic.slug, Clinic.name, Clinic.timezone, Clinic.language)
        rows = [dict(row) for row in session.execute(select(*columns).order_by(Clinic.slug)).mappings()]
    print_rows(rows, as_json=as_json, empty="There are no clinics yet. Create one with `relance clinic create`.")
