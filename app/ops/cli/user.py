"""`relance user`: create users."""

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
    """Create users."""


@user.command()
@click.option("--clinic", "slug", required=True, help="The clinic's slug.")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]))
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input. Default: generate one.")
@as_json
def create(*, slug: str, password_stdin: bool, as_json: bool, **person: str) -> None:
    """Create a user of a clinic. A generated password is shown only once."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(15)
    with transaction() as session:
        made = make(session, slug, password, **person)
    shown = {} if password_stdin else {"password": password}
    print_result({"id": made.id, "email": made.email, "role": made.role, **shown}, as_json=as_json)


def make(session: Session, slug: str, password: str, **person: str) -> User:
    """Create the user in the clinic with this slug."""
    clinic = clinic_by_slug(session, slug)
    email, name, role = person["email"], person["name"], Role(person["role"])
    return create_user(session, clinic.id, email=email, name=name, role=role, password=password)
