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
from tests.support.chaos import QUICK, OpenClinic, call_task, enter, escalation
from tests.support.environment import ROOT
from tests.support.processes import START_PATIENCE, is_live, wait_until
from tests.support.run_results import RunResults

IMAGES = {
    name: service["image"]
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].items()
}
OWNER, LOGIN = f"postgres:{token_urlsafe(24)}", f"relance_web:{token_urlsafe(24)}"
NETWORK = "{default_pytest_celery_network.name}"

# --- in place of pytest-celery's own fixtures: Valkey as the broker, no result backend, our image as the worker ---


@pytest.fixture(scope="session")
def docker_client() -> docker.DockerClient:
    """Client of the Docker daemon. The other fixtures depend on it, so a skipped test starts nothing."""
    return reach_docker()


def reach_docker() -> docker.DockerClient:
    """Return a client of the Docker daemon, or skip the test if none answers."""
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
def default_worker_env(environment: dict[str, str], results: RunResults) -> dict[str, str]:
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
    """Environment from docker-compose.yml, with short times."""
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
class PublishedPostgres:
    """PostgreSQL in its container, at its published port."""

    address: str  # host:port

    def connect(self, database: str) -> psycopg.Connection:
        """Connect as the owner."""
        return psycopg.connect(f"postgresql://{OWNER}@{self.address}/{database}", autocommit=True)


@pytest.fixture
def results(
    docker_client: docker.DockerClient,
    relance_image: Any,
    default_pytest_celery_network: Any,
    environment: dict[str, str],
    postgres_server: Container,
    configure: Callable[..., None],
) -> Iterator[RunResults]:
    """Results in a database that was migrated as by docker-compose.yml. This process creates its clinic there."""
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
    yield RunResults(PublishedPostgres(f"{host}:{port}"))
    dispose()


@pytest.fixture
def clinic(web_server: Container) -> OpenClinic:
    """A clinic with a task for each new lead and an escalation after eight seconds."""
    host, port = web_server.get_addr("8000/tcp")
    url = f"http://{host}:{port}"
    wait_until(lambda: is_live(f"{url}/livez"), START_PATIENCE, "the API to answer")
    return enter(url, call_task(), escalation("8 seconds"))


# --- the scenarios ---


@pytest.mark.docker
def test_containers_run_steps_on_time_without_beat(
    celery_setup: CeleryTestSetup, results: RunResults, clinic: OpenClinic
) -> None:
    clinic.capture(20)  # and neither beat nor sweeps run that could find a step without its message

    each = {"speed-to-lead": 20, "no-contact": 20}
    results.wait_for(each)
    results.check(planned=each)


@pytest.mark.docker
def test_replaced_worker_container_loses_and_repeats_no_step(
    celery_setup: CeleryTestSetup, results: RunResults, clinic: OpenClinic, request: pytest.FixtureRequest
) -> None:
    worker, broker = celery_setup.worker, celery_setup.broker
    held = ["valkey-cli", "HLEN", "unacked"]
    clinic.capture(40)
    wait_until(lambda: results.ended()["speed-to-lead"] == 40, 60, "the first steps to end")
    wait_until(lambda: int(broker.container.exec_run(held).output) > 0, 60, "the worker to hold the other messages")

    worker.kill()
    assert results.ended()["no-contact"] < 40
    clinic.capture(20, start=40)
    assert results.ended()["speed-to-lead"] == 40
    request.getfixturevalue("replacement")

    each = {"speed-to-lead": 60, "no-contact": 60}
    results.wait_for(each)
    results.check(planned=each)


# --- without a daemon ---


def test_missing_docker_daemon_is_named_in_the_skip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/missing.sock")

    with pytest.raises(pytest.skip.Exception, match=r"no Docker daemon answers at unix:///.*/missing\.sock: .+"):
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
def test_overridden_fixture_exists_in_pytest_celery(name: str) -> None:
    assert type(getattr(pytest_celery, name)) is type(globals()[name])
