"""A small HTTP load generator with raw keep-alive sockets in one process, so that it uses little CPU.

Each client sends its next request as soon as it has the answer to its last. Used through `measure`; run as
`python -m bench.load` it reads a load from standard input and prints what it measured.
"""

import dataclasses
import json
import re
import selectors
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from bench.figures import percentile
from bench.processes import python, run

ANSWER_SECONDS = 30.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class BadAnswer(Exception):
    """The server responded with another status than 2xx, closed the connection, or did not respond."""


@dataclass(frozen=True)
class Load:
    """Complete HTTP requests (see `http_request`), the number of clients, and the number of warm-up requests."""

    host: str
    port: int
    requests: Sequence[str]
    clients: int = 16
    warm_up: int = 200


@dataclass(frozen=True)
class Measured:
    """Requests per second and latencies in milliseconds, without the warm-up."""

    per_second: float
    p50: float
    p95: float
    p99: float


def http_request(method: str, path: str, *, headers: Mapping[str, str], body: str = "") -> str:
    """Return the bytes of one HTTP/1.1 request."""
    length = {"Content-Length": str(len(body.encode()))} if body else {}
    lines = [f"{name}: {value}" for name, value in {"Host": "bench", **headers, **length}.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", body])


def measure(load: Load, *, timeout: float = 300) -> Measured:
    """Run the load in a separate process."""
    printed = run(python("-m", "bench.load"), env={}, stdin=json.dumps(dataclasses.asdict(load)), timeout=timeout)
    return Measured(**json.loads(printed))


@dataclass
class _Client:
    socket: socket.socket
    sent_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        self.received.clear()
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def has_whole_answer(self) -> bool:
        """Read available bytes. Returns True when the response is complete. Raises BadAnswer (when it is not 2xx)."""
        chunk = self._receive()
        self.received += chunk
        head_end = self.received.find(b"\r\n\r\n")
        if not chunk or (head_end > 0 and self.received[9:10] != b"2"):
            raise BadAnswer(bytes(self.received[:600]).decode(errors="replace") or "the server hung up")
        length = LENGTH.search(self.received, 0, head_end) if head_end > 0 else None
        return length is not None and len(self.received) >= head_end + 4 + int(length[1])

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 18)
        except ConnectionError as broken:
            raise BadAnswer(f"the connection broke: {broken}") from broken


def _send_all(load: Load) -> Measured:
    requests = iter([request.encode() for request in load.requests])
    latencies = []
    finished_at = []
    for latency in _answers(load, requests):
        latencies.append(latency * 1000)
        finished_at.append(time.perf_counter())
    measured = latencies[load.warm_up :]
    seconds = finished_at[-1] - finished_at[load.warm_up - 1]
    return Measured(len(measured) / seconds, *(percentile(measured, percent) for percent in (50, 95, 99)))


def _answers(load: Load, requests: Iterator[bytes]) -> Iterator[float]:
    """Keep all clients busy until no requests are left. Yields the latency of each response, in seconds."""
    with selectors.DefaultSelector() as selector:
        for request in islice(requests, load.clients):
            client = _Client(socket.create_connection((load.host, load.port), timeout=ANSWER_SECONDS))
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send(request)
        while selector.get_map():
            ready = selector.select(ANSWER_SECONDS)
            if not ready:
                raise BadAnswer(f"no answer within {ANSWER_SECONDS:.0f} s")
            for key, _ in ready:
                if key.data.has_whole_answer():
                    yield time.perf_counter() - key.data.sent_at
                    _go_on(key.data, requests, selector)


def _go_on(client: _Client, requests: Iterator[bytes], selector: selectors.BaseSelector) -> None:
    request = next(requests, None)
    if request is not None:
        client.send(request)
        return
    selector.unregister(client.socket)
    client.socket.close()


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(_send_all(Load(**json.load(sys.stdin))))))
