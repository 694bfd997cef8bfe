"""Prometheus metrics (`/metrics`). Counters come from the rows of each process, gauges from the last census."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app import models as _models  # noqa: F401  (registers all tables)
from app.config import get_settings
from app.core.database_roles import access_problems
from app.core.db import Base
from app.core.files.disk_space import data_disks
from app.core.type_aliases import JsonObject
from app.engine import broker
from app.engine.broker_health import broker_takes_writes
from app.engine.models import SweepRun
from app.engine.statistics.metrics_store import LATENESS_BUCKETS, REQUEST_BUCKETS, present, totals
from app.engine.steps.holds import current_hold
from app.http.request_metrics import ALIVE_FOR, IN_FLIGHT, POOL_SIZE, POOL_USED
from app.messaging.mailboxes.failure_notices import mailbox_figures
from app.messaging.outages.models import ChannelOutage

# metric name in `counters` → name and help in Prometheus
COUNTERS = {
    "steps": ("relance_steps", "Steps that ended, by kind and outcome"),
    "notifications": ("relance_notifications", "Notifications that changed state, by channel and state"),
    "webhooks": ("relance_webhook_calls", "Calls of webhook endpoints, by outcome"),
    "republished": ("relance_steps_republished", "Steps published again because they were late"),
    "http_requests": ("relance_http_requests", "Calls of the API, by method, route and status"),
    "refused": ("relance_duplicates_refused", "Steps of a message that were already done when it arrived"),
}

Counted: TypeAlias = tuple[str, Mapping[str, str], float]  # metric, labels, value

log = structlog.get_logger()


def render(session: Session) -> bytes:
    """Return all metrics in the Prometheus text format. Without the broker, the queue gauges are missing."""
    registry = CollectorRegistry()
    registry.register(_Collector(session))
    return generate_latest(registry)


class _Collector:
    def __init__(self, session: Session) -> None:
        self._session = session

    def collect(self) -> Iterator[Metric]:
        counted = totals(self._session)
        yield from _counters(counted)
        yield _lateness(counted)
        yield _request_seconds(counted)
        yield from _load(self._session)
        yield _held(self._session)
        yield _channels(self._session)
        yield _mailboxes(self._session)
        yield _access(self._session)
        yield from _sweeps(self._session)
        yield from _queues()
        yield _broker()
        yield from _disks()


def _counters(counted: Iterable[Counted]) -> Iterator[Metric]:
    families: dict[str, CounterMetricFamily] = {}
    for metric, labels, value in counted:
        if metric in COUNTERS:
            name, words = COUNTERS[metric]
            family = families.setdefault(metric, CounterMetricFamily(name, words, labels=sorted(labels)))
            family.add_metric([labels[key] for key in sorted(labels)], value)
    yield from families.values()


def _lateness(counted: Iterable[Counted]) -> Metric:
    family = HistogramMetricFamily(
        "relance_step_lateness_seconds", "When a step ran, minus when it was due", labels=["kind"]
    )
    return _filled(family, counted, "lateness", LATENESS_BUCKETS)


def _request_seconds(counted: Iterable[Counted]) -> Metric:
    family = HistogramMetricFamily(
        "relance_http_request_seconds", "Duration of calls of the API", labels=["method", "route"]
    )
    return _filled(family, counted, "http_seconds", REQUEST_BUCKETS)


def _filled(family: HistogramMetricFamily, counted: Iterable[Counted], name: str, bounds: Sequence[float]) -> Metric:
    """Fill a histogram from the series `name`, with a bucket as `le`, and `name_sum`."""
    found: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    total: dict[tuple[str, ...], float] = {}
    for metric, labels, value in counted:
        key = tuple(labels[one] for one in sorted(labels) if one != "le")
        if metric == name:
            found[key][labels["le"]] = value
        elif metric == f"{name}_sum":
            total[key] = value
    for key, buckets in found.items():
        family.add_metric(key, _cumulated(buckets, bounds), total.get(key, 0.0))
    return family


def _cumulated(buckets: Mapping[str, float], bounds: Sequence[float]) -> list[tuple[str, float]]:
    seen, cumulated = 0.0, []
    for bound in ("+Inf" if bound == float("inf") else str(bound) for bound in bounds):
        seen += buckets.get(bound, 0.0)
        cumulated.append((bound, seen))
    return cumulated


def _load(session: Session) -> Iterator[Metric]:
    """Yield the load of the processes that serve calls. Each writes every few seconds."""
    now = present(session, clock.now() - ALIVE_FOR)
    running = GaugeMetricFamily("relance_http_requests_in_flight", "Calls that are being served")
    running.add_metric([], now.get(IN_FLIGHT, 0.0))
    pool = GaugeMetricFamily(
        "relance_database_pool", "Database connections of the API: in use, and at most", labels=["state"]
    )
    pool.add_metric(["used"], now.get(POOL_USED, 0.0))
    pool.add_metric(["most"], now.get(POOL_SIZE, 0.0))
    yield running
    yield pool


def _held(session: Session) -> Metric:
    family = GaugeMetricFamily("relance_held", "1 while the system is held, so that no step runs")
    family.add_metric([], 1 if current_hold(session) else 0)
    return family


def _sweeps(session: Session) -> Iterator[Metric]:
    runs = list(session.scalars(select(SweepRun)))
    now = clock.now()
    ages = GaugeMetricFamily("relance_sweep_age_seconds", "Seconds since a sweep last finished", labels=["sweep"])
    for run in runs:
        if run.finished_at:
            ages.add_metric([run.name], (now - run.finished_at).total_seconds())
    yield ages
    results = {run.name: run.result for run in runs if run.result}
    yield from _census(results.get("census", {"steps": []}), now)
    yield _workers(results.get("workers", {}))


def _census(census: JsonObject, now: datetime) -> Iterator[Metric]:
    steps = GaugeMetricFamily(
        "relance_steps_present", "Steps by state and kind, at the last census", labels=["state", "kind"]
    )
    oldest = GaugeMetricFamily(
        "relance_oldest_overdue_seconds", "How long the oldest unfinished step has been due", labels=["kind"]
    )
    for row in census["steps"]:
        steps.add_metric([row["state"], row["kind"]], row["n"])
    for kind, due_at in census.get("oldest", {}).items():
        overdue = (now - datetime.fromisoformat(due_at)).total_seconds()
        oldest.add_metric([kind], max(overdue, 0.0))
    idle = GaugeMetricFamily(
        "relance_leads_without_next_action", "Open leads with neither a task nor a step, at the last census"
    )
    if "leads_without_next_action" in census:
        idle.add_metric([], census["leads_without_next_action"])
    yield steps
    yield oldest
    yield idle
    if "messages" in census:
        yield from _messages(census["messages"], now)
    if "webhooks" in census:
        yield from _webhooks(census["webhooks"], now)


def _webhooks(found: JsonObject, now: datetime) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "relance_webhooks_waiting", "Events that wait for webhook endpoints, at the last census", labels=["state"]
    )
    for state in ("pending", "sending"):
        waiting.add_metric([state], found[state])
    age = GaugeMetricFamily("relance_oldest_webhook_seconds", "Age of the oldest of these events")
    oldest = found["oldest"]
    age.add_metric([], (now - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0.0)
    endpoints = GaugeMetricFamily("relance_webhook_endpoints", "Webhook endpoints by state", labels=["state"])
    for state, number in found["endpoints"].items():
        endpoints.add_metric([state], number)
    yield waiting
    yield age
    yield endpoints


def _messages(backlog: JsonObject, now: datetime) -> Iterator[Metric]:
    late = GaugeMetricFamily(
        "relance_messages_late",
        "Messages and webhooks tried without success (retrying) or waiting for a channel (waiting), at the last census",
        labels=["because"],
    )
    late.add_metric(["retrying"], backlog["retrying"])
    late.add_metric(["waiting"], backlog["waiting"])
    age = GaugeMetricFamily("relance_oldest_late_message_seconds", "Age of the oldest of these messages")
    oldest = backlog["oldest"]
    age.add_metric([], (now - datetime.fromisoformat(oldest)).total_seconds() if oldest else 0.0)
    yield late
    yield age


def _workers(answering: JsonObject) -> Metric:
    family = GaugeMetricFamily("relance_workers", "Workers that answered at the last census", labels=["queue"])
    for queue, number in answering.items():
        family.add_metric([queue], number)
    return family


def _channels(session: Session) -> Metric:
    family = GaugeMetricFamily(
        "relance_channel_down", "1 while messages wait for a channel or a gateway (its id)", labels=["channel"]
    )
    for outage in session.scalars(select(ChannelOutage)):
        family.add_metric([outage.target], 1 if outage.opened_at else 0)
    return family


def _mailboxes(session: Session) -> Metric:
    family = GaugeMetricFamily("relance_mailboxes", "Active mailboxes: all, failing, or read by none", labels=["state"])
    figures = mailbox_figures(session)
    for state in ("active", "failing", "unread"):
        family.add_metric([state], getattr(figures, state))
    return family


def _access(session: Session) -> Metric:
    family = GaugeMetricFamily("relance_access_problems", "Roles, grants and policies that are missing")
    family.add_metric([], len(access_problems(session.connection(), Base.metadata.tables.keys())))
    return family


def _queues() -> Iterator[Metric]:
    depth = GaugeMetricFamily("relance_queue_messages", "Messages waiting in a queue", labels=["queue"])
    oldest = GaugeMetricFamily("relance_queue_oldest_seconds", "Age of the oldest waiting message", labels=["queue"])
    try:
        for state in broker.queue_states():
            depth.add_metric([state.queue], state.messages)
            oldest.add_metric([state.queue], state.oldest_seconds)
    except Exception as error:  # noqa: BLE001  (whatever the broker raises, the rest of the scrape stands)
        log.warning("metrics.broker_unavailable", because=type(error).__name__)
    yield depth
    yield oldest


def _broker() -> Metric:
    family = GaugeMetricFamily("relance_broker_up", "1 while the broker answers and takes writes")
    family.add_metric([], 1 if broker_takes_writes() else 0)
    return family


def _disks() -> Iterator[Metric]:
    free = GaugeMetricFamily("relance_disk_free_bytes", "Free space on the disks of RELANCE_HOME", labels=["folder"])
    size = GaugeMetricFamily("relance_disk_size_bytes", "Size of these disks", labels=["folder"])
    for disk in data_disks(get_settings()):
        free.add_metric([str(disk.folder)], disk.free)
        size.add_metric([str(disk.folder)], disk.size)
    yield free
    yield size
