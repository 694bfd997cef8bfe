"""Web, two hosts of workers, and the servers are on hosts of their own, and links between them are cut and slowed."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from app.core import db
from app.ops.embedded import free_port
from tests.support.chaos import QUICK, Answer, OpenClinic, Scene, call_task, enter, escalation, ready
from tests.support.hosts import (
    HostProcesses,
    Hosts,
    NetworkPostgres,
    inside,
    joined_hosts,
    require_namespaces,
    running_broker,
)
from tests.support.processes import is_live, wait_until
from tests.support.replica import copied_data

HOSTS = ("web", "one", "two")


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    require_namespaces()
    with joined_hosts(*HOSTS) as hosts, running_broker(hosts):
        yield hosts


@pytest.fixture
def spread(scene: Scene, hosts: Hosts, configure: Callable[..., None]) -> Iterator[Callable[[str], Scene]]:
    """Scenes of the hosts by name. All use the servers of the data host."""
    with ExitStack() as stack:
        folder = stack.enter_context(copied_data(scene.postgres))
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.99.0.0/16 trust\n")
        server = NetworkPostgres(folder, fast=True)
        inside(hosts.data, server.start)
        stack.callback(db.dispose)
        stack.callback(server.stop)
        configure(database_url=server.url(user="relance_web"), owner_database_url=server.url())
        db.dispose()

        def on(name: str) -> Scene:
            processes = HostProcesses(scene.processes.logs)
            processes.host = hosts.links[name].host
            stack.callback(processes.kill_all)
            return Scene(server, scene.valkey, processes, {**QUICK, **hosts.env(name)})

        yield on


def start_web(scene: Scene, host: str, *rules: dict[str, object]) -> OpenClinic:
    """Start the API on a host, and enter a new clinic there."""
    port = free_port()
    scene.processes.start("web", "gunicorn", ["app:create_app()"], env={"PORT": str(port), **scene.env})
    url = f"http://127.0.0.1:{port}"
    inside(host, lambda: wait_until(lambda: is_live(f"{url}/livez"), 60, "the web server to answer"))
    return inside(host, lambda: enter(url, *rules))


def test_cut_and_slow_links_lose_and_repeat_no_step(hosts: Hosts, spread: Callable[[str], Scene]) -> None:
    web, one, two = (spread(name) for name in HOSTS)
    on_web = hosts.links["web"].host
    hosts.links["two"].slow("400kbit")
    cut, slow, beat = one.start_worker("steps,sweeps"), two.start_worker("steps,sweeps"), two.start_beat()
    clinic = start_web(web, on_web, call_task(), escalation("3 seconds"))
    ready(cut, slow)

    with ThreadPoolExecutor(1) as pool:
        captured = pool.submit(inside, on_web, lambda: clinic.capture(300))
        wait_until(lambda: len(web.results.leads()) >= 100, 60, "100 captured leads")
        hosts.links["one"].cut()
        answers = captured.result()
    assert {answer.status for answer in answers} == {201}, "a lost host of workers concerns no call"
    hosts.links["web"].cut()
    refused = inside(on_web, lambda: clinic.capture(4, start=300))
    assert {answer.status for answer in refused} == {503}, "a call does not wait for ever"
    for name in ("one", "web"):
        hosts.links[name].mend()
    answers += inside(on_web, lambda: until_taken(clinic, 304))

    taken, leads = {answer.id for answer in answers if answer.status == 201}, web.results.leads()
    assert taken <= leads
    assert len(leads) <= len(taken) + 4  # a commit whose answer was lost is kept too
    each = {"speed-to-lead": len(leads), "no-contact": len(leads)}
    web.results.wait_for(each)
    web.results.check(planned=each)
    assert all(process.is_running() for process in (cut, slow, beat))


def until_taken(clinic: OpenClinic, number: int) -> list[Answer]:
    """Create a lead, as soon as the API reaches the database again."""
    answers: list[Answer] = []

    def is_taken() -> bool:
        answers[:] = clinic.capture(1, start=number)
        return answers[0].status == 201

    wait_until(is_taken, 60, "the API to reach the database")
    return answers
