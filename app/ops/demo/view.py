"""The story on the terminal: what was told so far, and each lead's timeline as the API shows it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

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
TOLD: Final = 4  # lines of the story that stay in view

Steps = Sequence[Mapping[str, Any]]


def scene(told: Sequence[str], timelines: Mapping[str, Steps], *, began: datetime) -> RenderableType:
    """Everything at once; rich draws the difference."""
    lines = Text("\n").join(Text(line) for line in told[-TOLD:])
    return Group(Panel(lines, title="The story", title_align="left"), timeline(timelines, began))


def timeline(timelines: Mapping[str, Steps], began: datetime) -> RenderableType:
    """Each lead's steps in the order they are due, in seconds of the story."""
    table = Table("lead", "due", "step", "does", "state", "why", "late", box=box.SIMPLE_HEAD, expand=True)
    for name, steps in timelines.items():
        for number, step in enumerate(steps):
            table.add_row("" if number else Text(name, "bold"), *cells(step, began))
        table.add_section()
    return table


def cells(step: Mapping[str, Any], began: datetime) -> list[str | Text]:
    """One step's row, without its lead."""
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
    """In milliseconds, which is what it comes to."""
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"
