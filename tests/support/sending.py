"""A clinic's sending account at a scripted SMTP server."""

import os
from typing import Any
from uuid import UUID

from app.core.db import transaction
from app.messaging.sending_accounts.service import create_account
from tests.support.practice import Practice, set_settings
from tests.support.smtp import SmtpServer

HOST = "127.0.0.1"


def allow(*servers: SmtpServer) -> None:
    """Let clinics name these servers, which are on this machine. Needs the fixture `configure`."""
    known = {*os.environ.get("OUTGOING_ALLOW", "").split(","), *(f"{HOST}:{server.port}" for server in servers)}
    set_settings(outgoing_allow=",".join(sorted(known - {""})))


def smtp_settings(server: SmtpServer, **more: Any) -> dict[str, Any]:
    """Return the settings of an account at the server."""
    sender = {"sender_address": "hello@clinic.example", "sender_name": "Bright Smiles"}
    login = {"username": server.login[0]} if server.login else {}
    return {"host": HOST, "port": server.port, "security": "none", **sender, **login, **more}


def connect(practice: Practice, server: SmtpServer, name: str = "office", **given: Any) -> UUID:
    """Add an account of the clinic at the server. `given`: other fields; `settings` are added to the server's."""
    allow(server)
    settings = smtp_settings(server, **given.pop("settings", {}))
    password = {"credentials": {"password": server.login[1]}} if server.login else {"credentials": {}}
    data = {"name": name, "kind": "smtp", "settings": settings, "is_active": True, **password, **given}
    with transaction() as session:
        return create_account(session, practice.actor(), data).id
