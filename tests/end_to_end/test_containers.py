"""The workers in containers: pytest-celery's broker and worker nodes, this repository's image, PostgreSQL beside them.

Needs a Docker daemon, and is skipped with the reason where none answers. The same scenarios run without Docker, and
many more, on real servers and real processes in tests/end_to_end/test_chaos_*.py.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import docker
import psycopg
import pytest
import pytest_celery
import yaml
from docker.errors import DockerException
from pytest_celery import CeleryBrokerCluster, CeleryTestSetup, CeleryWorkerContainer, RedisContainer, RedisTestBroker
from pytest_docker_tools import build, container, fxtr
from pytest_docker_tools.wrappers import Container

from app.core.db import dispose
from tests.support.chaos import FOUND_AGAIN, QUICK, OpenClinic, call_task, enter, escalation
from tests.support.environment import ROOT
from tests.support.ledger import Ledger
from tests.support.processes import START_PATIENCE, is_live, wait_until

IMAGES = {
    name: service["image"]
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].items()
}
OWNER, LOGIN = f"postgres:{token_urlsafe(24)}", f"relance_web:{token_urlsafe(24)}"
NETWORK = "{default_pytest_celery_network.name}"

# --- in place of pytest-celery's own fixtures: Valkey as the broker, no result backend, our image as the worker ---


@pytest.fixture(scope="session")
def docker_client() -> docker.DockerClient:
    """Everything below needs it, so nothing else is started before a test is skipped."""
    return reach_docker()


def reach_docker() -> docker.DockerClient:
    """The daemon; where none answers, the test that asks is skipped."""
    try:
        docker.from_env(timeout=5).ping()
    except (DockerException, OSError) as error:
        place = os.environ.get("DOCKER_HOST", "the default address")
        pytest.skip(f"no Docker daemon answers at {place}: {error}")
    return docker.from_env()


class ValkeyContainer(RedisContainer):
    """The broker that docker-compose.yml runs."""

    @classmethod
    def image(cls) -> str:
        return str(IMAGES["valkey"])

    @classmethod
    def command(cls, *args: str, **_: Any) -> list[str]:
        return ["valkey-server", *super().command(*args)[1:]]


@pytest.fixture
def default_redis_broker_cls() -> type[RedisContainer]:
    return ValkeyContainer


@pytest.fixture
def celery_broker_cluster(celery_redis_broker: RedisTestBroker) -> Iterator[CeleryBrokerCluster]:
    """Not every broker that pytest-celery knows."""
    cluster = CeleryBrokerCluster(celery_redis_broker)
    yield cluster
    cluster.teardown()


@pytest.fixture
def celery_backend_cluster() -> None:
    """There is none: a step's row holds its result."""


@pytest.fixture
def default_worker_env(environment: dict[str, str], ledger: Ledger) -> dict[str, str]:
    """For a worker that starts when the tables are there."""
    return environment


relance_image = build(path=str(ROOT), tag="relance:tests")

WORKER: Mapping[str, Any] = {
    "image": "{relance_image.id}",
    "environment": fxtr("default_worker_env"),
    "network": NETWORK,
    "wrapper_class": CeleryWorkerContainer,
    "timeout": START_PATIENCE,
}
default_worker_container = container(**WORKER, command=["serve", "steps"])

# --- what a worker needs around it ---

replacement = container(**WORKER, command=["serve", "steps", "sweeps", "beat"])

postgres_server = container(
    image=IMAGES["postgres"],
    environment={"POSTGRES_DB": "relance", "POSTGRES_PASSWORD": OWNER.partition(":")[2]},
    ports={"5432/tcp": None},
    tmpfs={"/var/lib/postgresql": "rw"},  # its volume would be left behind
    network=NETWORK,
    timeout=START_PATIENCE,
)

web_server = container(
    image="{relance_image.id}",
    environment=fxtr("web_env"),
    ports={"8000/tcp": None},
    network=NETWORK,
    timeout=START_PATIENCE,
    command=["serve", "web"],
)


@pytest.fixture
def environment(celery_broker_cluster: CeleryBrokerCluster, postgres_server: Container) -> dict[str, str]:
    """What docker-compose.yml gives every part, and short times."""
    [broker_url] = celery_broker_cluster.config()["urls"]
    return {
        **QUICK,
        "HORIZON_SECONDS": "9",
        "RELANCE_ENV": "production",
        "SECRET_KEY": token_urlsafe(32),
        "DATABASE_URL": f"postgresql://{LOGIN}@{postgres_server.name}:5432/relance",
        "BROKER_URL": broker_url,
    }


@pytest.fixture
def web_env(default_worker_env: dict[str, str]) -> dict[str, str]:
    return {**default_worker_env, "BIND_ADDRESS": "0.0.0.0"}


@dataclass(frozen=True)
class Outside:
    """PostgreSQL in its container, as this process reaches it."""

    address: str  # host:port

    def connect(self, database: str) -> psycopg.Connection:
        """A connection of the owner's, as the ledger wants it."""
        return psycopg.connect(f"postgresql://{OWNER}@{self.address}/{database}", autocommit=True)


@pytest.fixture
def ledger(
    docker_client: docker.DockerClient,
    relance_image: Any,
    default_pytest_celery_network: Any,
    environment: dict[str, str],
    postgres_server: Container,
    configure: Callable[..., None],
) -> Iterator[Ledger]:
    """The books of a database that was migrated as docker-compose.yml does it. This process opens its clinic there."""
    docker_client.containers.run(
        relance_image.id,
        ["init", "--login"],
        environment={**environment, "OWNER_DATABASE_URL": environment["DATABASE_URL"].replace(LOGIN, OWNER)},
        network=default_pytest_celery_network.name,
        remove=True,
    )
    host, port = postgres_server.get_addr("5432/tcp")
    configure(database_url=f"postgresql://{LOGIN}@{host}:{port}/relance")
    dispose()
    yield Ledger(Outside(f"{host}:{port}"))
    dispose()


@pytest.fixture
def clinic(web_server: Container) -> OpenClinic:
    """At once a task for each lead; after eight seconds, an escalation."""
    host, port = web_server.get_addr("8000/tcp")
    url = f"http://{host}:{port}"
    wait_until(lambda: is_live(f"{url}/livez"), START_PATIENCE, "the API to answer")
    return enter(url, call_task(), escalation("8 seconds"))


# --- the scenarios ---


@pytest.mark.docker
def test_messages_alone_wake_a_worker_in_a_container_at_their_time(
    celery_setup: CeleryTestSetup, ledger: Ledger, clinic: OpenClinic
) -> None:
    clinic.capture(20)  # and neither beat nor sweeps run that could find a step without its message

    each = {"speed-to-lead": 20, "no-contact": 20}
    ledger.wait_for(each)
    ledger.check(planned=each, late_at_most=5)


@pytest.mark.docker
def test_a_worker_container_that_is_killed_and_replaced_loses_and_doubles_nothing(
    celery_setup: CeleryTestSetup, ledger: Ledger, clinic: OpenClinic, request: pytest.FixtureRequest
) -> None:
    worker, broker = celery_setup.worker, celery_setup.broker
    held = ["valkey-cli", "HLEN", "unacked"]
    clinic.capture(40)
    wait_until(lambda: ledger.ended()["speed-to-lead"] == 40, 30, "the first steps to end")
    wait_until(lambda: int(broker.container.exec_run(held).output) > 0, 5, "the worker to hold messages of the others")

    worker.kill()
    assert ledger.ended()["no-contact"] < 40
    clinic.capture(20, start=40)
    assert ledger.ended()["speed-to-lead"] == 40
    request.getfixturevalue("replacement")

    each = {"speed-to-lead": 60, "no-contact": 60}
    ledger.wait_for(each)
    ledger.check(planned=each, late_at_most=FOUND_AGAIN)


# --- what can be said without a daemon ---


def test_without_a_daemon_the_skip_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")

    with pytest.raises(pytest.skip.Exception, match=r"no Docker daemon answers at unix:///.*/nobody\.sock: .+"):
        reach_docker()


@pytest.mark.parametrize(
    "name",
    [
        "celery_backend_cluster",
        "celery_broker_cluster",
        "default_redis_broker_cls",
        "default_worker_container",
        "default_worker_env",
    ],
)
def test_what_is_put_in_place_of_pytest_celerys_own_is_still_called_so(name: str) -> None:
    assert type(getattr(pytest_celery, name)) is type(globals()[name])
