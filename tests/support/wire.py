"""Everything that is said to the broker, as the broker itself hears it (MONITOR).

with Wire(valkey) as wire: ...;  wire.said             # each command as its parts, in order
with Wire(valkey, repeat=2): ...                       # every message arrives two times more
wire.text()                                            # all of it, with the bodies of messages decoded
"""

import json
import re
import socket
from base64 import b64decode
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Self

from redis import Redis

from app.core.db import new_id
from app.engine.broker import QUEUES
from app.ops.embedded import Valkey

_PART = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BODY = re.compile(r'"body": "([A-Za-z0-9+/=]+)"')


@dataclass
class Wire:
    """Listens from `with` on, until its end."""

    valkey: Valkey
    repeat: int = 0
    said: list[list[str]] = field(default_factory=list)
    repeated: int = 0
    _copies: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._line = socket.create_connection(("127.0.0.1", self.valkey.port))
        self._line.sendall(f"AUTH {self.valkey.password}\r\nMONITOR\r\n".encode())
        heard = self._line.makefile("rb")
        assert [heard.readline(), heard.readline()] == [b"+OK\r\n"] * 2
        self._thread = Thread(target=self._listen, args=[heard], daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._line.close()

    def text(self) -> str:
        """What was said, readable."""
        return readable("\n".join(" ".join(parts) for parts in self.said))

    def _listen(self, heard: Any) -> None:
        with self.valkey.client() as client:
            for line in heard:
                parts = [_plain(part) for part in _PART.findall(line.decode())]
                self.said.append(parts)
                if self.repeat and parts[0].upper() in {"LPUSH", "RPUSH"} and parts[1] in QUEUES:
                    self._say_again(client, parts)

    def _say_again(self, client: Redis, parts: list[str]) -> None:
        """Copies with a tag of their own, as of messages that were published more than once."""
        message = json.loads(parts[2])
        if message["properties"]["delivery_tag"] in self._copies:
            return
        for _ in range(self.repeat):
            message["properties"]["delivery_tag"] = tag = str(new_id())
            self._copies.add(tag)
            client.lpush(parts[1], json.dumps(message))
            self.repeated += 1


def readable(text: str) -> str:
    """The text, and after it what the bodies of the messages in it say."""
    return "\n".join([text, *(b64decode(body).decode(errors="replace") for body in _BODY.findall(text))])


def everything_in(valkey: Valkey) -> str:
    """All keys of the broker with what they hold, readable."""
    with valkey.client() as client:
        held = {key: _READ[client.type(key)](client, key) for key in client.scan_iter()}
    return readable("\n".join(f"{_plain_bytes(key)} {_plain_bytes(value)}" for key, value in held.items()))


_READ: dict[bytes, Any] = {
    b"string": lambda client, key: client.get(key),
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"hash": lambda client, key: client.hgetall(key),
    b"set": lambda client, key: client.smembers(key),
    b"zset": lambda client, key: client.zrange(key, 0, -1),
}


def _plain(part: str) -> str:
    return part.encode("latin1").decode("unicode_escape")


def _plain_bytes(value: Any) -> str:
    match value:
        case bytes():
            return value.decode(errors="replace").replace('\\"', '"')
        case dict():
            return " ".join(f"{_plain_bytes(k)} {_plain_bytes(v)}" for k, v in value.items())
        case list() | set():
            return " ".join(map(_plain_bytes, value))
    return str(value)
