"""`relance doctor`: checks run side by side, wait shortly, and give the right advice."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from app.automation.playbooks.onboarding import open_clinic
from app.config import get_settings
from app.core.db import transaction
from app.core.files.disk_space import full_disks
from app.engine.broker import QUEUES
from app.identity.models import Clinic
from app.messaging.mailboxes.models import Mailbox
from app.ops.demo.mailbox_account import connect_mailbox
from app.ops.demo.seed_data import CLINIC, MAILBOX
from app.ops.doctor import broker_checks, checks, local_processes
from app.ops.doctor.broker_checks import check_broker
from app.ops.doctor.check import TIMEOUT, Check
from app.ops.doctor.checks import run_checks
from app.ops.doctor.database_checks import check_database
from app.ops.doctor.local_processes import advice_for_silent
from app.ops.doctor.message_checks import check_mail_server
from app.ops.doctor.stream_check import check_stream
from app.ops.embedded import Postgres, Valkey
from app.ops.live_updates.feed import Feed
from app.ops.live_updates.receiver import Receiver, listen
from app.ops.live_updates.store import Store
from app.ops.live_updates.streams import Streams
from app.ops.mailbox.inboxes import read_accounts
from app.ops.stack.connectivity import database_problem
from tests.support.practice import set_settings, settings_kept
from tests.support.processes import wait_until
from tests.support.smtp import SmtpServer
from tests.support.storage import read_only

pytestmark = pytest.mark.usefixtures("clean_database", "clean_broker")


def broker_at(monkeypatch: pytest.MonkeyPatch, url: str) -> Check:
    """The broker's check, with another BROKER_URL."""
    settings = get_settings().model_copy(update={"broker_url": type(get_settings().broker_url)(url)})
    monkeypatch.setattr(broker_checks, "get_settings", lambda: settings)
    return next(check_broker())


@contextmanager
def mute_server() -> Iterator[tuple[int, list[socket.socket]]]:
    """A server that takes connections and never answers. Yields its port and the connections it took."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    taken.append(listener.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], taken
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def part(*arguments: str) -> Iterator[psutil.Process]:
    """A process that looks like a part of this installation, and does nothing."""
    program = "import time; time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", program, "-A", "workers.app", *arguments], env=dict(os.environ))
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def test_groups_run_at_the_same_time_and_keep_their_order() -> None:
    everyone = threading.Barrier(3, timeout=30)

    def group(name: str) -> checks.Group:
        def check() -> Iterator[Check]:
            everyone.wait()
            yield Check(name, "fine")

        return check

    assert [check.name for check in run_checks([group("a"), group("b"), group("c")])] == ["a", "b", "c"]


def test_error_in_one_group_is_a_result_and_the_others_are_shown() -> None:
    def check_broken() -> Iterator[Check]:
        yield Check("first", "fine")
        raise LookupError("surprise\nmore")

    def check_other() -> Iterator[Check]:
        yield Check("other", "fine")

    found = [(check.name, check.found) for check in run_checks([check_broken, check_other])]

    assert found == [("first", "fine"), ("broken", "LookupError: surprise"), ("other", "fine")]


def test_time_outs_of_the_slowest_group_stay_below_one_second() -> None:
    """A broker that answers, but no worker does: two questions. A mute broker: one time-out, and no question."""
    assert sum(broker_checks.REPLY_TIMEOUTS) < 1
    assert TIMEOUT < 1


def test_mute_database_costs_one_time_out() -> None:
    with mute_server() as (port, taken):
        found = database_problem(f"postgresql+psycopg://x@127.0.0.1:{port}/x", timeout=TIMEOUT)

        assert len(taken) == 1
    assert found == "DATABASE_URL does not answer (127.0.0.1/x): timeout expired"


def test_mute_broker_costs_one_time_out_and_is_to_be_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    with mute_server() as (port, taken):
        found = broker_at(monkeypatch, f"redis://:hidden-word@127.0.0.1:{port}/0")

        assert len(taken) == 1
    assert "it is mute: restart it" in found.advice
    assert "hidden-word" not in found.found


def test_missing_master_of_sentinels_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    found = broker_at(monkeypatch, "sentinel://:hidden-word@127.0.0.1:1;sentinel://:hidden-word@127.0.0.1:2").found

    assert found.startswith("BROKER_URL: no Sentinel of its addresses names the master 'mymaster'")
    assert len(found) < 200
    assert "hidden-word" not in found


def test_broker_that_is_away_is_to_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "start the broker" in broker_at(monkeypatch, "redis://127.0.0.1:1/0").advice


def test_wrong_password_of_the_broker_is_named(monkeypatch: pytest.MonkeyPatch, valkey: Valkey) -> None:
    found = broker_at(monkeypatch, f"redis://:wrong@127.0.0.1:{valkey.port}/0")

    assert "correct user and password in BROKER_URL" in found.advice


@pytest.mark.parametrize(
    ("rights", "found"),
    [
        ("-config", "answers, noeviction"),
        ("-config -info", "answers; its eviction policy is not visible"),
    ],
)
def test_login_without_admin_commands_is_enough(
    monkeypatch: pytest.MonkeyPatch, valkey: Valkey, rights: str, found: str
) -> None:
    with valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "modest", "reset", "on", ">word", "~*", "&*", "+@all", *rights.split())
        check = broker_at(monkeypatch, f"redis://modest:word@127.0.0.1:{valkey.port}/0")
        client.execute_command("ACL", "DELUSER", "modest")

    assert (check.is_fine, check.found.startswith(found)) == (True, True)


def test_broker_that_refuses_writes_is_named_with_the_fix(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.config_set("maxmemory", "1")
        try:
            check = next(check_broker())
        finally:
            client.config_set("maxmemory", "0")

    assert "refuses writes" in check.found
    assert "raise its `maxmemory`" in check.advice


def test_read_only_database_is_named_with_the_fix(postgres: Postgres) -> None:
    with read_only(postgres):
        [check] = [check for check in check_database() if check.name == "writes"]

    assert check.found == "the database is read-only"
    assert "reset default_transaction_read_only" in check.advice


def test_disk_space_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = get_settings().model_copy(update={"min_free_disk_mb": 10**9})
    monkeypatch.setattr(checks, "get_settings", lambda: settings)

    [check] = [check for check in run_checks() if check.name == "disk"]

    assert str(full_disks(settings)[0].folder) in check.found
    assert "MIN_FREE_DISK_MB" in check.advice


def test_worker_that_a_signal_has_stopped_is_to_be_continued_or_killed() -> None:
    with part("worker", "-Q", "bulk") as worker:
        os.kill(worker.pid, signal.SIGSTOP)
        wait_until(lambda: worker.status() == psutil.STATUS_STOPPED, 60, "the process to stop")

        advice = advice_for_silent("bulk", "start it")

        assert f"`kill -CONT {worker.pid}`" in advice
        assert f"`kill -9 {worker.pid}`" in advice


def test_worker_that_hangs_is_to_be_killed_and_one_that_starts_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    with part("worker", "-Q", "bulk") as worker:
        wait_until(lambda: "workers.app" in worker.cmdline(), 60, "the process to start")
        assert "has just started" in advice_for_silent("bulk", "start it")
        monkeypatch.setattr(local_processes, "STARTING", -1.0)
        assert f"process {worker.pid} runs but does not answer" in advice_for_silent("bulk", "start it")


def test_part_without_a_process_is_to_be_started() -> None:
    with part("worker", "-Q", "bulk"):
        assert advice_for_silent("deliveries", "start it") == "start it"
        assert advice_for_silent("beat", "start it") == "start it"


def test_settings_that_production_needs_are_named(configure: Callable[..., None]) -> None:
    def missing() -> set[str]:
        return {check.name for group in (check_mail_server, checks._settings) for check in group() if not check.is_fine}

    configure(relance_env="production")
    assert missing() == {"e-mail", "PUBLIC_URL", "MAIL_FROM"}
    with SmtpServer() as server:
        configure(smtp_url=server.url, public_url="https://leads.example", mail_from="a@leads.example")
        assert missing() == set()


@contextmanager
def stream_process() -> Iterator[None]:
    """The receiver of the part `stream`, on a thread of this process."""
    loop, listener = asyncio.new_event_loop(), listen()
    streams = Streams()
    receiving = loop.create_task(Receiver(streams, Feed(Store(get_settings().counter_store), streams)).run(listener))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(receiving.cancel)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listener.close()
        loop.close()


def test_stream_that_runs_takes_callers(configure: Callable[..., None], tmp_path: Path) -> None:
    configure(stream_socket=tmp_path / "s")
    with stream_process():
        assert [*check_stream()] == [Check("stream", "takes callers")]


def test_stream_that_does_not_run_is_to_be_started(configure: Callable[..., None], tmp_path: Path) -> None:
    configure(stream_socket=tmp_path / "s")
    [check] = check_stream()

    assert "No such file" in check.found
    assert "relance serve stream" in check.advice


def test_mute_stream_costs_one_time_out(configure: Callable[..., None], tmp_path: Path) -> None:
    configure(stream_socket=tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        [check] = check_stream()

    assert check.found == "STREAM_SOCKET: no answer"


def test_stream_without_a_store_is_off(configure: Callable[..., None]) -> None:
    configure(broker_url="amqp://127.0.0.1/", counters_url="")

    [check] = check_stream()
    assert (check.is_fine, check.found.startswith("off")) == (True, True)


def test_workers_of_one_node_name_are_named_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    queues = [{"name": name} for name in QUEUES]
    both = [{"all@host": queues}, {"all@host": queues[:1]}]
    monkeypatch.setattr(broker_checks.celery.control, "broadcast", lambda *_, **__: both)

    [first, *others] = [check for check in check_broker() if check.name.startswith("workers")]

    assert first.found == "2 workers named all@host (Flower shows them as one: give their hosts different names)"
    assert {check.found for check in others} == {"all@host"}


def test_demo_mailbox_of_a_restored_database_gets_the_password_of_this_folder(tmp_path: Path) -> None:
    with settings_kept():
        for folder in ("before", "after"):
            home = str(tmp_path / folder)
            set_settings(mailbox_imap_port="10143", relance_home=home, outgoing_allow="127.0.0.1:10143")
            with transaction() as session:
                clinic_id = session.scalar(select(Clinic.id)) or open_clinic(session, **CLINIC).id
                connect_mailbox(session, clinic_id, MAILBOX)

    with transaction() as session:
        [mailbox] = session.scalars(select(Mailbox)).all()
        assert mailbox.password == read_accounts(tmp_path / "after" / "mailbox")[MAILBOX]
