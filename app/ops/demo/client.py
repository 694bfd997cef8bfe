"""The story's hands: a small client of the REST API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx

from app.ops.embedded import CannotStart

PATIENCE = 10  # seconds a call may take


@dataclass(frozen=True, slots=True)
class Client:
    """Signed in as one person."""

    http: httpx.Client

    @classmethod
    def sign_in(cls, api: str, email: str, password: str) -> Self:
        """Raises CannotStart where no API answers."""
        client = cls(httpx.Client(base_url=api, timeout=PATIENCE))
        try:
            tokens = client.post("/auth/login", {"email": email, "password": password})
        except httpx.TransportError as error:
            raise CannotStart(f"no API answers at {api}: start it with `make run` in another terminal") from error
        client.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return client

    def get(self, path: str, **query: str | int) -> Any:
        """The answer's JSON."""
        return self._read(self.http.get(path, params=query))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer's JSON."""
        return self._read(self.http.post(path, json=body))

    def _read(self, answer: httpx.Response) -> Any:
        if answer.is_error:
            problem = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
            detail = problem.get("detail") or problem.get("title") or answer.reason_phrase
            raise CannotStart(f"{answer.request.method} {answer.url.path} answered {answer.status_code}: {detail}")
        return answer.json() if answer.content else None
