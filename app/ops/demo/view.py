"""Terminal view of the demo scenario: the log so far, and each lead's timeline from the API."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.core.type_aliases import JsonObject

COLOURS: Final[Mapping[str, str]] = {
    "planned": "dim",
    "published": "cyan",
    "running": "yellow",
    "done": "green",
    "skipped": "magenta",
    "cancelled": "magenta",
    "failed": "bold red",
    "unknown": "bold red",
}
VISIBLE_LINES: Final = 4  # lines of the log
BAR: Final = 6  # characters for each lead

Steps = Sequence[JsonObject]


def scene(log: Sequence[str], timelines: Mapping[str, Steps], *, began: datetime) -> RenderableType:
    """Return the complete view. rich draws the changes."""
    lines = Text("\n").join(Text(line) for line in log[-VISIBLE_LINES:])
    return Group(Panel(lines, title="Demo scenario", title_align="left"), timeline(timelines, began))


def timeline(timelines: Mapping[str, Steps], began: datetime) -> RenderableType:
    """Return a table of each lead's steps by due time, in seconds since the start."""
    table = Table("lead", "due", "step", "does", "state", "why", "late", box=box.SIMPLE_HEAD, expand=True)
    for name, steps in timelines.items():
        for number, step in enumerate(steps):
            table.add_row("" if number else Text(name, "bold"), *cells(step, began))
        table.add_section()
    return table


def funnel(rows: Sequence[JsonObject]) -> Table:
    """Return the conversion funnel: for each stage the leads that reached it and those still there."""
    table = Table("stage", "reached", "", "still in", "of the stage before", box=box.SIMPLE_HEAD)
    table.title, table.title_justify = "Funnel of the three leads (GET /api/leads/analytics/funnel)", "left"
    before = 0
    for row in rows:
        figures = {one["metric"]: int(one["value"] or 0) for one in row["figures"]}
        reached = figures["reached"]
        share = f"{reached / before:.0%}" if before else ""
        table.add_row(row["label"], str(reached), "█" * (BAR * reached), str(figures["still_in"]), share)
        before = reached
    return table


def cells(step: JsonObject, began: datetime) -> list[str | Text]:
    """Return the table cells of a step, without the lead."""
    due = (datetime.fromisoformat(step["due_at"]) - began).total_seconds()
    return [
        f"{due:5.1f} s",
        step["name"],
        step["kind"].replace("_", " "),
        Text(step["state"], COLOURS.get(step["state"], "")),
        (step["reason"] or "").replace("_", " "),
        lateness(step["lateness_seconds"]),
    ]


def lateness(seconds: float | None) -> str:
    """Format the lateness in milliseconds."""
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"
