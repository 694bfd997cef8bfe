"""Make the calls of several endpoints at the same time, for a limited time.

Each thread of this process keeps its connections open. A slow endpoint takes only its own threads, and an endpoint
that fails gets no further call of its batch.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import zip_longest
from typing import Final, NamedTuple
from uuid import UUID

from app import clock
from app.config import get_settings
from app.core.http_client.client import NoResponse, NotSent, Response
from app.core.http_client.kept_connections import KeptConnections
from app.core.http_client.retry_after import read_retry_after
from app.core.http_client.signing import sign
from app.core.http_client.targets import NotAllowed, Unresolved
from app.messaging.webhooks.retries import MAX_RETRY_AFTER, PAUSE_AFTER

THREADS: Final = 32
THREADS_PER_ENDPOINT: Final = 16
POSTING_SECONDS: Final = 5.0  # after this time no call begins
MAX_RESPONSE_LENGTH: Final = 500  # characters of an answer that are stored
GONE: Final = 410


class Post(NamedTuple):
    """One call. `id` is the id of the delivery, and the `webhook-id`."""

    id: UUID
    body: bytes


class Posts(NamedTuple):
    """The calls to one endpoint, in order, and the secrets that sign them."""

    url: str
    secrets: tuple[str, ...]
    posts: Sequence[Post]


class Answer(NamedTuple):
    """The answer to one call, or the error. Without a status no answer came."""

    id: UUID
    at: datetime
    duration_ms: int
    status: int | None = None
    response: str | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Whether the endpoint took the event."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004


def post_all(batches: Sequence[Posts]) -> list[list[Answer]]:
    """Make the calls of all batches. Returns the answers of each batch; calls that were not made have none.

    It returns after POSTING_SECONDS and the time of one call, at the latest.
    """
    until = time.monotonic() + POSTING_SECONDS
    runs = [_Run(batch, until) for batch in batches]
    started = [_pool(os.getpid()).submit(run.work) for run in _in_turns(runs)]
    wait(started, timeout=get_settings().soft_time_limit * 0.9)  # a DNS lookup may take longer
    _raise_errors(started)
    return [run.take_answers() for run in runs]


def _in_turns(runs: Sequence["_Run"]) -> Iterator["_Run"]:
    """Yield each run once for each of its threads, in turn, so that no endpoint takes all threads first."""
    threads = [[run] * min(len(run.batch.posts), THREADS_PER_ENDPOINT) for run in runs]
    for turn in zip_longest(*threads):
        yield from (run for run in turn if run is not None)


def _raise_errors(started: Sequence["Future[None]"]) -> None:
    for one in started:
        if one.done():
            one.result()
        else:
            one.cancel()


class _Run:
    """The calls to one endpoint. Its threads take them in order."""

    def __init__(self, batch: Posts, until: float) -> None:
        self.batch = batch
        self._until = until
        self._lock = threading.Lock()
        self._next = iter(batch.posts)
        self._answers: list[Answer] = []
        self._failures = 0  # consecutive

    def work(self) -> None:
        """Make calls until none is left, the time is over, or the endpoint fails."""
        while post := self._take():
            self._add(_call(self.batch, post))

    def take_answers(self) -> list[Answer]:
        """Return the answers, and take no further ones."""
        with self._lock:
            answers, self._answers, self._until = self._answers, [], 0.0
        return answers

    def _take(self) -> Post | None:
        with self._lock:
            if self._failures >= PAUSE_AFTER or time.monotonic() > self._until:
                return None
            return next(self._next, None)

    def _add(self, answer: Answer) -> None:
        with self._lock:
            self._answers.append(answer)
            self._failures = 0 if answer.is_success else self._failures + 1


def _call(batch: Posts, post: Post) -> Answer:
    at, begun = clock.now(), time.monotonic()
    headers = {"Content-Type": "application/json", **sign(batch.secrets, str(post.id), post.body, at=at)}
    error, answer = None, None
    try:
        answer = _connections().post(batch.url, post.body, headers)
    except Unresolved:
        error = "the host of the URL is not found"
    except NotAllowed as refusal:
        error = f"the URL {refusal}"
    except NotSent as failed:
        error = f"no connection: {failed}"
    except NoResponse as failed:
        error = f"no answer: {failed}"
    duration = round((time.monotonic() - begun) * 1000)
    return Answer(post.id, at, duration, error=error) if answer is None else _read(post.id, at, duration, answer)


def _read(post_id: UUID, at: datetime, duration: int, answer: Response) -> Answer:
    text = answer.body.decode(errors="replace").replace("\x00", "")[:MAX_RESPONSE_LENGTH]
    retry_after = read_retry_after(answer.headers.get("retry-after", ""), most=MAX_RETRY_AFTER)
    return Answer(post_id, at, duration, answer.status, text, retry_after=retry_after)


_local = threading.local()


def _connections() -> KeptConnections:
    """Return the open connections of this thread."""
    if not hasattr(_local, "connections"):
        _local.connections = KeptConnections()
    found: KeptConnections = _local.connections
    return found


@lru_cache(maxsize=1)
def _pool(_pid: int) -> ThreadPoolExecutor:
    """Return the threads of this process. A forked child makes its own."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="webhooks")
