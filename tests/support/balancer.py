"""A client that spreads its calls over several API servers, as a load balancer does."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any, Self

import httpx

THREADS = 4


class Balancer:
    """The servers that get calls, in turn. A server that is taken out gets no more; its calls are answered first."""

    def __init__(self, *urls: str) -> None:
        self._urls = list(urls)
        self._open: Counter[str] = Counter()
        self._turn = 0
        self._changed = threading.Condition()

    def add(self, url: str) -> None:
        """Send calls to this server too."""
        with self._changed:
            self._urls.append(url)

    def take_out(self, url: str) -> None:
        """Send no more calls to this server, and wait until those it has are answered."""
        with self._changed:
            self._urls.remove(url)
            self._changed.wait_for(lambda: not self._open[url], timeout=30)

    @contextmanager
    def server(self) -> Iterator[str]:
        """Yield the server for the next call."""
        with self._changed:
            self._turn += 1
            url = self._urls[self._turn % len(self._urls)]
            self._open[url] += 1
        try:
            yield url
        finally:
            with self._changed:
                self._open[url] -= 1
                self._changed.notify_all()


class SteadyCaptures:
    """Creates leads without a pause, with a few threads, until `stop` or the end of the `with` block."""

    def __init__(self, balancer: Balancer, token: str, source_id: str) -> None:
        self.statuses: Counter[int] = Counter()
        self.by_server: Counter[str] = Counter()
        self._balancer, self._token, self._source_id = balancer, token, source_id
        self._numbers, self._stopped, self._counts = count(), threading.Event(), threading.Lock()
        self._pool = ThreadPoolExecutor(THREADS)
        self._running = [self._pool.submit(self._capture) for _ in range(THREADS)]

    def stop(self) -> None:
        """Wait for the last answers. Raises what a call raised."""
        self._stopped.set()
        for one in self._running:
            one.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._pool.shutdown()

    def _capture(self) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {self._token}"}, timeout=30) as client:
            while not self._stopped.is_set():
                with self._balancer.server() as url:
                    answer = client.post(f"{url}/api/leads", json=self._lead(next(self._numbers)))
                with self._counts:
                    self.statuses[answer.status_code] += 1
                    self.by_server[url] += answer.is_success

    def _lead(self, number: int) -> dict[str, Any]:
        names = {"first_name": "Ana", "last_name": f"Number {number}", "email": f"lead-{number}@example.org"}
        return {**names, "source_id": self._source_id}
