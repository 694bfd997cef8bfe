"""HTTP server of the echo gateway. It runs until a signal."""

import json
import os
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import httpx

from app.ops.echo.keys import PATHS
from app.ops.echo.page import calls_page
from app.ops.echo.receiver import Receiver, lower_names
from app.ops.embedded.ports import LOOPBACK
from app.ops.mailbox.page import HEADERS, LOCAL_NAMES, NOT_LOCAL, STYLE, Response
from app.ops.mailbox.server import wait_for_signal
from app.ops.stack.addresses import echo_port, port_of

LARGEST_BODY = 1_000_000  # bytes
TEXT = "text/plain; charset=utf-8"


def main() -> None:
    """Serve on ECHO_PORT, and report to the API of the same stack."""
    receiver = Receiver(f"http://{LOOPBACK}:{port_of('web')}")
    server = echo_server(receiver, os.environ.get("BIND_ADDRESS", LOOPBACK), echo_port())
    Thread(target=server.serve_forever, daemon=True).start()
    wait_for_signal()
    server.shutdown()


def echo_server(receiver: Receiver, address: str, port: int) -> ThreadingHTTPServer:
    """Return the web server. It is bound, but does not serve yet."""
    return ThreadingHTTPServer((address, port), type("EchoHandler", (Handler,), {"receiver": receiver}))


class Handler(BaseHTTPRequestHandler):
    """Handle calls of Relance (POST /messages, /webhooks) and of the developer (GET /, POST /report)."""

    receiver: Receiver  # set by the subclass in `echo_server`

    def do_GET(self) -> None:
        """Show the calls, as a page or as JSON. Only for local host names, as a protection against DNS rebinding."""
        path = urlsplit(self.path).path
        pages = {
            "/": lambda: Response(calls_page(list(self.receiver.calls))),
            "/calls.json": lambda: Response(
                json.dumps([call.as_json() for call in self.receiver.calls]), "application/json"
            ),
            "/style.css": lambda: Response(STYLE, "text/css; charset=utf-8"),
        }
        if not self._is_local():
            self._send(NOT_LOCAL)
        else:
            self._send(pages[path]() if path in pages else _status(HTTPStatus.NOT_FOUND))

    def do_POST(self) -> None:
        """Receive a call, or report the status that the developer asks for."""
        size = int(self.headers.get("Content-Length") or 0)
        if size > LARGEST_BODY:
            self.close_connection = True
            self._send(_status(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            return
        body = self.rfile.read(size)
        purpose = PATHS.get(self.path)
        if purpose:
            self._send(_status(self.receiver.receive(purpose, lower_names(dict(self.headers)), body)))
        elif self.path == "/report" and self._is_local() and self.headers.get("Content-Type") == "application/json":
            self._send(_status(self._report(body)))
        else:
            self._send(_status(HTTPStatus.NOT_FOUND))

    def _report(self, body: bytes) -> HTTPStatus:
        try:
            return self.receiver.report(json.loads(body))
        except (ValueError, TypeError):
            return HTTPStatus.BAD_REQUEST
        except httpx.HTTPError:
            return HTTPStatus.BAD_GATEWAY

    def _is_local(self) -> bool:
        return ((self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host")) in LOCAL_NAMES

    def version_string(self) -> str:
        """Hide the language and its version."""
        return "echo"

    def _send(self, reply: Response) -> None:
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.kind, "Content-Length": str(len(body)), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


def _status(status: HTTPStatus) -> Response:
    return Response(f"{status.phrase}\n", TEXT, status)
