"""The token server of Microsoft on this machine, as its documentation describes the client credentials flow.

with TokenServer(token="…") as microsoft:     # MICROSOFT_LOGIN_URL and OUTGOING_ALLOW name it
    microsoft.calls                           # the forms that arrived
    microsoft.refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided. …")
"""

import json
from dataclasses import dataclass, field
from typing import Any, Self

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

TENANT, CLIENT_ID, SECRET = "clinic.example", "6731de76-14a6-49ae-97bc-6eba6914391e", "twelve green umbrellas"
SCOPE = "https://outlook.office365.com/.default"


@dataclass
class TokenServer:
    token: str
    expires_in: int = 3599
    calls: list[dict[str, Any]] = field(default_factory=list)
    refusal: tuple[int, dict[str, Any]] | None = None

    def __enter__(self) -> Self:
        self._server = HTTPServer(host="127.0.0.1", port=0)
        path = f"/{TENANT}/oauth2/v2.0/token"
        self._server.expect_request(path, method="POST").respond_with_handler(self._answer)
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
        return f"http://{self.place}"

    def refuse(self, status: int, error: str, words: str) -> None:
        self.refusal = status, {"error": error, "error_description": words}

    def _answer(self, request: Request) -> Response:
        form = request.form.to_dict()
        self.calls.append(form)
        wanted = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "scope": SCOPE}
        if self.refusal is None and form == {**wanted, "client_secret": SECRET}:
            given = {"token_type": "Bearer", "expires_in": self.expires_in, "access_token": self.token}
            return Response(json.dumps(given), mimetype="application/json")
        status, body = self.refusal or (401, {"error": "invalid_client", "error_description": f"AADSTS1: {form}"})
        return Response(json.dumps(body), status, mimetype="application/json")
