"""Web page of the mailbox: message list, message text with a form for an answer, raw file, and the list as JSON."""

import json
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from app import clock
from app.ops.mailbox.answers import NoInbox, deliver_answer
from app.ops.mailbox.inboxes import Inboxes
from app.ops.mailbox.store import Message, Store

PAGE_LIMIT = 200
JSON_LIMIT = 1000
STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .4rem .6rem; }
tr { border-bottom: 1px solid #dde3ea; } a { color: #0b63b0; } time, .empty { color: #5b6878; }
textarea { width: 100%; font: inherit; } button { font: inherit; padding: .3rem 1rem; }
pre { white-space: pre-wrap; background: #f5f7f9; padding: 1rem; border-radius: .4rem; }
"""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # without it, the form would be sent with the origin `null`
    "Cache-Control": "no-store",
}
LARGEST_FORM = 100_000  # bytes
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response."""

    body: str | bytes
    kind: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


NOT_FOUND = Response("message not found\n", "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND)
NOT_LOCAL = Response("open this page by its local address\n", "text/plain; charset=utf-8", HTTPStatus.FORBIDDEN)


def answer(store: Store, path: str) -> Response:
    """Return the response for a path."""
    if path == "/":
        return Response(list_page(store.newest(PAGE_LIMIT)))
    if path == "/messages.json":
        return Response(json.dumps([m.as_json() for m in store.newest(JSON_LIMIT)]), "application/json")
    if path == "/style.css":
        return Response(STYLE, "text/css; charset=utf-8")
    name = path.removeprefix("/messages/")
    if name.endswith(".eml") and (content := store.raw(name.removesuffix(".eml"))) is not None:
        return Response(content, "text/plain; charset=utf-8")
    message = store.read(name)
    return Response(message_page(message)) if message else NOT_FOUND


def list_page(messages: list[Message]) -> str:
    """Return the list of messages, newest first."""
    if not messages:
        return layout("Mailbox", "<p class=empty>No mail yet. Messages sent by Relance appear here.</p>")
    rows = "".join(
        f"<tr><td><time>{escape(m.received_at)}</time><td>{escape(', '.join(m.recipients))}"
        f'<td><a href="/messages/{m.id}">{escape(m.subject) or "(no subject)"}</a>'
        for m in messages
    )
    return layout("Mailbox", f"<table><tr><th>Received<th>To<th>Subject{rows}</table>")


def message_page(message: Message) -> str:
    """Return one message as text. Its markup is escaped."""
    fields = {
        "From": message.sender,
        "To": ", ".join(message.recipients),
        "Received": message.received_at,
        "Message-ID": message.message_id,
    }
    rows = "".join(f"<tr><th>{name}<td>{escape(value)}" for name, value in fields.items())
    links = f'<p><a href="/">All messages</a> · <a href="/messages/{message.id}.eml">Raw message</a>'
    form = (
        f'<h2>Answer</h2><form method=post action="/messages/{message.id}/answer">'
        '<p><textarea name=text rows=4 required aria-label="Answer"></textarea>'
        "<p><button>Answer as the recipient</button></form>"
    )
    return layout(message.subject, f"<table>{rows}</table><pre>{escape(message.text)}</pre>{form}{links}")


def post_answer(store: Store, inboxes: Inboxes, path: str, form: bytes) -> Response:
    """Put an answer to a message into an inbox, and say which."""
    name = path.removeprefix("/messages/").removesuffix("/answer")
    content = store.raw(name) if path.endswith("/answer") else None
    if content is None:
        return NOT_FOUND
    text = "".join(parse_qs(form.decode(errors="replace")).get("text", []))
    try:
        address = deliver_answer(inboxes, content, text, at=clock.now())
    except NoInbox as refusal:
        return Response(f"{refusal}\n", "text/plain; charset=utf-8", HTTPStatus.UNPROCESSABLE_ENTITY)
    back = f'<p>The answer is in the inbox of {escape(address)}. <a href="/messages/{name}">Back to the message</a>'
    return Response(layout("Answer sent", back))


def layout(title: str, body: str) -> str:
    """Wrap a page's content."""
    return (
        '<!doctype html><html lang=en><meta charset=utf-8><link rel=stylesheet href="/style.css">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1>{body}</html>\n"
    )


class Handler(BaseHTTPRequestHandler):
    """Handle requests from this machine."""

    store: Store  # set by the subclass in `page_server`
    inboxes: Inboxes

    def do_GET(self) -> None:
        """Response only local host names, as a protection against DNS rebinding."""
        self._send(answer(self.store, urlsplit(self.path).path) if self._is_local() else NOT_LOCAL)

    def do_POST(self) -> None:
        """Answer a message. Forms of other sites are refused."""
        size = min(int(self.headers.get("Content-Length") or 0), LARGEST_FORM)
        form, path = self.rfile.read(size), urlsplit(self.path).path
        self._send(post_answer(self.store, self.inboxes, path, form) if self._is_local() else NOT_LOCAL)

    def _is_local(self) -> bool:
        """Whether host and origin of the request are this machine."""
        host, origin = self.headers.get("Host") or "", self.headers.get("Origin")
        places = [host] if origin is None else [host, urlsplit(origin).netloc]
        return all((place.rpartition(":")[0] or place) in LOCAL_NAMES for place in places)

    def version_string(self) -> str:
        """Hide the language and its version."""
        return "mailbox"

    def _send(self, reply: Response) -> None:
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.kind, "Content-Length": str(len(body)), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""
