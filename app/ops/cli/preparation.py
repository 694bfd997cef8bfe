"""Preparation of `relance serve`: check the settings and servers, and migrate the database, before the parts start.

It runs in a process of its own, because the supervisor would keep the memory of its imports.
"""

from collections.abc import Sequence
from contextlib import suppress

import click
from alembic import command
from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings, get_settings
from app.core.db import transaction
from app.messaging.channels.mail.mail_server import InvalidMailSettings, MailServer
from app.ops.cli.support.failures import errors_in_one_line
from app.ops.cli.support.output import say
from app.ops.doctor.hold_check import hold_state
from app.ops.embedded import CannotStart, WrongSetting
from app.ops.stack.access import repair_access
from app.ops.stack.connectivity import require_migrated, require_reachable
from app.ops.stack.environment import is_demo, save_shared_settings
from app.ops.stack.migrations import alembic_configuration
from app.security.key_verification import require_valid_keys

WITHOUT_DATABASE = frozenset({"flower", "mailbox", "echo"})


@click.command()
@click.argument("names", nargs=-1)
@click.option("--owned", is_flag=True, help="The data folder belongs to this supervisor.")
@click.option("--everything", is_flag=True, help="All parts are started.")
def prepare(names: Sequence[str], *, owned: bool, everything: bool) -> None:
    """Check the settings and servers that the parts NAMES need. Migrate the database."""
    settings = get_settings()
    require_reachable(settings)
    require_mail_settings(settings)
    if is_demo() and owned:
        save_shared_settings()
    needs_database = bool(set(names) - WITHOUT_DATABASE)
    if everything or (is_demo() and owned):
        prepare_database()
    elif needs_database:
        require_migrated(settings)
        repair_or_warn()
    if needs_database:
        require_valid_keys()
        warn_if_held()


def require_mail_settings(settings: Settings) -> None:
    """Check SMTP_URL, if it is set. Raises WrongSetting."""
    if settings.smtp_url.get_secret_value():
        try:
            MailServer.from_settings(settings)
        except InvalidMailSettings as error:
            raise WrongSetting(str(error)) from None


def prepare_database() -> None:
    """Migrate the database as the owner of the tables, and repair its roles and grants."""
    say("preparing the database ...")
    command.upgrade(alembic_configuration(), "head")
    for problem in repair_access():
        say(f"repaired: {problem}")


def repair_or_warn() -> None:
    """Repair roles and grants, or name what the owner of the tables must repair. `/readyz` is 503 until then."""
    with suppress(SQLAlchemyError):
        try:
            for problem in repair_access():
                say(f"repaired: {problem}")
        except CannotStart as refusal:
            say(f"{refusal}: run `relance init` with OWNER_DATABASE_URL")


def warn_if_held() -> None:
    """Say at the start that nothing will be sent. A database without the table, or away, says so elsewhere."""
    with suppress(SQLAlchemyError):
        with transaction() as session:
            found, advice = hold_state(session)
        if advice:
            say(f"{found}; {advice}")


if __name__ == "__main__":
    with errors_in_one_line():
        prepare()
