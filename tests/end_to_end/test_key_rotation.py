"""Key rotation as docs/operations.md describes it, under load, while processes with old and new settings run."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from threading import Event, Thread
from typing import Any

import httpx
import psutil
import pytest

from app.security import key_rotation
from app.security.encryption import DERIVED
from tests.support.desk import Desk
from tests.support.fork_server import run_module
from tests.support.keys import ANOTHER, FIRST
from tests.support.processes import Process, Processes, wait_until

pytest_plugins = ["tests.support.desk"]

PRIVATE = {
    "patient_dob": "2011-02-03",
    "insurance_carrier": "Delta",
    "insurance_member_id": "D-1",
    "notes": "Afraid of needles.",
}
ROUNDS = 2  # of the load, in each phase
NEW_SECRET = ANOTHER.replace(",", "")
Settings = Mapping[str, str]


class Load:
    """Calls the processes in turn: each reads and finds what any of them wrote."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.problems, self.rounds = desk, list[str](), 0
        self.client = httpx.Client(headers={"Authorization": f"Bearer {desk.admin.token}"}, timeout=60)
        self.leads: list[dict[str, Any]] = []
        self._numbers = count(100)

    def calls(self, webs: list[Process]) -> None:
        """Write with each process, and read with each."""
        for web in webs:
            self.capture(web)
        for web in webs:
            for lead in [*self.leads[:3], *self.leads[3:][-3:]]:  # the oldest and the newest
                self.check(web, lead)
            self.expect(web, "GET", "/readyz", None, lambda body: body["status"] == "ready")
            self.expect(web, "POST", "/api/suppressions/check", {"email": "stop@lead.example"}, is_suppressed)
        self.rounds += 1

    def capture(self, web: Process) -> None:
        number = next(self._numbers)
        data = {"phone": f"+1212555{number:04}", "email": f"lead-{number}@lead.example", **PRIVATE}
        body = self.desk.lead_data(first_name=f"Lead {number}", **data)
        if made := self.expect(web, "POST", "/api/leads", body, lambda body: "id" in body):
            self.leads.append({"id": made["id"], **data})
            note = {"type": "NOTE", "notes": f"Note {number}"}
            self.expect(web, "POST", f"/api/leads/{made['id']}/activities", note, lambda body: "id" in body)

    def check(self, web: Process, lead: dict[str, Any]) -> None:
        path, note = f"/api/leads/{lead['id']}", f"Note {int(lead['phone'][-4:])}"
        self.expect(web, "GET", path, None, lambda body: {name: body[name] for name in lead} == lead)
        self.expect(web, "GET", f"{path}/activities", None, lambda body: note in str(body))
        self.expect(web, "GET", f"{path}/duplicates", None, lambda body: body["hidden_duplicates"] == 0)
        for field in ("phone", "email"):
            search = {"q": lead[field], "kinds": ["lead"]}
            self.expect(web, "POST", "/api/search", search, lambda body: body["hits"][0]["id"] == lead["id"])
        search = {"q": note, "kinds": ["note"]}
        self.expect(web, "POST", "/api/search", search, lambda body: body["hits"][0]["lead_id"] == lead["id"])
        refused = self.desk.lead_data(phone=lead["phone"], on_duplicate="refuse")
        self.expect(web, "POST", "/api/leads", refused, lambda body: body["code"] == "duplicate-lead")

    def check_all(self, web: Process) -> None:
        for lead in self.leads:
            self.check(web, lead)
        assert self.problems == []

    def expect(self, web: Process, method: str, path: str, body: Any, holds: Any) -> Any:
        answer = self.client.request(method, f"{web.url}{path}", json=body)
        if answer.status_code >= 500 or not holds(answer.json()):
            self.problems.append(f"{web.name} {method} {path}: {answer.status_code} {answer.text[:300]}")
            return None
        return answer.json()

    @contextmanager
    def on(self, *webs: Process) -> Iterator[None]:
        """Call the processes meanwhile, and at least for some rounds."""
        stop, until = Event(), self.rounds + ROUNDS

        def work() -> None:
            while not stop.is_set():
                self.calls(list(webs))

        thread = Thread(target=work)
        thread.start()
        try:
            yield
            wait_until(lambda: self.rounds >= until or not thread.is_alive(), 300, "calls under load")
        finally:
            stop.set()
            thread.join()


def is_suppressed(body: Any) -> bool:
    return bool(body["is_suppressed"])


def relance(*arguments: str, settings: Settings) -> str:
    """Run a command as a process with these settings."""
    done = run_module("app.ops.cli", *arguments, env={**os.environ, **settings})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture
def load(desk: Desk) -> Load:
    assert desk.admin.post("/api/suppressions", {"email": "stop@lead.example", "reason": "They asked."}).status < 300
    return Load(desk)


def roll_out(load: Load, processes: Processes, old: Process, settings: Settings) -> Process:
    """Start a process with the settings while the old one serves, let both serve, and stop the old one."""
    with load.on(old):
        new = processes.start_web(env=settings)
    with load.on(old, new):
        pass
    assert load.problems == []
    old.stop()
    return new


def test_data_keys_are_rotated_without_unreadable_rows(desk: Desk, load: Load, processes: Processes):
    """From the defaults: the first key is the one derived from SECRET_KEY."""
    web = processes.start_web(env={"ENCRYPTION_KEYS": ""})
    load.calls([web])
    decrypts = {"ENCRYPTION_KEYS": relance("keys", "new", "2027", settings={})}
    assert decrypts["ENCRYPTION_KEYS"].startswith(f"{DERIVED}:")
    web = roll_out(load, processes, web, decrypts)
    encrypts = {"ENCRYPTION_KEYS": relance("keys", "first", "2027", settings=decrypts)}
    web = roll_out(load, processes, web, encrypts)
    with load.on(web):
        relance("keys", "rotate", settings=encrypts)
    alone = {"ENCRYPTION_KEYS": encrypts["ENCRYPTION_KEYS"].partition(",")[0]}
    web = roll_out(load, processes, web, alone)
    load.check_all(web)
    tables = {encrypted.table for encrypted in key_rotation.ENCRYPTED_COLUMNS}
    used = {row.name for table in tables & {"leads", "lead_activities"} for row in names_of_keys(desk, table)}
    assert used == {"2027"}


def test_blind_index_key_is_rotated_while_leads_are_found(desk: Desk, load: Load, processes: Processes):
    """From the defaults: the first key is SECRET_KEY."""
    web = processes.start_web(env={"BLIND_INDEX_KEY": ""})
    load.calls([web])
    web = roll_out(load, processes, web, {"OTHER_BLIND_INDEX_KEYS": NEW_SECRET})
    both = {"BLIND_INDEX_KEY": NEW_SECRET, "OTHER_BLIND_INDEX_KEYS": FIRST}
    web = roll_out(load, processes, web, both)
    refused = run_module("app.ops.cli", "doctor", "--json", env={**os.environ, "BLIND_INDEX_KEY": NEW_SECRET})
    assert "use another BLIND_INDEX_KEY" in refused.stdout  # too early
    with load.on(web):
        relance("keys", "rotate", "--new-blind-index-key", settings=both)
    before = desk.sql("SELECT email_blind FROM leads ORDER BY id")
    relance("keys", "rotate", "--every", settings=both)
    assert desk.sql("SELECT email_blind FROM leads ORDER BY id") == before
    alone = processes.start_web(env={"BLIND_INDEX_KEY": NEW_SECRET})
    load.check_all(alone)


def names_of_keys(desk: Desk, table: str) -> Any:
    return desk.sql(f"SELECT DISTINCT split_part(encode(sealed, 'escape'), ':', 1) AS name FROM {table}")


def test_rotation_waits_for_processes_that_lack_the_key(desk: Desk, load: Load, processes: Processes):
    """The API says which key it lacks, and the command says which parts to restart."""
    old = {"ENCRYPTION_KEYS": ""}
    web, worker = processes.start_web(env=old), processes.start_worker("steps,bulk", env=old)
    inbound = start_inbound(processes, old)
    load.calls([web])
    decrypts = {"ENCRYPTION_KEYS": relance("keys", "new", "2027", settings=old)}
    encrypts = {"ENCRYPTION_KEYS": relance("keys", "first", "2027", settings=decrypts)}
    new = processes.start_web(env=encrypts)
    made = load.client.post(f"{new.url}/api/leads", json=desk.lead_data(phone="+12125550999")).json()
    for path in (f"/api/leads/{made['id']}", "/api/leads"):
        answer = load.client.get(f"{web.url}{path}")
        assert (answer.status_code, answer.json()["code"]) == (503, "key-missing")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert "2027. Nothing was changed. Set ENCRYPTION_KEYS" in answer.json()["detail"]

    wait_until(lambda: "inbound (" in refused_rotation(encrypts), 30, "inbound to report its keys")
    refused = refused_rotation(encrypts)
    assert f"web (process {only_child(web)} on " in refused
    assert "bulk, steps (test" in refused
    assert refused.count("lacks encryption key 2027\n") == 3
    assert "restart these parts: bulk, inbound, steps, web." in refused
    assert {row.name for row in names_of_keys(desk, "leads")} == {DERIVED, "2027"}  # nothing is changed

    for process in (web, inbound):
        process.stop()
    refused = refused_rotation(encrypts)
    assert "restart these parts: bulk, steps." in refused
    worker.stop()
    relance("keys", "rotate", settings=encrypts)
    assert {row.name for row in names_of_keys(desk, "leads")} == {"2027"}


def test_rotation_waits_for_processes_that_lack_the_blind_index_key(desk: Desk, load: Load, processes: Processes):
    old = {"BLIND_INDEX_KEY": ""}
    web = processes.start_web(env=old)
    load.calls([web])
    both = {"BLIND_INDEX_KEY": NEW_SECRET, "OTHER_BLIND_INDEX_KEYS": FIRST}
    refused = refused_rotation(both, "--new-blind-index-key")
    assert "lacks BLIND_INDEX_KEY\n" in refused
    load.check_all(web)
    relance("keys", "rotate", "--new-blind-index-key", "--yes", settings=both)
    found = load.client.post(f"{web.url}/api/search", json={"q": load.leads[0]["phone"], "kinds": ["lead"]})
    assert found.json()["hits"] == []  # this is what the refusal prevents


def start_inbound(processes: Processes, settings: Settings) -> Process:
    inbound = processes.start("inbound", "workers.inbound", [], env=settings)
    inbound.wait_for("inbound.started")
    return inbound


def refused_rotation(settings: Settings, *more: str) -> str:
    done = run_module("app.ops.cli", "keys", "rotate", *more, env={**os.environ, **settings})
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def only_child(process: Process) -> int:
    [child] = psutil.Process(process.pid).children()
    return child.pid
