"""An upgrade under load: the version before the last migrations and this one work together for a while."""

import os
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.support import environment
from tests.support.balancer import Balancer, SteadyCaptures
from tests.support.chaos import Scene, ready
from tests.support.earlier_version import EarlierVersion
from tests.support.fork_server import run_module
from tests.support.processes import wait_until
from tests.support.run_results import RunResults

DATABASE: Final = "upgraded"
QUEUES: Final = "steps,deliveries,sweeps"
PASSWORD: Final = "seventeen-kites-above-lisbon"
STEP: Final = "speed-to-lead"  # of the playbook that a new clinic has
SHARE: Final = 60  # leads in each part of the upgrade


@pytest.fixture
def earlier(scene: Scene, tmp_path: Path) -> EarlierVersion:
    found = EarlierVersion.extract(tmp_path, scene.processes)
    if found is None:
        pytest.skip("the history of the repository is missing here")
    return found


@pytest.fixture
def empty_database_of_an_installation(scene: Scene) -> dict[str, str]:
    """Settings of an installation with an empty database of its own."""
    with scene.postgres.connect() as owner:
        owner.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        owner.execute(f"CREATE DATABASE {DATABASE}")
    return {
        "DATABASE_URL": environment.database_url("relance_web", DATABASE),
        "OWNER_DATABASE_URL": environment.database_url("postgres", DATABASE),
    }


def test_upgrade_under_load_loses_and_repeats_nothing_and_refuses_no_call(
    scene: Scene, earlier: EarlierVersion, empty_database_of_an_installation: dict[str, str]
) -> None:
    env = {**scene.env, **empty_database_of_an_installation}
    earlier.relance("init", env=env)
    old_worker = earlier.processes.start_worker(QUEUES, env=env, wait=False)
    old_beat, old_web = earlier.processes.start_beat(env=env), earlier.processes.start_web(env=env)
    token, source_id = open_clinic(earlier, old_web.url, env)
    ready(old_worker)
    balancer = Balancer(old_web.url)
    with SteadyCaptures(balancer, token, source_id) as captures:
        wait_until(lambda: captures.by_server[old_web.url] >= SHARE, 60, "leads at the earlier version")

        migrated = run_module("app.ops.cli", "init", env={**os.environ, **env})
        assert migrated.returncode == 0, migrated.stderr
        at_migration = captures.by_server[old_web.url]
        worker, web = scene.processes.start_worker(QUEUES, env=env, wait=False), scene.processes.start_web(env=env)
        ready(worker)
        balancer.add(web.url)
        wait_until(lambda: captures.by_server[web.url] >= SHARE, 60, "leads at both versions")
        assert captures.by_server[old_web.url] >= at_migration + SHARE // 2, "the earlier version goes on"

        balancer.take_out(old_web.url)
        beat = scene.processes.start_beat(env=env)
        stopped = [process.stop() for process in (old_web, old_worker, old_beat)]
        at_end = captures.by_server[web.url]
        wait_until(lambda: captures.by_server[web.url] >= at_end + SHARE, 60, "leads at this version alone")
        captures.stop()

    leads = sum(captures.by_server.values())
    print(f"upgrade from {earlier.commit[:8]}: answers {dict(captures.statuses)}")
    assert captures.statuses == {201: leads}
    assert stopped == [0, 0, 0]
    results = RunResults(scene.postgres, DATABASE)
    results.wait_for({STEP: leads})
    results.check(planned={STEP: leads})
    assert len(results.leads()) == leads
    assert all(process.is_running() for process in (worker, web, beat))


def open_clinic(earlier: EarlierVersion, url: str, env: dict[str, str]) -> tuple[str, str]:
    """Create a clinic and its admin with the commands of that version. Returns an access token and a source."""
    earlier.relance(
        "clinic", "create", "--name", "North", "--slug", "north", "--timezone", "UTC", "--region", "US", env=env
    )
    named = ("--clinic", "north", "--email", "admin@north.example", "--name", "Ana", "--role", "clinic_admin")
    earlier.relance("user", "create", *named, "--password-stdin", env=env, stdin=PASSWORD)
    with httpx.Client(base_url=url, timeout=30) as client:
        login = {"email": "admin@north.example", "password": PASSWORD}
        token = client.post("/api/auth/login", json=login).raise_for_status().json()["access_token"]
        sources = client.get("/api/lead-sources", headers={"Authorization": f"Bearer {token}"}).raise_for_status()
        return token, sources.json()["items"][0]["id"]
