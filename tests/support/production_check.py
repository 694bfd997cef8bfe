"""The client of `tests/production.sh`: capture leads over the API, then compare the steps with what they made.

`hold` plans steps whose messages the workers hold while the broker is killed. `quorum` makes a queue of the wrong type.
`classic` runs after it with the setting for quorum queues, and expects that doctor names a classic queue.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, LiteralString

import httpx
import psycopg
from kombu import Connection, Exchange, Queue

from app.ops.doctor.broker_checks import check_broker
from tests.support.step_copies import plan_copies

API: Final = f"http://127.0.0.1:{os.environ['PORT']}"
ACCOUNT: Final = {"email": "admin@north.example", "password": "a long password of the admin"}
PATIENCE: Final = 180  # seconds; the machine may be slow
KILL_AFTER: Final = 100  # leads

QUEUE: Final = "webhooks"  # of a part that does not run here
HELD_FOR: Final = 25  # seconds

_LEDGER: Final = """
SELECT (SELECT count(*) FROM leads) AS leads,
 (SELECT count(*) FROM steps WHERE name = 'speed-to-lead' AND state = 'done') AS done,
 (SELECT count(*) FROM lead_tasks t JOIN steps s ON s.id = t.step_id WHERE s.name = 'speed-to-lead') AS tasks,
 (SELECT count(DISTINCT t.lead_id) FROM lead_tasks t JOIN steps s ON s.id = t.step_id
  WHERE s.name = 'speed-to-lead') AS leads_with_task,
 (SELECT count(*) FROM steps WHERE state IN ('failed', 'unknown')) AS failed,
 (SELECT count(*) FROM steps WHERE state IN ('planned', 'published', 'running')
  AND due_at < now() - interval '2 seconds') AS overdue
"""
_PUBLISHED: Final = (
    "SELECT count(*) FROM steps WHERE state = 'published' AND published_at IS NOT NULL AND due_at > now()"
)
_LATEST: Final = "SELECT extract(epoch FROM max(finished_at - due_at)) FROM steps WHERE name = 'speed-to-lead'"


def capture(number: int, signal: Path) -> None:
    """Capture so many leads. Writes the file `signal` after the first hundred. Every call must be answered with 201."""
    with httpx.Client(base_url=API, timeout=30) as client:
        _wait_until_ready(client)
        _require_sign_in_limit(client)
        token = client.post("/api/auth/login", json=ACCOUNT).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        source = client.get("/api/lead-sources").raise_for_status().json()["items"][0]["id"]

        def one(index: int) -> None:
            lead = {"first_name": "Ana", "last_name": f"Number {index}", "email": f"ana{index}@lead.example"}
            client.post("/api/leads", json={**lead, "source_id": source}).raise_for_status()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(one, range(KILL_AFTER)))
            signal.touch()
            list(pool.map(one, range(KILL_AFTER, number)))


def _wait_until_ready(client: httpx.Client) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            answer = client.get("/readyz")
            if answer.status_code == 200:
                return
            reason = answer.text
        except httpx.TransportError as error:
            reason = str(error)
        if time.monotonic() > until:
            raise SystemExit(f"the API is not ready: {reason}")
        time.sleep(0.3)


def _require_sign_in_limit(client: httpx.Client) -> None:
    """Check that wrong passwords are counted, which RabbitMQ cannot do."""
    wrong = {"email": "other@north.example", "password": "wrong umbrellas"}
    answers = [client.post("/api/auth/login", json=wrong).status_code for _ in range(11)]
    if answers != [401] * 10 + [429]:
        raise SystemExit(f"wrong passwords are not limited: {answers}")


def hold(number: int, owner: str) -> None:
    """Plan so many steps that are due soon, and wait until nearly all their messages are sent."""
    with psycopg.connect(owner, autocommit=True) as connection:
        until = time.monotonic() + PATIENCE
        while not plan_copies(connection, number, seconds=HELD_FOR) and time.monotonic() < until:
            time.sleep(0.2)
        until = time.monotonic() + HELD_FOR
        while (sent := _one(connection, _PUBLISHED)) < number * 9 // 10:
            if time.monotonic() > until:
                break
            time.sleep(0.2)
        print(f"production.sh: the broker is killed while workers hold {sent} steps")


def check_quorum() -> None:
    """Check that `relance doctor` names a queue of the wrong type. The queue is deleted afterwards."""
    quorum = Queue(QUEUE, Exchange(QUEUE), routing_key=QUEUE, queue_arguments={"x-queue-type": "quorum"})
    with Connection(os.environ["BROKER_URL"]) as connection:
        bound = quorum(connection.default_channel)
        bound.declare()
        try:
            [found, *_] = check_broker()
        finally:
            bound.delete()
    if found.is_fine or f"refuses the queue {QUEUE}" not in found.found:
        raise SystemExit(f"doctor does not name the quorum queue: {found}")


def check_classic() -> None:
    """Check that `relance doctor` names a classic queue where the setting is quorum. Run it after `check_quorum`."""
    [found, *_] = check_broker()
    if found.is_fine or "refuses the queue steps" not in found.found or "(quorum)" not in found.advice:
        raise SystemExit(f"doctor does not name the classic queue: {found}")


def check_ledger(number: int, held: int, owner: str) -> None:
    """Wait until every lead and every held step has its one call task. Exit with the differences otherwise."""
    all_steps = number + held
    wanted = {
        "leads": number,
        "done": all_steps,
        "tasks": all_steps,
        "leads_with_task": number,
        "failed": 0,
        "overdue": 0,
    }
    until, found = time.monotonic() + PATIENCE, dict[str, Any]()
    with psycopg.connect(owner, autocommit=True) as connection:
        while time.monotonic() < until and found != wanted:
            time.sleep(0.5)
            found = dict(zip(wanted, connection.execute(_LEDGER).fetchone() or (), strict=True))
        late = _one(connection, _LATEST)
    if found != wanted:
        raise SystemExit(f"the ledger differs: {found}, not {wanted}; the latest step was {late:.1f} s late")
    print(f"production.sh: through PgBouncer and RabbitMQ: {found}; the latest step was {late:.1f} s late")


def _one(connection: psycopg.Connection[Any], query: LiteralString) -> Any:
    return (connection.execute(query).fetchone() or (0,))[0]


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "capture":
        capture(int(arguments[0]), Path(arguments[1]))
    elif command == "quorum":
        check_quorum()
    elif command == "classic":
        check_classic()
    elif command == "hold":
        hold(int(arguments[0]), arguments[1])
    else:
        check_ledger(int(arguments[0]), int(arguments[1]), arguments[2])
