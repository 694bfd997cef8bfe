"""Web page of the echo gateway: the received calls, newest first."""

import json
from collections.abc import Sequence
from html import escape
from typing import Final

from app.ops.echo.receiver import Call
from app.ops.mailbox.page import layout

TITLE: Final = "Echo gateway"
EMPTY: Final = "<p class=empty>No calls yet. Messages and webhooks that Relance sends to the gateways appear here.</p>"


def calls_page(calls: Sequence[Call]) -> str:
    """Return the page. Content of the calls is escaped."""
    if not calls:
        return layout(TITLE, EMPTY)
    rows = "".join(_row(call) for call in calls)
    return layout(TITLE, f"<table><tr><th>Received<th>Purpose<th>Id<th>Body{rows}</table>")


def _row(call: Call) -> str:
    body = escape(json.dumps(call.body, indent=1, ensure_ascii=False))
    again = f" ({call.tries} times)" if call.tries > 1 else ""
    return (
        f"<tr><td><time>{escape(call.received_at)}</time><td>{escape(call.purpose)}{again}"
        f"<td>{escape(call.id)}<td><pre>{body}</pre>"
    )
