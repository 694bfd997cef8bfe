"""Requests of a user interface: each list with each filter and order, the boards, the dashboard."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from bench.list_requests import Listing, Reader

LEADS, QUEUE = "/api/leads", "/api/followups"
OPEN = "PENDING,IN_PROGRESS,OVERDUE"


def views() -> list[Listing]:
    """Return all measured requests, by name."""
    return [
        *_filters("leads", LEADS, _lead_filters()),
        *(Listing(f"leads, sort={sort}", _path(f"{LEADS}?sort={sort}")) for sort in _LEAD_SORTS),
        *_combined(),
        Listing("without next action", _path(f"{LEADS}/without-next-action?limit=50")),
        Listing("without next action, mine", _path(f"{LEADS}/without-next-action?assigned_to_id=me")),
        Listing("a lead", lambda reader: f"{LEADS}/{reader.leads[0]}"),
        Listing("board", _path("/api/pipeline/board")),
        Listing("board, mine", _path("/api/pipeline/board?assigned_to_id=me")),
        Listing("queue", _path(QUEUE)),
        *_filters("queue", QUEUE, _task_filters()),
        *(Listing(f"queue, sort={sort}", _path(f"{QUEUE}?sort={sort}")) for sort in _TASK_SORTS),
        Listing("queue, open, not rotting", _path(f"{QUEUE}?rotting=false&status={OPEN}")),
        Listing("queue, open, rotting", _path(f"{QUEUE}?rotting=true&status={OPEN}")),
        Listing("queue, done, not rotting", _path(f"{QUEUE}?rotting=false&status=COMPLETED")),
        Listing("dashboard", _path(f"{QUEUE}/dashboard")),
        Listing("dashboard, mine", _path(f"{QUEUE}/dashboard?assigned_to_id=me")),
        Listing("kanban", _path(f"{QUEUE}/kanban")),
        Listing("kanban, not rotting", _path(f"{QUEUE}/kanban?rotting=false")),
        Listing("calendar", _path(f"{QUEUE}/calendar")),
    ]


_LEAD_SORTS = (
    *("-created_at", "created_at", "-lead_value", "rots_at", "-rots_at"),
    *("next_follow_up_at", "-next_follow_up_at"),
)
_TASK_SORTS = ("due_at", "-due_at", "created_at", "-created_at")


def _lead_filters() -> list[tuple[str, str]]:
    return [
        ("status", "ACTIVE"),
        ("stage", "pending_decision"),
        ("assigned_to_id", "me"),
        ("created_from", _at(days=-30)),
        ("created_to", _at(days=-300)),
        ("tag", "tag 7"),
        ("channel", "MANUAL"),
        ("external_id", "4711"),
        ("value_from", "8990.00"),
        ("value_to", "10.00"),
        ("rotting", "true"),
        ("next_follow_up_from", _at(days=7)),
        ("next_follow_up_to", _at(days=-9)),
    ]


def _combined() -> list[Listing]:
    week = f"next_follow_up_from={_at(days=0)}&next_follow_up_to={_at(days=7)}"
    return [
        Listing("leads, rotting=false", _path(f"{LEADS}?rotting=false")),
        Listing("leads, next follow-up within a week", _path(f"{LEADS}?{week}")),
        Listing("leads, the same by it", _path(f"{LEADS}?{week}&sort=next_follow_up_at")),
        Listing("leads of a stage by next follow-up", _path(f"{LEADS}?stage=pending_decision&sort=next_follow_up_at")),
        Listing("my leads by next follow-up", _path(f"{LEADS}?assigned_to_id=me&sort=next_follow_up_at")),
        Listing("tagged leads by next follow-up", _path(f"{LEADS}?tag=tag%207&sort=next_follow_up_at")),
        Listing("my leads by when they rot", _path(f"{LEADS}?assigned_to_id=me&sort=rots_at")),
    ]


def _task_filters() -> list[tuple[str, str]]:
    return [
        ("status", OPEN),
        ("type", "EMAIL"),
        ("priority", "URGENT"),
        ("assigned_to_id", "me"),
        ("created_by", "me"),
        ("stage", "pending_decision"),
        ("pinned", "true"),
        ("tag", "vip"),
        ("due_from", _at(days=0)),
        ("due_to", _at(days=-30)),
        ("q", "insurance"),
        ("rotting", "true"),
        ("rotting", "false"),
    ]


def _filters(name: str, place: str, values: Iterable[tuple[str, str]]) -> list[Listing]:
    return [Listing(f"{name}, {key}={value[:16]}", _path(f"{place}?{key}={quote(value)}")) for key, value in values]


def _path(path: str) -> Callable[[Reader], str]:
    return lambda _: path


def _at(*, days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
