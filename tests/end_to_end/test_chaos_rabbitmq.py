"""A node of a RabbitMQ cluster dies or freezes while workers hold messages of quorum queues."""

import time
from collections.abc import Callable
from typing import Final

from app.config import get_settings
from app.ops.stack.connectivity import broker_problem
from tests.support.chaos import QUICK, OpenClinic, Scene, call_task, ready
from tests.support.processes import Process, wait_until
from tests.support.rabbitmq import Cluster, Node, requires_rabbitmq, running_cluster
from tests.support.step_copies import NAME, plan_copies

COPIES: Final = 5000
HELD_FOR: Final = 25  # seconds
PATIENCE: Final = 300.0  # seconds; redelivered messages are run one by one, and the nodes share the machine
FROZEN_FOR: Final = 150.0  # seconds at most
FEW: Final = 500  # copies for the frozen node; the test is about time, not about numbers
MOST: Final = 450  # of them; a few messages may be published again only after beat has reached another node
# A sweep must not send thousands of messages again while workers read the first ones.
LONG: Final = {**QUICK, "HORIZON_SECONDS": "45", "VISIBILITY_TIMEOUT": "60", "REPUBLISH_AFTER_SECONDS": "10"}
# The process that publishes sends one step per message; those that run steps claim many at once.
ONE_EACH: Final = {"BATCH_SIZE": "1"}


@requires_rabbitmq
def test_loss_of_a_rabbitmq_node_loses_and_repeats_no_step(scene: Scene, configure: Callable[..., None]) -> None:
    with running_cluster() as cluster:
        configure(**cluster.env)
        clinic, processes = _start(scene, cluster)
        cluster.kill(_leader_with_held_messages(scene, cluster, COPIES))
        during = clinic.capture(10, start=1)

        assert [answer.status for answer in during] == [201] * 10
        planned = {NAME: COPIES + 11}
        scene.results.wait_for(planned, patience=PATIENCE)
        scene.results.check(planned=planned)  # prints how late the steps were
        assert all(process.is_running() for process in processes)


@requires_rabbitmq
def test_frozen_rabbitmq_node_stops_no_step_and_repeats_none(scene: Scene, configure: Callable[..., None]) -> None:
    """A frozen node closes no connection. Workers notice it by missing heartbeats and go on at another node."""
    with running_cluster() as cluster:
        configure(**cluster.env)
        clinic, processes = _start(scene, cluster)
        leader = _leader_with_held_messages(scene, cluster, FEW)
        cluster.freeze(leader)
        frozen_at = time.monotonic()
        assert [answer.status for answer in clinic.capture(10, start=1)] == [201] * 10
        wait_until(lambda: scene.results.ended()[NAME] >= MOST, FROZEN_FOR, "held steps to end meanwhile")
        print(f"{MOST} steps had ended {time.monotonic() - frozen_at:.0f} s after the node froze")

        cluster.thaw(leader)
        assert [answer.status for answer in clinic.capture(5, start=11)] == [201] * 5
        planned = {NAME: FEW + 16}
        scene.results.wait_for(planned, patience=PATIENCE)
        scene.results.check(planned=planned)
        assert all(process.is_running() for process in processes)


def _start(scene: Scene, cluster: Cluster) -> tuple[OpenClinic, list[Process]]:
    """Start the API, workers and beat on the cluster. Returns the clinic, where one step is done, and the processes."""
    assert broker_problem(get_settings()) is None
    scene.env = {**LONG, **cluster.env}
    workers = [scene.start_worker("steps"), scene.start_worker("steps")]
    scene.env |= ONE_EACH
    workers += [scene.start_worker("sweeps", concurrency=1)]
    beat = scene.start_beat()
    clinic = scene.open(call_task())
    ready(*workers)
    clinic.capture(1)
    wait_until(lambda: scene.results.ended()[NAME] == 1, 60, "the step of the first lead to end")
    return clinic, [*workers, beat]


def _leader_with_held_messages(scene: Scene, cluster: Cluster, copies: int) -> Node:
    """Plan copies of the step and wait until workers hold them. Returns the node that leads the queue."""
    with scene.postgres.connect("relance") as owner:
        plan_copies(owner, copies, seconds=HELD_FOR)
    wait_until(lambda: _held(cluster) >= copies or scene.results.ended()[NAME] > 1, PATIENCE, "messages to be held")
    return _leader(cluster)


def _held(cluster: Cluster) -> int:
    """Return the number of messages that workers hold, at most five seconds old."""
    return int(cluster.queues()["steps"]["messages_unacknowledged"])


def _leader(cluster: Cluster) -> Node:
    """Return the node that leads the queue. Check that each node has a copy of it."""
    steps = cluster.queues()["steps"]
    print(f"\n{steps['messages_unacknowledged']} messages held: {steps['leader']} leads")
    assert steps["type"] == "quorum"
    assert sorted(steps["members"]) == [node.name for node in cluster.nodes]
    [leader] = [node for node in cluster.nodes if node.name == steps["leader"]]
    return leader
