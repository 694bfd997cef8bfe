"""Clients of live updates in one process: they open streams, and measure how long events take to reach them.

Run as `python -m bench.live_clients`, it reads its task from standard input: `port`, `tokens`, `per_token` and
`requests`, which it posts one after the other, `pause` seconds apart. It prints one line when all streams are open and
one with the figures. An empty list of requests keeps the streams open until standard input ends.
"""

import json
import resource
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from typing import Any

from bench.figures import percentile
from bench.load import http_request

HOST = "127.0.0.1"
PATIENCE = 60.0
SETTLING = 2.0  # seconds that the last events may take


def open_streams(port: int, tokens: Sequence[str], per_token: int) -> list[socket.socket]:
    """Open the streams, and return their sockets when each is ready."""
    streams = []
    for token in tokens:
        for _ in range(per_token):
            stream = socket.create_connection((HOST, port), timeout=PATIENCE)
            headers = {"Authorization": f"Bearer {token}"}
            stream.sendall(http_request("GET", "/api/stream", headers=headers).encode())
            head = b""
            while b"event: ready" not in head:
                chunk = stream.recv(65_536)
                if not chunk or b" 200 " not in (head + chunk)[:20]:
                    raise ConnectionError((head + chunk)[:500].decode())
                head += chunk
            stream.setblocking(False)
            streams.append(stream)
    return streams


def measure(streams: Sequence[socket.socket], task: dict[str, Any]) -> dict[str, float]:
    """Post each lead, and time the arrival of its event on every stream after the answer. Returns milliseconds."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        connection = HTTPConnection(HOST, task["port"], timeout=PATIENCE)
        answered: dict[bytes, float] = {}
        delays: list[float] = []
        for body in task["requests"]:
            connection.request("POST", "/api/leads", body=body, headers=task["headers"])
            lead = json.loads(connection.getresponse().read())["id"].encode()
            answered[lead] = time.perf_counter()
            _receive(selector, answered, delays, seconds=task["pause"])
        _receive(selector, answered, delays, seconds=SETTLING)
    return {
        "received": len(delays) / (len(streams) * len(answered)),
        "p50": percentile(delays, 50),
        "p99": percentile(delays, 99),
    }


def _receive(
    selector: selectors.BaseSelector, answered: dict[bytes, float], delays: list[float], *, seconds: float
) -> None:
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:
        for key, _ in selector.select(left):
            chunk = key.fileobj.recv(262_144)  # type: ignore[union-attr]
            at = time.perf_counter()
            for event in chunk.split(b"\n\n"):
                if b"event: lead.changed" in event:
                    delays += [max(0.0, at - answered[lead]) * 1000 for lead in answered if lead in event]


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    task = json.loads(sys.stdin.readline())
    streams = open_streams(task["port"], task["tokens"], task["per_token"])
    print(json.dumps(len(streams)), flush=True)
    if task["requests"]:
        print(json.dumps(measure(streams, task)), flush=True)
    else:
        sys.stdin.read()


if __name__ == "__main__":
    main()
