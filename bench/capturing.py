"""Capture leads at a steady rate while something else is measured."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from bench.application import lead_body
from bench.web import HOST

PER_SECOND = 10
_numbers = count(5_000_000)  # of persons that no other load has


class CaptureFailed(Exception):
    """A lead was not created."""


@dataclass(frozen=True)
class Captures:
    """Leads to capture: the port of the web server, the token of a user, and the source."""

    port: int
    token: str
    source_id: str


@contextmanager
def capturing(captures: Captures) -> Iterator[None]:
    """Capture leads until the block ends, one after the other on one connection. Raises CaptureFailed at its end."""
    ended, answers = threading.Event(), list[str]()
    sender = threading.Thread(target=_capture, args=(captures, ended, answers))
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()
    if not answers or answers[-1] != "201":
        raise CaptureFailed(answers[-1] if answers else "no lead was sent")


def _capture(captures: Captures, ended: threading.Event, answers: list[str]) -> None:
    """Send leads, and note the status of each answer. The first other than 201 is noted with its text, and ends it."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {captures.token}"}
    connection = http.client.HTTPConnection(HOST, captures.port, timeout=30)
    started = time.monotonic()
    for sent, number in enumerate(_numbers):
        if ended.wait(max(started + sent / PER_SECOND - time.monotonic(), 0)):
            break
        connection.request("POST", "/api/leads", json.dumps(lead_body(number, captures.source_id)), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        answers.append("201" if answer.status == http.client.CREATED else f"{answer.status}: {text[:500]}")
        if answers[-1] != "201":
            break
    connection.close()
