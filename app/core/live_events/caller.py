"""The caller of a stream, as the API describes it to the process that writes the stream.

The two processes talk over a Unix socket: the API sends the description as one line of JSON and gets one line back.
After `ACCEPTED` it sends the HTTP head of the response together with the client's socket (SCM_RIGHTS).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from app.config import get_settings

ACCEPTED: Final = b"accepted\n"
PING: Final = b"ping\n"  # asks only for `ACCEPTED`
FULL: Final = b"full\n"  # the caller has as many streams as allowed
MOST_STREAMS: Final = 5  # open streams of one user or API key
PATIENCE: Final = 2.0  # seconds that one process waits for the other


def socket_path() -> str:
    """Return the path of the Unix socket: STREAM_SOCKET, by default in the data folder."""
    settings = get_settings()
    return settings.stream_socket or str((settings.relance_home / "stream.sock").absolute())


@dataclass(frozen=True, slots=True)
class StreamCaller:
    """A caller who may open a stream, and what they may see.

    `permissions` maps the needed permissions to their scope: `all`, or a narrower one. `colleagues` are the users
    whose leads are within a narrower scope. `expires_at` is the Unix time at which the stream is closed.
    """

    clinic_id: UUID
    expires_at: float
    permissions: Mapping[str, str]
    colleagues: frozenset[UUID] = frozenset()
    user_id: UUID | None = None
    api_key_id: UUID | None = None
    sign_in_id: UUID | None = None
    stands_for: UUID | None = None
    role: str | None = None
    last_event_id: str | None = None

    def to_line(self) -> bytes:
        """Return the description as one line of JSON."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return orjson.dumps({**values, "colleagues": list(self.colleagues)}) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "StreamCaller":
        """Read a description. Raises ValueError, TypeError."""
        values: dict[str, Any] = orjson.loads(line)
        for name in ("clinic_id", "user_id", "api_key_id", "sign_in_id", "stands_for"):
            values[name] = UUID(values[name]) if values[name] else None
        return cls(**{**values, "colleagues": frozenset(map(UUID, values["colleagues"]))})

    def matches(self, order: Mapping[str, str]) -> bool:
        """Whether a closing order is about this caller: all of its values are the caller's."""
        return all(str(getattr(self, name)) == value for name, value in order.items())

    @property
    def counted_as(self) -> UUID | None:
        """Return the user or API key whose open streams are counted."""
        return self.user_id or self.api_key_id
