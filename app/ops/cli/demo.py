"""`relance demo`: a one-minute demo scenario over REST, against the running stack."""

import time
from collections.abc import Callable, Iterator, Sequence

import click
from rich.console import Console
from rich.live import Live

from app import clock
from app.core.type_aliases import JsonDict
from app.ops.cli.support.output import as_json, print_json
from app.ops.demo.client import Client
from app.ops.demo.scenario import ACTIONS, ENDS_AFTER, Scenario
from app.ops.demo.scenario_clinic import Person, create_scenario_clinic
from app.ops.demo.view import funnel, scene
from app.ops.embedded import CannotStart
from app.ops.stack.addresses import read_addresses
from app.ops.stack.environment import is_demo

POLL_INTERVAL = 0.5  # seconds between two requests for the timelines
FINAL_STATES = frozenset({"done", "skipped", "cancelled", "failed", "unknown"})


@click.command()
@as_json
def demo(*, as_json: bool) -> None:
    """Run the demo scenario (one minute): three new leads, handled by real workers."""
    if not is_demo():
        raise CannotStart("the demo creates its own clinic: set RELANCE_ENV=demo")
    api = read_addresses().as_json()["api"]
    clinic = create_scenario_clinic()
    mailbox = read_addresses().mailbox
    scenario = Scenario(Client.sign_in(api, clinic.coordinator.email, clinic.coordinator.password), mailbox)
    if as_json:
        timelines, why = run(scenario, lambda *_: None), why_stopped(scenario)
        print_json({"clinic": clinic.slug, "timelines": timelines, "why": why, "funnel": funnel_of(api, clinic.admin)})
        return
    show(scenario)
    click.echo("Why Carla's steps stopped (GET /api/leads/{id}/why):")
    for line in why_stopped(scenario):
        click.echo(f"  {line}")
    if mailbox:
        click.echo(f"The e-mails of the demo are in {mailbox}")
    Console().print(funnel(funnel_of(api, clinic.admin)))


def show(scenario: Scenario) -> None:
    """Show the scenario in the terminal and redraw it until it ends."""
    began, console = clock.now(), Console()
    with Live(console=console, transient=True, vertical_overflow="crop") as live:
        run(scenario, lambda log, timelines: live.update(scene(log, timelines, began=began)))
        last = live.renderable
    console.print(last)  # complete, even if the terminal was too small for it


def run(scenario: Scenario, draw: Callable[[Sequence[str], JsonDict], None]) -> JsonDict:
    """Run each event at its time. Return the final timeline of each lead by name."""
    log: list[str] = []
    timelines: JsonDict = {}
    for second in elapsed_seconds():
        for action in ACTIONS[len(log) :]:
            if action.at > second:
                break
            action.act(scenario)
            log.append(f"{action.at:3.0f} s  {action.text}")
        timelines = {name: steps_of(scenario, lead_id) for name, lead_id in scenario.ids.items()}
        draw(log, timelines)
        if len(log) == len(ACTIONS) and is_over(timelines):
            break
    return timelines


def elapsed_seconds() -> Iterator[float]:
    """Yield the elapsed seconds every half second, until the scenario ends."""
    began = time.monotonic()
    while (second := time.monotonic() - began) < ENDS_AFTER:
        yield second
        time.sleep(POLL_INTERVAL)


def steps_of(scenario: Scenario, lead_id: str) -> list[JsonDict]:
    """Return a lead's automation steps: past, running and planned."""
    steps: list[JsonDict] = scenario.ben.get(f"/leads/{lead_id}/automation", limit=100)["items"]
    return steps


def why_stopped(scenario: Scenario) -> list[str]:
    """Return, in words, why Carla's cancelled steps did not run."""
    stories = scenario.ben.get(f"/leads/{scenario.ids['Carla']}/why", limit=100)["items"]
    steps = [step for story in stories for step in story["steps"]]
    return [step["because"] for step in steps if step["state"] == "cancelled"]


def funnel_of(api: str, admin: Person) -> list[JsonDict]:
    """Return the rows of the clinic's conversion funnel, from the API."""
    report = Client.sign_in(api, admin.email, admin.password).get("/leads/analytics/funnel")
    rows: list[JsonDict] = report["rows"]
    return rows


def is_over(timelines: JsonDict) -> bool:
    """Return whether no step is pending."""
    return all(step["state"] in FINAL_STATES for steps in timelines.values() for step in steps)
