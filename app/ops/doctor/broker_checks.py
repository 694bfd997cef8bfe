"""Checks of the broker and of the workers that listen to it."""

from collections import Counter
from collections.abc import Iterator

from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeout

from app.config import get_settings
from app.engine.broker import IMPATIENT, QUEUES, answering_workers, celery
from app.engine.broker_health import redis_client, write_refusal
from app.ops.doctor.check import TIMEOUT, Check
from app.ops.doctor.local_processes import advice_for_silent
from app.ops.stack.connectivity import broker_problem, first_line

REPLY_TIMEOUTS = (0.3, 0.5)  # seconds; a busy worker may miss the first question
WAITS = "steps wait in the database until then"


def check_broker() -> Iterator[Check]:
    """Check that the broker answers and takes writes, and that each queue has a worker that answers."""
    broker = _broker()
    yield broker
    if broker.is_fine:
        yield from _workers()


def _broker() -> Check:
    client = redis_client(get_settings(), timeout=TIMEOUT)
    if client is None:
        problem = broker_problem(get_settings(), timeout=TIMEOUT)
        advice = f"start the broker or correct BROKER_URL; {WAITS}"
        return Check("broker", problem, advice) if problem else _declared()
    with client:
        try:
            return _redis(client)
        except (RedisError, OSError) as error:
            return Check("broker", f"BROKER_URL: {first_line(error)}", f"{_advice(error)}; {WAITS}")


def _declared() -> Check:
    """Check that RabbitMQ has no queue of another type: workers cannot take messages from it."""
    with celery.connection_for_read(transport_options=IMPATIENT) as connection:
        for queue in celery.conf.task_queues:
            try:
                queue(connection.default_channel).declare()
            except connection.channel_errors as error:
                found = f"refuses the queue {queue.name}: {first_line(error)}"
                advice = f"delete this queue, or correct BROKER_QUEUE_TYPE ({get_settings().broker_queue_type})"
                return Check("broker", found, f"{advice}; {WAITS}")
    return Check("broker", "answers")


def _redis(client: Redis) -> Check:
    """Check writes and the eviction policy. A broker that evicts loses messages; the sweep sends them late."""
    if refusal := write_refusal(client):
        return Check("broker", f"answers, but refuses writes: {refusal}", f"{_storage_advice(refusal)}; {WAITS}")
    policy = _eviction_policy(client)
    if policy is None:
        return Check("broker", "answers; its eviction policy is not visible to this login (it must be noeviction)")
    advice = "" if policy == "noeviction" else "set `maxmemory-policy noeviction` in the broker"
    return Check("broker", f"answers, {policy}", advice)


def _eviction_policy(client: Redis) -> str | None:
    """Return the policy. None for a login without the rights to read it, as on managed servers."""
    try:
        found: dict[str, str] = client.info("memory")
    except NoPermissionError:
        return None
    return found.get("maxmemory_policy")


def _advice(error: Exception) -> str:
    if isinstance(error, AuthenticationError | NoPermissionError):
        return "correct user and password in BROKER_URL, and the rights of the user"
    if isinstance(error, BusyLoadingError):
        return "wait: the broker reads its data from the disk"
    if isinstance(error, RedisTimeout):
        return "it is mute: restart it, or correct BROKER_URL (`relance serve` restarts its own after 15 seconds)"
    if isinstance(error, ResponseError):
        return "see the log of the broker"
    return "start the broker or correct BROKER_URL"


def _storage_advice(refusal: str) -> str:
    if "MISCONF" in refusal:
        return "free space on the disk of the broker"
    if "replica" in refusal:
        return "point BROKER_URL to a server that accepts writes, and check its replicas"
    return "raise its `maxmemory`, or give it more memory"


def _workers() -> Iterator[Check]:
    nodes: dict[str, Counter[str]] = {queue: Counter() for queue in QUEUES}
    for timeout in REPLY_TIMEOUTS:
        if not all(nodes.values()):
            answers = Counter(answering_workers(timeout))
            for (queue, node), number in answers.items():
                nodes[queue][node] = max(nodes[queue][node], number)
    for queue, names in nodes.items():
        advice = "" if names else advice_for_silent(queue, f"run `relance serve {queue}`")
        found = ", ".join(_named(node, number) for node, number in sorted(names.items()))
        yield Check(f"workers: {queue}", found or "no worker answers", advice)


def _named(node: str, number: int) -> str:
    if number == 1:
        return node
    return f"{number} workers named {node} (Flower shows them as one: give their hosts different names)"
