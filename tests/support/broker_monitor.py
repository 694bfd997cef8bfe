"""All commands that the broker receives, read with MONITOR.

with BrokerMonitor(valkey) as monitor: ...;  monitor.commands    # the parts of each command, in order
with BrokerMonitor(valkey, repeat=2): ...                        # each message is copied twice
monitor.text()                                                   # all commands, with decoded message bodies
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
class BrokerMonitor:
    """Records commands while the context is open."""

    valkey: Valkey
    repeat: int = 0
    commands: list[list[str]] = field(default_factory=list)
    repeated: int = 0
    _copies: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(("127.0.0.1", self.valkey.port))
        self._socket.sendall(f"AUTH {self.valkey.password}\r\nMONITOR\r\n".encode())
        lines = self._socket.makefile("rb")
        assert [lines.readline(), lines.readline()] == [b"+OK\r\n"] * 2
        self._thread = Thread(target=self._listen, args=[lines], daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def text(self) -> str:
        """Return all commands as text, with decoded message bodies."""
        return readable("\n".join(" ".join(parts) for parts in self.commands))

    def _listen(self, lines: Any) -> None:
        with self.valkey.client() as client:
            for line in lines:
                parts = [_plain(part) for part in _PART.findall(line.decode())]
                self.commands.append(parts)
                if self.repeat and parts[0].upper() in {"LPUSH", "RPUSH"} and parts[1] in QUEUES:
                    self._copy(client, parts)

    def _copy(self, client: Redis, parts: list[str]) -> None:
        """Push copies with new delivery tags, as if the message were published repeatedly."""
        message = json.loads(parts[2])
        if message["properties"]["delivery_tag"] in self._copies:
            return
        for _ in range(self.repeat):
            message["properties"]["delivery_tag"] = tag = str(new_id())
            self._copies.add(tag)
            client.lpush(parts[1], json.dumps(message))
            self.repeated += 1


def readable(text: str) -> str:
    """Return the text, followed by the decoded message bodies in it."""
    return "\n".join([text, *(b64decode(body).decode(errors="replace") for body in _BODY.findall(text))])


def broker_contents(valkey: Valkey) -> str:
    """Return all keys of the broker with their values, as text."""
    with valkey.client() as client:
        contents = {key: _READ[client.type(key)](client, key) for key in client.scan_iter()}
    return readable("\n".join(f"{_plain_bytes(key)} {_plain_bytes(value)}" for key, value in contents.items()))


_READ: dict[bytes, Any] = {
    b"none": lambda client, key: b"",  # a worker took the key's last entry after the scan named it
    b"string": lambda client, key: client.get(key),
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"hash": lambda client, key: client.hgetall(key),
    b"set": lambda client, key: client.smembers(key),
    b"zset": lambda client, key: client.zrange(key, 0, -1),
    b"stream": lambda client, key: dict(client.xrange(key)),
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
