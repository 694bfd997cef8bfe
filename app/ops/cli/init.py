"""`relance init`: bring the database to the newest version, as the owner of the tables."""

import click
import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine, make_url, pool

from app.config import get_settings
from app.core.db import APP_ROLE
from app.ops.cli.support.output import as_json, print_result
from app.ops.stack.procfile import ROOT


@click.command()
@click.option("--login", is_flag=True, help="Make the login that DATABASE_URL names, or set its password.")
@as_json
def init(*, login: bool, as_json: bool) -> None:
    """Migrate the database. Does nothing when it is up to date."""
    before = present_revision()
    command.upgrade(alembic_configuration(), "head")
    if login:
        make_login()
    print_result({"revision": present_revision(), "was": before}, as_json=as_json)


def make_login() -> None:
    """The application's own login: a member of the group that holds the grants, and the owner of nothing."""
    address = make_url(get_settings().database_url.get_secret_value())
    login, password = sql.Identifier(str(address.username)), sql.Literal(address.password)
    plain = make_url(get_settings().owner_url).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False)) as connection:
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [address.username]).rowcount
        verb = sql.SQL("ALTER" if known else "CREATE")
        connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, login, password))
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(APP_ROLE), login))


def alembic_configuration() -> Config:
    """The same from every folder."""
    configuration = Config(ROOT / "alembic.ini")
    configuration.set_main_option("script_location", str(ROOT / "migrations"))
    return configuration


def present_revision() -> str | None:
    """What the database is at; None when it is empty."""
    engine = create_engine(get_settings().owner_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """What the code needs."""
    return ScriptDirectory.from_config(alembic_configuration()).get_current_head()
