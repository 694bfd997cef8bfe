"""`relance demo`: the product's story in a minute, over REST, against the stack that runs."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from app import clock
from app.ops.cli.support.output import as_json, print_json
from app.ops.demo.client import Client
from app.ops.demo.stage import build
from app.ops.demo.story import ENDS_AFTER, TURNS, Story
from app.ops.demo.view import scene
from app.ops.embedded import CannotStart
from app.ops.stack.addresses import places
from app.ops.stack.environment import is_demo

LOOK_EVERY = 0.5  # seconds
OVER = frozenset({"done", "skipped", "cancelled", "failed", "unknown"})


@click.command()
@as_json
def demo(*, as_json: bool) -> None:
    """Tell the story in a minute: three leads come in, and real workers look after them."""
    if not is_demo():
        raise CannotStart("the story makes a clinic of its own: set RELANCE_ENV=demo")
    api = places().as_json()["api"]
    stage = build()
    story = Story(Client.sign_in(api, stage.coordinator.email, stage.coordinator.password))
    if as_json:
        print_json({"clinic": stage.slug, "timelines": run(story, lambda *_: None)})
        return
    show(story)
    if mailbox := places().mailbox:
        click.echo(f"The e-mails of the story lie in {mailbox}")


def show(story: Story) -> None:
    """On a terminal: drawn again and again, until the story ends."""
    began, console = clock.now(), Console()
    with Live(console=console, transient=True, vertical_overflow="crop") as live:
        run(story, lambda told, timelines: live.update(scene(told, timelines, began=began)))
        last = live.renderable
    console.print(last)  # whole, where the terminal was too low for it


def run(story: Story, draw: Callable[[Sequence[str], dict[str, Any]], None]) -> dict[str, Any]:
    """Let each turn happen at its second; returns the leads' timelines as they are at the end."""
    told: list[str] = []
    timelines: dict[str, Any] = {}
    for second in seconds_of_the_story():
        for turn in TURNS[len(told) :]:
            if turn.at > second:
                break
            turn.act(story)
            told.append(f"{turn.at:3.0f} s  {turn.told}")
        timelines = {name: steps_of(story, lead_id) for name, lead_id in story.ids.items()}
        draw(told, timelines)
        if len(told) == len(TURNS) and is_over(timelines):
            break
    return timelines


def seconds_of_the_story() -> Iterator[float]:
    """How far it is, every half second."""
    began = time.monotonic()
    while (second := time.monotonic() - began) < ENDS_AFTER:
        yield second
        time.sleep(LOOK_EVERY)


def steps_of(story: Story, lead_id: str) -> list[dict[str, Any]]:
    """What the automation did, does and will do for a lead."""
    steps: list[dict[str, Any]] = story.ben.get(f"/leads/{lead_id}/automation", limit=100)["items"]
    return steps


def is_over(timelines: dict[str, Any]) -> bool:
    """Whether nothing is pending for anybody."""
    return all(step["state"] in OVER for steps in timelines.values() for step in steps)
