"""`relance seed`: create the demo clinic with users and leads. Passwords are generated and stored in demo.json."""

import json
import os
import secrets
from collections.abc import Mapping
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.automation.playbooks.onboarding import open_clinic
from app.core.db import transaction
from app.core.type_aliases import JsonDict
from app.engine.steps.publish import flush
from app.identity.models import Clinic, User
from app.identity.password_policy import hash_password
from app.identity.service import create_user
from app.ops.cli.support.output import as_json, print_json
from app.ops.demo.echo_gateways import connect_echo_gateways
from app.ops.demo.history.clinic import create_history, has_history
from app.ops.demo.history.truths import SLUG as HISTORY_SLUG
from app.ops.demo.mailbox_account import connect_mailbox
from app.ops.demo.replay.replay import BEGINS, replay
from app.ops.demo.seed_data import CLINIC, MAILBOX, PEOPLE, SLUG
from app.ops.demo.unfinished import UNFINISHED, mark_finished, one_at_a_time, remove_unfinished
from app.ops.embedded import CannotStart
from app.ops.mailbox.store import Store
from app.ops.stack.addresses import echo_port, read_addresses
from app.ops.stack.environment import home, is_demo, write_private

REPORTED = 5_000  # leads between two lines of progress
Passwords = Mapping[str, str]  # by e-mail address


@click.command()
@click.option("--history", is_flag=True, help="Create another clinic, with a year of leads; logins in history.json.")
@click.option("--leads", type=click.IntRange(100, 200_000), default=5_000, show_default=True, help="With --history.")
@click.option("--seed", "number", type=int, default=1, show_default=True, help="With --history.")
@as_json
def seed(*, history: bool, leads: int, number: int, as_json: bool) -> None:
    """Create the demo clinic once and write the logins to demo.json. Refused in production."""
    if not is_demo():
        raise CannotStart("the demo clinic cannot be created in production: set RELANCE_ENV=demo")
    report = _seed_history(leads, number) if history else _seed_demo()
    name = "the clinic with a year of history" if history else "the demo clinic"
    print_json(report) if as_json else click.echo(f"{name} is ready; the logins are in {report['file']}")


def _seed_history(leads: int, number: int) -> JsonDict:
    """Create the clinic with a year of history, unless it exists."""
    file = home() / "history.json"
    with transaction() as session:
        is_new = not has_history(session)
    if is_new:
        users = create_history(leads=leads, seed=number, until=clock.now(), report=_report)
        write_private(file, {"clinic": HISTORY_SLUG, "users": [one._asdict() for one in users]})
    return {"clinic": HISTORY_SLUG, "new": is_new, "file": str(file)}


def _report(what: str, total: int, done: int) -> None:
    if done == total or not done % REPORTED:
        click.echo(f"{done:,} of {total:,} leads {what}", err=True)


def _seed_demo() -> JsonDict:
    """Create the demo clinic, or renew its connections."""
    with one_at_a_time(home()):
        return _create_demo()


def _create_demo() -> JsonDict:
    passwords = known_passwords() or {email: secrets.token_urlsafe(12) for _, email, _ in PEOPLE}
    with transaction() as session:
        clinic_id = session.scalar(select(Clinic.id).where(Clinic.slug == SLUG))
        if is_new := clinic_id is None:
            clinic_id = make_clinic(session, passwords)
        else:
            renew_passwords(session, passwords)
        connect_mailbox(session, clinic_id, MAILBOX)
    mails = Store(home() / "mailbox-unfinished")
    if is_new:
        mails.clear()
        replay(clinic_id, mails)
        with transaction() as session:
            mark_finished(session, clinic_id)
    Store(home() / "mailbox").take_all(mails)  # also those of a run that was interrupted here
    with transaction() as session:
        if "ECHO_PORT" in os.environ:
            connect_echo_gateways(session, clinic_id, echo_port())
    flush()
    write_private(home() / "demo.json", {**read_addresses().as_json(), "users": sign_ins(passwords)})
    return {"clinic": SLUG, "new": is_new, "file": str(home() / "demo.json")}


def known_passwords() -> dict[str, str]:
    """Return the passwords of an earlier run by e-mail address; empty if the file is missing or has other users."""
    try:
        users = json.loads((home() / "demo.json").read_text())["users"]
        known = {user["email"]: user["password"] for user in users}
    except (FileNotFoundError, ValueError, KeyError):
        return {}
    return known if known.keys() == {email for _, email, _ in PEOPLE} else {}


def make_clinic(session: Session, passwords: Passwords) -> UUID:
    """Create the clinic with its users, marked as unfinished. Remove the one of an interrupted run."""
    remove_unfinished(session)
    with clock.moved_to(clock.now() - BEGINS):
        clinic = open_clinic(session, **{**CLINIC, "slug": UNFINISHED})
        for name, email, role in PEOPLE:
            create_user(session, clinic.id, email=email, name=name, role=role, password=passwords[email])
    return clinic.id


def renew_passwords(session: Session, passwords: Passwords) -> None:
    """Set the users' passwords to those written to demo.json, if that file was lost or incomplete."""
    if known_passwords() == passwords:
        return
    for user in session.scalars(select(User).where(User.email.in_(passwords))):
        user.password_hash = hash_password(passwords[user.email])


def sign_ins(passwords: Passwords) -> list[dict[str, str]]:
    """Return the users in the format of demo.json."""
    return [{"email": email, "password": passwords[email], "role": role.value} for _, email, role in PEOPLE]
