"""Twilio and the WhatsApp Cloud API on this machine, as their documentation describes them.

with TextProvider() as provider:      # OUTGOING_ALLOW names it
    provider.refuse(21211, "The 'To' number is not valid.")     # from now on
    provider.busy(429, "30")
    provider.hang()                   # accepts calls, without an answer until `provider.hang_up()`
    provider.calls                    # the accepted and refused messages, in the provider's own terms
"""

import json
import ssl
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.support.smtp_conversation import TLS

ACCOUNT_SID = "AC00000000000000000000000000000001"
AUTH_TOKEN = "eleven blue bicycles"
PHONE_NUMBER_ID = "106540352242922"
ACCESS_TOKEN = "EAAG-token"
_numbers = count(1)


@dataclass
class TextProvider:
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
        twilio = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
        self._server.expect_request(twilio, method="POST").respond_with_handler(self._take_form)
        self._server.expect_request(f"/{PHONE_NUMBER_ID}/messages", method="POST").respond_with_handler(self._take_json)
        self._server.start()
        self._free = threading.Event()
        self._free.set()
        self._refusal: tuple[int, str, int] | None = None
        self._busy: tuple[int, str] | None = None
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._server.clear()
        self._server.stop()

    @property
    def place(self) -> str:
        """Host and port, as in OUTGOING_ALLOW."""
        return f"127.0.0.1:{self._server.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    def refuse(self, code: int, words: str, *, status: int = 400) -> None:
        self._refusal = (code, words, status)

    def busy(self, status: int, retry_after: str = "") -> None:
        self._busy = (status, retry_after)

    def reset(self) -> Self:
        """Forget the calls, and accept messages again."""
        self.calls.clear()
        self._refusal = self._busy = None
        self._free.set()
        return self

    def hang(self) -> None:
        self._free.clear()

    def hang_up(self) -> None:
        self._free.set()

    def _take_form(self, request: Request) -> Response:
        login = b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {login}":
            return _json({"code": 20003, "message": "Authenticate", "status": 401}, 401)
        self.calls.append(request.form.to_dict())
        if failure := self._failure():
            code, words, status, headers = failure
            return _json({"code": code, "message": words, "status": status}, status, headers)
        sid = f"SM{next(_numbers):032d}"
        return _json({"sid": sid, "status": "queued", "body": request.form.get("Body"), "error_code": None}, 201)

    def _take_json(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {ACCESS_TOKEN}":
            return _json({"error": {"message": "Invalid OAuth access token", "code": 190}}, 401)
        given = json.loads(request.get_data())
        self.calls.append(given)
        if failure := self._failure():
            code, words, status, headers = failure
            error = {"message": f"(#{code}) Failed", "code": code, "error_data": {"details": words}}
            return _json({"error": error}, status, headers)
        messages = [{"id": f"wamid.{next(_numbers)}"}]
        contacts = [{"input": given["to"], "wa_id": given["to"]}]
        return _json({"messaging_product": "whatsapp", "contacts": contacts, "messages": messages}, 200)

    def _failure(self) -> tuple[int, str, int, dict[str, str]] | None:
        self._free.wait(30)
        if self._busy:
            status, retry_after = self._busy
            return 20429, "Too many requests", status, {"Retry-After": retry_after} if retry_after else {}
        return (*self._refusal, {}) if self._refusal else None


@dataclass
class FileServer:
    """A server with one file, by https. SSL_CERT_FILE must name AUTHORITY, and OUTGOING_ALLOW its place."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(TLS / "server.pem")
        self._server = HTTPServer(host="127.0.0.1", port=0, ssl_context=tls)
        self._server.expect_request("/smile", method="HEAD").respond_with_handler(lambda _: self._describe())
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.clear()
        self._server.stop()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._server.port}"

    @property
    def url(self) -> str:
        return f"https://{self.place}/smile"

    def _describe(self) -> Response:
        response = Response(status=self.status, headers=self.headers)
        response.automatically_set_content_length = False
        return response

    def describe(self, status: int, **headers: str) -> None:
        """Answer this from now on. Underscores in the names of headers become hyphens."""
        self.status, self.headers = status, {name.replace("_", "-"): value for name, value in headers.items()}


def _json(body: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, mimetype="application/json")
