"""`relance user`: make users."""

import secrets
import sys

import click
from sqlalchemy.orm import Session

from app.core.db import transaction
from app.identity.models import Role, User
from app.identity.service import create_user
from app.ops.cli.support.lookup import clinic_by_slug
from app.ops.cli.support.output import as_json, print_result


@click.group()
def user() -> None:
    """Make users."""


@user.command()
@click.option("--clinic", "slug", required=True, help="The clinic's slug.")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is made.")
@as_json
def create(*, slug: str, password_stdin: bool, as_json: bool, **person: str) -> None:
    """Make a user of a clinic. A generated password is shown this once."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(15)
    with transaction() as session:
        made = make(session, slug, password, **person)
    shown = {} if password_stdin else {"password": password}
    print_result({"id": made.id, "email": made.email, "role": made.role, **shown}, as_json=as_json)


def make(session: Session, slug: str, password: str, **person: str) -> User:
    """The user in the clinic of that slug."""
    clinic = clinic_by_slug(session, slug)
    email, name, role = person["email"], person["name"], Role(person["role"])
    return create_user(session, clinic.id, email=email, name=name, role=role, password=password)
