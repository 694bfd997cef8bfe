"""Clients of `GET /api/stream`.

with LiveClient.open(server.url, caller.token) as client: client.next("lead.changed").ids
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

PATIENCE = 60  # seconds


@dataclass(frozen=True)
class Received:
    """One server-sent event. `id` is the last id that the client has seen with it."""

    kind: str
    data: dict[str, Any]
    id: str

    @property
    def ids(self) -> list[str]:
        ids: list[str] = self.data["ids"]
        return ids

    @property
    def lead_ids(self) -> list[str]:
        lead_ids: list[str] = self.data["lead_ids"]
        return lead_ids


@dataclass
class LiveClient:
    """An open stream. It reads as the specification of server-sent events says."""

    response: httpx.Response
    last_id: str = ""
    _closing: ExitStack = field(default_factory=ExitStack)
    _events: Iterator[Received] = field(init=False)

    def __post_init__(self) -> None:
        self._events = self._parse()

    @classmethod
    def open(cls, url: str, token: str, *, after: str | None = None) -> Self:
        """Open a stream; `after` is the Last-Event-ID. An error is in `response`."""
        headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": after} if after else {})}
        closing = ExitStack()
        client = closing.enter_context(httpx.Client(timeout=PATIENCE))
        response = closing.enter_context(client.stream("GET", f"{url}/api/stream", headers=headers))
        return cls(response, _closing=closing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._closing.close()

    def next(self, *kinds: str) -> Received:
        """Return the next event, of one of these kinds if any are given."""
        return next(one for one in self._events if not kinds or one.kind in kinds)

    def until(self, lead_id: str) -> list[Received]:
        """Return the events up to the first one about this lead."""
        seen: list[Received] = []
        for one in self._events:
            seen.append(one)
            if lead_id in one.data.get("lead_ids", []):
                return seen
        raise AssertionError(f"the stream ended without the lead: {seen}")

    def rest(self) -> list[Received]:
        """Return the events until the server closes the stream."""
        return list(self._events)

    def _parse(self) -> Iterator[Received]:
        kind, data = "message", ""
        for line in self.response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                data = value
            elif name == "id":
                self.last_id = value
            elif not line and data:
                yield Received(kind, json.loads(data), self.last_id)
                kind, data = "message", ""
