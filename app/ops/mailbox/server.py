"""SMTP server and web page of the mailbox. Both run until a signal."""

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
from app.ops.mailbox.page import Handler
from app.ops.mailbox.store import Store

LARGEST_MESSAGE = 20_000_000  # bytes


@dataclass(frozen=True)  # no slots: aiosmtpd reads every attribute, which fails with slots on Python 3.11.2 (Debian)
class StoringHandler:
    """SMTP handler that accepts every message for every recipient."""

    store: Store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Store the message and answer like a mail provider."""
        content = envelope.content
        name = self.store.keep(
            content if isinstance(content, bytes) else (content or "").encode(),
            sender=envelope.mail_from or "",
            recipients=envelope.rcpt_tos,
            at=clock.now(),
        )
        sys.stdout.write(f"stored {name}\n")
        return f"250 stored as {name}"


def main() -> None:
    """Serve SMTP on MAILBOX_SMTP_PORT and the page on MAILBOX_PORT."""
    store = Store(Path(os.environ.get("RELANCE_HOME", ".relance")) / "mailbox")
    address = os.environ.get("BIND_ADDRESS", "127.0.0.1")
    smtp = smtp_server(store, address, int(os.environ.get("MAILBOX_SMTP_PORT", "1025")))
    smtp.start()
    page = page_server(store, address, int(os.environ.get("MAILBOX_PORT", "8025")))
    Thread(target=page.serve_forever, daemon=True).start()
    wait_for_signal()
    page.shutdown()
    smtp.stop()


def smtp_server(store: Store, address: str, port: int) -> Controller:
    """Return the SMTP server. It is not started."""
    return Controller(
        StoringHandler(store), hostname=address, port=port, data_size_limit=LARGEST_MESSAGE, ident="mailbox"
    )


def page_server(store: Store, address: str, port: int) -> ThreadingHTTPServer:
    """Return the web server. It is bound, but does not serve yet."""
    return ThreadingHTTPServer((address, port), type("StoreHandler", (Handler,), {"store": store}))


def wait_for_signal() -> None:
    """Wait for SIGTERM or SIGINT."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    sys.stdout.flush()
