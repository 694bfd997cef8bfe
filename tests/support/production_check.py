"""The client of `tests/production.sh`: capture leads over the API, then compare the steps with what they made."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg

API: Final = f"http://127.0.0.1:{os.environ['PORT']}"
ACCOUNT: Final = {"email": "admin@north.example", "password": "a long password of the admin"}
PATIENCE: Final = 90  # seconds
KILL_AFTER: Final = 100  # leads

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


def check_ledger(number: int, owner: str) -> None:
    """Wait until every lead has its one call task. Exit with the differences otherwise."""
    wanted = {"leads": number, "done": number, "tasks": number, "leads_with_task": number, "failed": 0, "overdue": 0}
    until, found = time.monotonic() + PATIENCE, dict[str, Any]()
    with psycopg.connect(owner, autocommit=True) as connection:
        while time.monotonic() < until:
            row = connection.execute(_LEDGER).fetchone() or ()
            found = dict(zip(wanted, row, strict=True))
            if found == wanted:
                print(f"production.sh: {number} leads through PgBouncer and RabbitMQ: {found}")
                return
            time.sleep(0.5)
    raise SystemExit(f"the ledger differs: {found}, not {wanted}")


if __name__ == "__main__":
    _, command, amount, place = sys.argv
    if command == "capture":
        capture(int(amount), Path(place))
    else:
        check_ledger(int(amount), place)
