"""Minimal REST API client for the demo scenario."""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from app.core.type_aliases import JsonObject
from app.ops.embedded import CannotStart

TIMEOUT = 10  # seconds per request


@dataclass(frozen=True, slots=True)
class Client:
    """API client, signed in as one user."""

    http: httpx.Client

    @classmethod
    def sign_in(cls, api: str, email: str, password: str) -> Self:
        """Sign in and return the client. Raises CannotStart (when no API responses)."""
        client = cls(httpx.Client(base_url=api, timeout=TIMEOUT))
        try:
            tokens = client.post("/auth/login", {"email": email, "password": password})
        except httpx.TransportError as error:
            raise CannotStart(
                f"the API at {api} does not answer: start it with `make run` in another terminal"
            ) from error
        client.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return client

    def get(self, path: str, **query: str | int) -> Any:
        """Return the JSON of the response. Raises CannotStart (on an error response)."""
        return self._read(self.http.get(path, params=query))

    def post(self, path: str, body: JsonObject | None = None) -> Any:
        """Return the JSON of the response. Raises CannotStart (on an error response)."""
        return self._read(self.http.post(path, json=body))

    def _read(self, response: httpx.Response) -> object:
        if response.is_error:
            problem = response.json() if "json" in response.headers.get("Content-Type", "") else {}
            detail = problem.get("detail") or problem.get("title") or response.reason_phrase
            raise CannotStart(
                f"{response.request.method} {response.url.path} answered {response.status_code}: {detail}"
            )
        return response.json() if response.content else None
