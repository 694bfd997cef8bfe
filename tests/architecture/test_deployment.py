"""Procfile, docker-compose.yml and the queues in the code agree: every queue has workers."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery.utils.quorum_queues import detect_quorum_queues
from kombu import Queue

from app.config import Settings, get_settings
from app.engine.broker import QUEUES, celery, make_celery
from app.ops.stack.procfile import ROOT, parts

COMPOSE: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]
SYSTEMD = ROOT / "deploy" / "systemd"
NOT_PASSED = {
    "relance_home": "a folder of the image",
    "owner_database_url": "only for `migrate`",
    "port": "fixed in the container; PORT is the published one",
    "flower_port": "as `port`",
}
INFRASTRUCTURE = {"postgres", "valkey", "migrate"}
LONG_RUNNING = sorted(set(SERVICES) - {"migrate"})
WORKER_QUEUES = re.compile(r"worker .*-Q (\S+)")


def queues_of(command: str) -> list[str]:
    """Return the queues that a line of the Procfile consumes."""
    found = WORKER_QUEUES.search(command)
    return found[1].split(",") if found else []


def test_every_queue_has_exactly_one_group_of_workers() -> None:
    worked_on = [queue for part in parts().values() for queue in queues_of(part.command)]

    assert sorted(worked_on) == sorted(QUEUES)


def test_worker_is_named_after_its_part() -> None:
    for part in parts().values():
        if queues_of(part.command):
            assert f" -n {part.name}@%h" in part.command
            assert " -E " in part.command, "Flower sees only workers that send events"


def test_queues_are_classic_also_where_rabbitmq_defaults_to_quorum() -> None:
    assert {queue.queue_arguments["x-queue-type"] for queue in celery.conf.task_queues} == {"classic"}


def test_queues_are_quorum_queues_where_the_setting_says_so(configure: Callable[..., None]) -> None:
    configure(broker_url="amqp://127.0.0.1", broker_queue_type="quorum")
    conf = make_celery(get_settings()).conf
    declared = [recorded_type(queue) for queue in conf.task_queues]

    assert declared == ["quorum"] * len(QUEUES)
    assert conf.worker_prefetch_multiplier == 0, "quorum queues refuse a prefetch count that Celery raises"


def test_celery_holds_messages_of_quorum_queues_until_they_are_due(configure: Callable[..., None]) -> None:
    configure(broker_url="amqp://127.0.0.1", broker_queue_type="quorum")

    assert detect_quorum_queues(make_celery(get_settings()), "amqp") == (False, "")


def recorded_type(queue: Queue) -> str:
    """Return the type by which a queue is declared."""
    channel = RecordingChannel()
    queue.queue_declare(channel=channel)
    return channel.arguments["x-queue-type"]


class RecordingChannel:
    """Channel that keeps the arguments of the last declaration."""

    arguments: Mapping[str, str]

    def prepare_queue_arguments(self, arguments: Mapping[str, str], **_: object) -> Mapping[str, str]:
        return arguments

    def queue_declare(self, *, arguments: Mapping[str, str], **_: object) -> tuple[str, int, int]:
        self.arguments = arguments
        return "", 0, 0


def test_beat_runs_once() -> None:
    assert [part.name for part in parts().values() if " beat" in part.command] == ["beat"]


def test_compose_has_one_service_for_each_part_of_the_procfile() -> None:
    assert set(SERVICES) - INFRASTRUCTURE == set(parts()) - {"echo"}  # the echo gateway is for development only


@pytest.mark.parametrize("name", sorted(set(parts()) - {"mailbox", "echo"}))
def test_service_runs_the_part_of_its_name(name: str) -> None:
    assert SERVICES[name]["command"] == ["serve", "--watch", name]  # restarted when frozen


def test_compose_passes_every_setting() -> None:
    passed = {name.lower() for name in COMPOSE["x-environment"]}

    assert set(Settings.model_fields) - passed == set(NOT_PASSED)


def test_optional_settings_are_passed_without_a_value() -> None:
    """An empty text is not the default of a number."""
    given = {name: value for name, value in COMPOSE["x-environment"].items() if value is not None}

    assert {name for name, value in given.items() if "${" in value} == {
        *("SECRET_KEY", "DATABASE_URL", "BROKER_URL", "PUBLIC_URL", "SMTP_URL", "MAIL_FROM", "TRUSTED_PROXIES")
    }


def test_e_mail_goes_to_the_catcher_only_on_request() -> None:
    assert SERVICES["mailbox"]["profiles"] == ["mailbox"]
    assert COMPOSE["x-environment"]["SMTP_URL"].startswith("${SMTP_URL:?")


def test_logs_are_rotated_and_images_pinned() -> None:
    for name, service in SERVICES.items():
        assert service["logging"]["options"] == {"max-size": "50m", "max-file": "5"}, name
        assert name not in {"postgres", "valkey"} or re.search(r":\d+\.\d+", service["image"]), name


def test_systemd_units_start_every_part() -> None:
    target = (SYSTEMD / "relance.target").read_text()
    started = set(re.findall(r"relance(?:-worker)?@(\w+)\.service", target))

    assert started == set(parts()) - {"mailbox", "echo"}
    for unit in ("relance@.service", "relance-worker@.service"):
        text = (SYSTEMD / unit).read_text()
        assert "ExecStart=/opt/relance/.venv/bin/relance serve %i" in text
        assert "Restart=always" in text


def test_systemd_holds_the_address_of_the_api_and_calls_the_backup() -> None:
    held = (SYSTEMD / "relance-web.socket").read_text()
    assert "Service=relance@web.service" in held
    assert "ListenStream=127.0.0.1:8000" in held
    assert "Sockets=relance-web.socket" in (SYSTEMD / "relance@web.service.d" / "socket.conf").read_text()
    assert "OnCalendar=" in (SYSTEMD / "relance-backup.timer").read_text()
    (command,) = re.findall(r"ExecStart=/opt/relance/(\S+)", (SYSTEMD / "relance-backup.service").read_text())
    assert os.access(ROOT / command, os.X_OK)


def test_systemd_watches_parts_that_send_heartbeats() -> None:
    watched = set(re.findall(r"relance-worker@(\w+)\.service", (SYSTEMD / "relance.target").read_text()))

    assert watched == {*QUEUES, "beat", "stream", "inbound"}
    assert "WatchdogSec" in (SYSTEMD / "relance-worker@.service").read_text()
    assert "WatchdogSec" not in (SYSTEMD / "relance@.service").read_text()


def test_mailbox_runs_the_command_of_the_procfile() -> None:
    assert " ".join(SERVICES["mailbox"]["entrypoint"]) == parts()["mailbox"].command


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_long_running_services_are_restarted(name: str) -> None:
    assert SERVICES[name]["restart"] == "always"


@pytest.mark.parametrize("name", ["web", "steps", "deliveries", "bulk", "sweeps", "postgres", "valkey"])
def test_servers_have_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_tables_are_migrated_by_their_owner_before_anything_starts() -> None:
    migrate = SERVICES["migrate"]

    assert migrate["command"][0] == "init"
    assert migrate["restart"] == "no"
    assert "OWNER_DATABASE_URL" in migrate["environment"]
    assert "OWNER_DATABASE_URL" not in SERVICES["web"]["environment"]
    for name in ("web", *QUEUES, "beat", "inbound"):
        assert "migrate" in SERVICES[name]["depends_on"]


def test_compose_file_contains_no_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    for name in re.findall(r"\$\{(\w*(?:SECRET|PASSWORD)\w*)([^}]*)\}", text):
        assert name[1].startswith(":?"), f"{name[0]} has a default or may be empty"


def test_only_loopback_is_published_and_no_data_server() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:"), name
    assert "ports" not in SERVICES["postgres"]
    assert "ports" not in SERVICES["valkey"]


def test_proxies_are_trusted_only_when_the_operator_counts_them() -> None:
    assert SERVICES["web"]["environment"]["TRUSTED_PROXIES"] == "${TRUSTED_PROXIES:-0}"
    assert 'forwarded_allow_ips = ""' in (ROOT / "gunicorn.conf.py").read_text()


def test_broker_persists_messages_and_needs_a_password() -> None:
    command = " ".join(SERVICES["valkey"]["command"])

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert "--requirepass" in command


def test_flower_is_read_only_on_loopback_with_a_password() -> None:
    flower = (ROOT / "flowerconfig.py").read_text()

    assert 'FLOWER_ADDRESS", "127.0.0.1"' in flower
    assert 'FLOWER_READ_ONLY", "true"' in flower
    assert "does not start without" in flower


def test_image_installs_the_hashed_lock_file() -> None:
    image = Path(ROOT / "Dockerfile").read_text()

    assert "--require-hashes" in image
    assert "USER relance" in image


@pytest.mark.parametrize("lock", ["run", "dev", "bench", "oban"])
def test_lock_file_has_hashes_and_no_index_url(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    pinned = re.findall(r"^[a-zA-Z0-9._-]+(?:\[[^\]]+\])?==", text, flags=re.MULTILINE)

    assert len(pinned) > 30
    assert text.count("--hash=sha256:") >= len(pinned)
    assert not re.search(r"https?:|file:|--(?:extra-)?index-url|--find-links", text)
