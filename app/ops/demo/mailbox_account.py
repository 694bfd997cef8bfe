"""Mailbox of a demo clinic: an account of the development mailbox, which the process `inbound` reads."""

import os
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.identity.clinics import bump_rules_version
from app.identity.inbound_email import InboundEmailSettings
from app.identity.models import Clinic
from app.messaging.channels.mail.mail_server import Security
from app.messaging.mailboxes.models import INBOX, Mailbox
from app.messaging.mailboxes.service import change_mailbox, create_mailbox
from app.ops.embedded.ports import LOOPBACK
from app.ops.mailbox.inboxes import add_account
from app.ops.stack.environment import home

PORT: Final = "MAILBOX_IMAP_PORT"
_NAME: Final = "Demo mailbox"


def connect_mailbox(session: Session, clinic_id: UUID, address: str) -> None:
    """Give the clinic a mailbox for the answers of its leads, or give its mailbox the present port and password.

    A restored database has those of another data folder. Nothing is done where the development mailbox does not run.
    """
    if not os.environ.get(PORT):
        return
    place = {"host": LOOPBACK, "port": int(os.environ[PORT]), "security": Security.NONE}
    login = {"username": address, "password": add_account(home() / "mailbox", address)}
    of_clinic = select(Mailbox).where(Mailbox.clinic_id == clinic_id, Mailbox.name == _NAME)
    known = session.scalars(of_clinic).one_or_none()
    if known is None:
        options = {"name": _NAME, "folder": INBOX, "is_active": True, "mark_seen": False, "since": None}
        create_mailbox(session, clinic_id, {**place, **login, **options})
        session.get_one(Clinic, clinic_id).inbound_email = InboundEmailSettings(address=address).to_json()
        bump_rules_version(session, clinic_id)
    elif (known.port, known.password) != (place["port"], login["password"]):
        change_mailbox(session, clinic_id, known.id, {**place, **login})
