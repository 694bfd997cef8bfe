"""CPU cost of parts of a capture or step: run with and without the part, in a process of Relance."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol
from unittest.mock import patch

from sqlalchemy.orm import Session

from app import clock, create_app
from app.core.db import insert_many, new_id, transaction
from app.engine import service
from app.engine.models import Kind
from app.leads.capture import capture
from app.leads.models import Lead
from app.security.encrypted_fields import encrypt_row
from bench.actions import create_task_step
from bench.application import MINUTE, lead_body, lead_rows
from bench.cpu import seconds_of
from workers.runner import run

BATCH_SIZE: Final = 100
WARM_UP: Final = 3


class Action(Protocol):
    """A measured action."""

    def prepare(self, count: int) -> Sequence[Any]:
        """Prepare this many actions. This is not measured."""

    def carry_out(self, prepared: Sequence[Any]) -> None:
        """Run the actions."""


def time_part(params: Mapping[str, Any]) -> dict[str, float]:
    """Return the CPU milliseconds of this process and PostgreSQL for each action, `with` and `without` the part.

    `params` has the `action` ("capture" or "step"), the `part` of it, the `clinic`, the number of `turns` of each, and
    `postgres`, the pid of the server.
    """
    action = {"capture": _Capture, "step": _Steps}[params["action"]](params["clinic"])
    for _ in range(WARM_UP):
        action.carry_out(action.prepare(BATCH_SIZE))
    spent = {"with": 0.0, "without": 0.0}
    for turn in range(2 * params["turns"]):
        has_part = turn % 4 in (0, 3)  # with, without, without, with: growing tables affect both alike
        with nullcontext() if has_part else WITHOUT[params["part"]]():
            spent["with" if has_part else "without"] += _cpu(action, params["postgres"])
    return {name: seconds * 1000 / params["turns"] / BATCH_SIZE for name, seconds in spent.items()}


def _cpu(action: Action, postgres: int) -> float:
    prepared = action.prepare(BATCH_SIZE)
    began = time.process_time() + seconds_of(postgres)
    action.carry_out(prepared)
    return time.process_time() + seconds_of(postgres) - began


def _without_decisions() -> AbstractContextManager[Any]:
    add_steps = service.add_steps

    def without(session: Session, rows: list[dict[str, Any]], *, event_rows: Sequence[Mapping[str, Any]] = ()) -> None:
        del event_rows
        add_steps(session, rows)

    return patch.object(service, "add_steps", without)


def _without_search_keys() -> AbstractContextManager[Any]:
    return patch.object(capture, "lead_keys", lambda *_: [])


def _without_alike_names() -> AbstractContextManager[Any]:
    values = capture.comparison_values

    def without(lead: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values(lead).items() if name not in {"firsts", "lasts"}}

    return patch.object(capture, "comparison_values", without)


# Each leaves out a part. Only this benchmark can do that.
WITHOUT: Final[Mapping[str, Callable[[], AbstractContextManager[Any]]]] = {
    "decisions": _without_decisions,
    "search keys": _without_search_keys,
    "alike names": _without_alike_names,
}


class _Capture:
    """Capture a lead over HTTP."""

    def __init__(self, clinic: Mapping[str, Any]) -> None:
        self._client, self._source, self._taken = create_app().test_client(), clinic["source_id"], 0
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {clinic['token']}"}

    def prepare(self, count: int) -> Sequence[str]:
        self._taken += count
        return [json.dumps(lead_body(number, self._source)) for number in range(self._taken - count, self._taken)]

    def carry_out(self, prepared: Sequence[str]) -> None:
        for body in prepared:
            answer = self._client.post("/api/leads", data=body, headers=self._headers)
            assert answer.status_code == 201, answer.json


class _Steps:
    """Run a create_task step. A rule listens to its event and plans a reminder."""

    def __init__(self, clinic: Mapping[str, Any]) -> None:
        self._clinic = clinic

    def prepare(self, count: int) -> Sequence[Any]:
        at, ids = clock.now(), [new_id() for _ in range(count)]
        rows = [create_task_step(self._clinic, lead_id, at - MINUTE) for lead_id in ids]
        with transaction() as session:
            insert_many(session, Lead, [encrypt_row(Lead, row) for row in lead_rows(ids, self._clinic, at)])
            service.add_steps(session, rows)
            session.info.clear()  # no worker need be woken
        return [row["id"] for row in rows]

    def carry_out(self, prepared: Sequence[Any]) -> None:
        assert run(Kind.CREATE_TASK, prepared) == len(prepared)
