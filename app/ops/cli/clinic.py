"""`relance clinic`: make clinics, and list them."""

import click
from sqlalchemy import select

from app.automation.playbooks.onboarding import DEFAULT_PLAYBOOK, open_clinic
from app.core.db import transaction
from app.core.validation.language_tags import DEFAULT
from app.identity.models import Clinic
from app.identity.service import change_language
from app.ops.cli.support.lookup import clinic_by_slug
from app.ops.cli.support.output import as_json, print_result, print_rows


@click.group()
def clinic() -> None:
    """Make clinics, and list them."""


@clinic.command()
@click.option("--name", required=True, help="As its people call it.")
@click.option("--slug", required=True, help="Its short name: small letters, digits, hyphens.")
@click.option("--timezone", required=True, help="IANA name, such as Europe/Paris.")
@click.option("--region", required=True, help="ISO 3166 country, for phone numbers and holidays, such as FR.")
@click.option("--language", default=DEFAULT, show_default=True, help="Of its texts: BCP 47, such as fr-CA.")
@click.option("--playbook", default=DEFAULT_PLAYBOOK, show_default=True, help="Whose rules it begins with.")
@as_json
def create(*, as_json: bool, **given: str) -> None:
    """Make a clinic with its stages, sources, rules and templates."""
    with transaction() as session:
        made = open_clinic(session, **given)
    print_result({"id": made.id, "slug": made.slug, "name": made.name}, as_json=as_json)


@clinic.command()
@click.option("--clinic", "slug", required=True, help="The clinic's slug.")
@click.argument("tag")
@as_json
def language(*, slug: str, tag: str, as_json: bool) -> None:
    """Set the language of a clinic's texts: BCP 47, such as fr-CA. Leads who say no other are written to in it."""
    with transaction() as session:
        changed = change_language(session, clinic_by_slug(session, slug).id, tag)
    print_result({"slug": changed.slug, "language": changed.language}, as_json=as_json)


@clinic.command(name="list")
@as_json
def list_(*, as_json: bool) -> None:
    """All clinics, by slug."""
    with transaction() as session:
        columns = (Clinic.id, Clinic.slug, Clinic.name, Clinic.timezone, Clinic.language)
        rows = [dict(row) for row in session.execute(select(*columns).order_by(Clinic.slug)).mappings()]
    print_rows(rows, as_json=as_json, empty="There is no clinic yet: `relance clinic create`.")
