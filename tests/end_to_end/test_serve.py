"""`relance serve`, called as by `make run`: all parts start, work, restart after a crash, stop, and keep their data."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.ops.embedded import free_port
from app.ops.stack.environment import SHARED_VARIABLES
from tests.support.environment import ROOT, this_process
from tests.support.processes import Processes, wait_until

PATIENCE = 180  # seconds; a dozen Python processes start, possibly on a busy machine
CONCURRENCY = (
    *("WEB_WORKERS", "STEP_WORKERS", "DELIVERY_WORKERS", "ACCOUNT_WORKERS", "BULK_WORKERS"),
    *("WEBHOOK_WORKERS", "SWEEP_WORKERS"),
)


@pytest.fixture
def home() -> Path:
    """A data folder for the stack's own servers, with a path short enough for a socket."""
    folder = this_process() / "serve"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def served(home: Path, *parts: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """Run the named parts of the stack, by default all. Yield their addresses and the supervisor."""
    ports = {"PORT": str(free_port()), "FLOWER_PORT": str(free_port()), **dict.fromkeys(CONCURRENCY, "1")}
    with (home / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.ops.cli", "serve", "--json", *parts],
            cwd=ROOT,
            env=environment_of(home) | ports,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield read_addresses(process, home), process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def environment_of(home: Path) -> dict[str, str]:
    """Return the environment of a command for the stack in this folder, without the settings of the tests' servers."""
    kept = {name: value for name, value in os.environ.items() if name not in SHARED_VARIABLES}
    return {**kept, "RELANCE_ENV": "demo", "RELANCE_HOME": str(home)}


def read_addresses(process: subprocess.Popen[str], home: Path) -> dict[str, Any]:
    """Return the JSON object that the supervisor prints when the stack is ready."""
    assert process.stdout
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            found: dict[str, Any] = json.loads(text)
            return found
    pytest.fail(f"it ended: {(home / 'serve.log').read_text()[-4000:]}")


def sign_in(api: str, home: Path, role: str) -> httpx.Client:
    users = json.loads((home / "demo.json").read_text())["users"]
    user = next(user for user in users if user["role"] == role)
    tokens = httpx.post(f"{api}/auth/login", json={"email": user["email"], "password": user["password"]}).json()
    return httpx.Client(base_url=api, headers={"Authorization": f"Bearer {tokens['access_token']}"})


def leads_of(api: str, home: Path) -> set[str]:
    with sign_in(api, home, "clinic_admin") as admin:
        return {lead["id"] for lead in admin.get("/leads").json()["items"]}


def try_the_readme(api: str, home: Path) -> str:
    """Run the commands of the README's section "Try it" and return their output. Fails at the first error."""
    block = (ROOT / "README.md").read_text().split("## Try it\n\n```console\n")[1].split("```")[0]
    script = block.replace("$ ", "").replace("curl -s", "curl -sS --fail-with-body")
    script = script.replace("http://127.0.0.1:8000", api.removesuffix("/api")).replace(".relance/", f"{home}/")
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def demo_scenario(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `relance demo --json` on the running stack meanwhile, as `make demo` does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.ops.cli", "demo", "--json"],
        cwd=ROOT,
        env=environment_of(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def leads_by_stage(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return how many leads reached each stage of a funnel, without the stages that no lead reached."""
    figures = {row["label"]: {one["metric"]: one["value"] for one in row["figures"]} for row in rows}
    return {label: found["reached"] for label, found in figures.items() if found["reached"]}


def children_of(supervisor: int, text: str) -> list[psutil.Process]:
    """Return the processes below the supervisor whose command line has this text."""
    found = []
    for child in psutil.Process(supervisor).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # ended since the list was read
            if text in " ".join(child.cmdline()):
                found.append(child)
    return found


def test_demo_restarts_parts_and_keeps_data(home: Path) -> None:
    with served(home) as (addresses, supervisor), demo_scenario(home) as demo:
        replayed = leads_of(addresses["api"], home)
        assert len(replayed) > 20
        printed = try_the_readme(addresses["api"], home)
        assert ('"speed-to-lead"' in printed, '"replied"' in printed) == (True, True)
        leads = leads_of(addresses["api"], home)
        assert len(leads - replayed) == 1

        flower = addresses["flower"]
        assert httpx.get(f"{flower['url']}/workers").status_code == 401
        assert httpx.get(f"{flower['url']}/workers", auth=(flower["user"], flower["password"])).status_code == 200

        wait_until(lambda: bool(first_call_tasks(addresses["api"], home)), PATIENCE, "a worker to make the first tasks")
        assert httpx.get(f"{addresses['mailbox']}/messages.json").status_code == 200
        assert httpx.get(f"{addresses['echo']}/calls.json").json() == []
        with sign_in(addresses["api"], home, "clinic_admin") as admin:
            gateways = {one["name"]: one["url"] for one in admin.get("/gateways").json()["items"]}
        assert gateways["echo"] == f"{addresses['echo']}/messages"

        shown = json.loads(demo.communicate(timeout=PATIENCE)[0])
        states = {step["state"] for steps in shown["timelines"].values() for step in steps}
        assert states >= {"done", "cancelled"}
        reached = leads_by_stage(shown["funnel"])
        assert (reached["New Lead"], reached["Contacted"], reached["Consultation Scheduled"]) == (3, 1, 1)

        (worker,) = children_of(supervisor.pid, "-Q steps ")
        worker.kill()
        wait_until(
            lambda: [w.pid for w in children_of(supervisor.pid, "-Q steps ")] not in ([], [worker.pid]),
            PATIENCE,
            "the killed worker to be started again",
        )

        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(PATIENCE) == 0
        assert not still_running(home)
        log = (home / "serve.log").read_text()
        assert "Listening at: " in log  # the lines of the parts are in it
        noises = ("SecurityWarning", "No hostname was supplied", "Inspect method", " received", "succeeded in")
        assert [noise for noise in noises if noise in log] == []

    with served(home, "web") as (addresses, _):  # starts the database and the broker too
        assert leads_of(addresses["api"], home) == leads
    assert not still_running(home)


def first_call_tasks(api: str, home: Path) -> list[dict[str, Any]]:
    """Return the open first calls of all coordinators. One of them may have none: leads are assigned by their ids."""
    with sign_in(api, home, "clinic_admin") as admin:
        tasks: list[dict[str, Any]] = admin.get("/followups").json()["items"]
        return [task for task in tasks if task["title"] == "Initial Contact"]


def still_running(home: Path) -> list[str]:
    """Return the commands that name the data folder: its servers and parts."""
    commands = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    return [command for command in commands if str(home) in command and "serve --json" not in command]


@pytest.mark.usefixtures("clean_database", "clean_broker")
def test_watch_restarts_a_single_part_in_production(processes: Processes) -> None:
    """Without `--watch` the part replaces the process, and a service manager restarts it."""
    supervisor = processes.start(
        "watch", "app.ops.cli", ["serve", "--watch", "beat"], env={"RELANCE_ENV": "production"}
    )

    def part() -> psutil.Process | None:
        return next(iter(children_of(supervisor.pid, "celery")), None)

    wait_until(lambda: part() is not None, 60, "beat to start")
    before = part()
    assert before is not None
    before.kill()
    wait_until(lambda: (now := part()) is not None and now.pid != before.pid, 60, "beat to start again")
    assert supervisor.stop() == 0
