"""A gateway: a real HTTP server on this machine with scripted answers. It stores the calls that it receives.

with Gateway() as gateway:            # OUTGOING_ALLOW names it
    gateway.answer(503, {"Retry-After": "30"})      # from now on
    gateway.hang()                    # accepts calls, without an answer until `gateway.hang_up()`
    gateway.calls                     # the received calls
"""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from app.clock import now
from app.core.http_client import signing


@dataclass(frozen=True)
class Call:
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["Webhook-Id"]

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        try:
            return signing.verify([secret], {k.lower(): v for k, v in self.headers.items()}, self.body, now=now()) != ""
        except signing.WrongSignature:
            return False


@dataclass
class Gateway:
    calls: list[Call] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = HTTPServer(host="127.0.0.1", port=0, threaded=True)
        self._server.expect_request("/send").respond_with_handler(self._take)
        self._server.start()
        self._free = threading.Event()
        self._free.set()
        self._script: Callable[[Call], int] | None = None
        self.answer(200)
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self.stop()

    @property
    def place(self) -> str:
        """Host and port, as in OUTGOING_ALLOW."""
        return f"127.0.0.1:{self._server.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}/send"

    def answer(self, status: int, headers: Mapping[str, str] | None = None, body: bytes | str = b"") -> None:
        self._answer = (status, dict(headers or {}), body)

    def answer_by(self, script: Callable[[Call], int]) -> None:
        """Answer each call with the status that the script returns."""
        self._script = script

    def hang(self) -> None:
        self._free.clear()

    def hang_up(self) -> None:
        self._free.set()

    def stop(self) -> None:
        """Stop the HTTP server."""
        if self._server.is_running():
            self._server.clear()
            self._server.stop()

    def _take(self, request: Request) -> Response:
        call = Call(dict(request.headers), request.get_data())
        self.calls.append(call)
        self._free.wait(30)
        if self._script is not None:
            return Response(b"", self._script(call))
        status, headers, body = self._answer
        return Response(body, status, headers)
