"""`relance init`: migrate the database to the newest version and repair its roles, as the owner of the tables."""

import click
import psycopg
from alembic import command
from psycopg import sql
from sqlalchemy import make_url

from app.config import get_settings
from app.core.database.plain_url import plain_url
from app.core.database.session import SETTINGS
from app.core.db import APP_ROLE
from app.ops.cli.support.output import as_json, print_result
from app.ops.stack.access import repair_access
from app.ops.stack.migrations import alembic_configuration, current_revision


@click.command()
@click.option("--login", is_flag=True, help="Create the login in DATABASE_URL, or update its password.")
@as_json
def init(*, login: bool, as_json: bool) -> None:
    """Migrate the database to the newest version, and create missing roles and grants.

    Does nothing if all is in order.
    """
    before = current_revision()
    command.upgrade(alembic_configuration(), "head")
    if login:
        make_login()
    repaired = repair_access()
    print_result({"revision": current_revision(), "was": before, "repaired": repaired}, as_json=as_json)


def make_login() -> None:
    """Create or update the application's login: a member of the role with the grants, and owner of no tables."""
    address = make_url(get_settings().database_url.get_secret_value())
    login, password = sql.Identifier(str(address.username)), sql.Literal(address.password)
    with psycopg.connect(plain_url(get_settings().owner_url)) as connection:
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [address.username]).rowcount
        verb = sql.SQL("ALTER" if known else "CREATE")
        connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, login, password))
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(APP_ROLE), login))
        store_session_settings(connection, login)


def store_session_settings(connection: psycopg.Connection, login: sql.Identifier) -> None:
    """Store the session settings with the login, because a pooler drops those that a connection asks for."""
    for name, value in SETTINGS.items():
        change = sql.SQL("ALTER ROLE {} SET {} = {}").format(login, sql.Identifier(name), sql.Literal(value))
        connection.execute(change)
