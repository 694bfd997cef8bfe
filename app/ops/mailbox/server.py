"""SMTP server, IMAP server and web page of the mailbox. They run until a signal."""

import os
import signal
import sys
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from app import clock
from app.ops.mailbox.answers import as_delivered
from app.ops.mailbox.imap_server import ImapServer
from app.ops.mailbox.inboxes import Inboxes
from app.ops.mailbox.page import Handler
from app.ops.mailbox.store import Store

LARGEST_MESSAGE = 20_000_000  # bytes


@dataclass(frozen=True)  # no slots: aiosmtpd reads every attribute, which fails with slots on Python 3.11.2 (Debian)
class StoringHandler:
    """SMTP handler that accepts every message for every recipient."""

    store: Store
    inboxes: Inboxes

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Store the message, deliver it to the inboxes of its recipients, and answer like a mail provider."""
        given, sender = envelope.content, envelope.mail_from or ""
        content = given if isinstance(given, bytes) else (given or "").encode()
        name = self.store.keep(content, sender=sender, recipients=envelope.rcpt_tos, at=clock.now())
        for recipient in envelope.rcpt_tos:
            if inbox := self.inboxes.of_recipient(recipient):
                inbox.deliver(as_delivered(content, sender=sender, recipient=recipient))
        sys.stdout.write(f"stored {name}\n")
        return f"250 stored as {name}"


def main() -> None:
    """Serve SMTP on MAILBOX_SMTP_PORT, IMAP on MAILBOX_IMAP_PORT and the page on MAILBOX_PORT."""
    folder = Path(os.environ.get("RELANCE_HOME", ".relance")) / "mailbox"
    store, inboxes = Store(folder), Inboxes(folder)
    address = os.environ.get("BIND_ADDRESS", "127.0.0.1")
    smtp = smtp_server(store, inboxes, address, int(os.environ.get("MAILBOX_SMTP_PORT", "1025")))
    smtp.start()
    page = page_server(store, inboxes, address, int(os.environ.get("MAILBOX_PORT", "8025")))
    Thread(target=page.serve_forever, daemon=True).start()
    with ImapServer(inboxes, address, int(os.environ.get("MAILBOX_IMAP_PORT", "1143"))).running():
        wait_for_signal()
    page.shutdown()
    smtp.stop()


def smtp_server(store: Store, inboxes: Inboxes, address: str, port: int) -> Controller:
    """Return the SMTP server. It is not started."""
    return Controller(
        StoringHandler(store, inboxes), hostname=address, port=port, data_size_limit=LARGEST_MESSAGE, ident="mailbox"
    )


def page_server(store: Store, inboxes: Inboxes, address: str, port: int) -> ThreadingHTTPServer:
    """Return the web server. It is bound, but does not serve yet."""
    handler = type("StoreHandler", (Handler,), {"store": store, "inboxes": inboxes})
    return ThreadingHTTPServer((address, port), handler)


def wait_for_signal() -> None:
    """Wait for SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    sys.stdout.flush()
