"""`relance serve`: run the whole stack, or the named parts of the Procfile."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from itertools import cycle

import click
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from app.ops.cli.support.output import as_json, print_json, say
from app.ops.embedded import CannotStart
from app.ops.embedded.ports import LOOPBACK
from app.ops.stack.addresses import (
    choose_echo_port,
    choose_mailbox_ports,
    display_lines,
    port_of,
    probe_urls,
    read_addresses,
    require_free_ports,
)
from app.ops.stack.embedded_servers import lock_data_folder, require_servers_possible, run_servers
from app.ops.stack.environment import home, is_demo, require_writable_home
from app.ops.stack.forked_parts import forked_parts
from app.ops.stack.http_get import http_get
from app.ops.stack.numeric_settings import require_process_counts
from app.ops.stack.part_process import StartPart, part_environment, start_part
from app.ops.stack.procfile import ROOT, Part, parts, required_parts
from app.ops.stack.supervisor import Supervisor, Write

PREPARATION = "python -m app.ops.cli.preparation"
SEED = Part("seed", "python -m app.ops.cli seed")
REASON_AFTER = 15  # seconds
READY_WITHIN = 5.0  # seconds for an answer of `/readyz`
COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")


@click.command()
@click.argument("names", metavar="[PARTS]...", nargs=-1)
@click.option("--watch", is_flag=True, help="Restart a single part when it ends or freezes.")
@as_json
def serve(names: tuple[str, ...], *, watch: bool, as_json: bool) -> None:
    """Run PARTS of the Procfile (web, steps, beat, ...); without arguments, all of them.

    In a demo, PostgreSQL and Valkey are started too, unless DATABASE_URL and BROKER_URL are set. A single part replaces
    this process, so that a service manager supervises the part directly; `--watch` supervises it here instead.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the supervisor takes over: run the clean-up
    os.environ["RELANCE_HOME"] = str(home())  # the parts run in another working directory
    chosen = choose(names)
    require_process_counts()
    require_servers_possible(say)
    if is_demo() or not names:
        require_writable_home()
    with starter(chosen) as start, lock_data_folder(everything=not names) as owned:
        require_free_ports([part.name for part in chosen])
        with run_servers(owned=owned, notice=say):
            choose_ports(chosen)
            if len(chosen) == 1 and names and not owned and not watch:
                asyncio.run(prepare(start, chosen, owned=owned, everything=False))
                become(chosen[0])
            asyncio.run(run(chosen, start, owned=owned, everything=not names, as_json=as_json))


def starter(chosen: Sequence[Part]) -> AbstractContextManager[StartPart]:
    """Return how parts are started: many as forks of one process, whose imports begin while the servers start."""
    return forked_parts() if len(chosen) > 1 and sys.platform == "linux" else nullcontext(start_part)


def choose(names: Sequence[str]) -> list[Part]:
    """Return the named parts; without names, all parts that are needed. Raises CannotStart (when a name is unknown)."""
    known = parts()
    if unknown := [name for name in names if name not in known]:
        raise CannotStart(f"unknown part {unknown[0]}: there are {', '.join(known)}")
    return [known[name] for name in names] or required_parts(known)


def choose_ports(chosen: Sequence[Part]) -> None:
    """Choose the ports of the demo's own mailbox and gateway."""
    names = {part.name for part in chosen}
    if "mailbox" in names:
        choose_mailbox_ports()
    if "echo" in names:
        choose_echo_port()


async def prepare(start: StartPart, chosen: Sequence[Part], *, owned: bool, everything: bool) -> None:
    """Check the settings and migrate the database, in a process of its own. Raises Exit (when a check fails)."""
    flags = [name for name, is_set in (("--owned", owned), ("--everything", everything)) if is_set]
    words = [PREPARATION, *flags, *(part.name for part in chosen)]
    process = await start(Part("preparation", " ".join(words)), {})
    while process.stdout and (line := await process.stdout.readline()):
        click.echo(line, nl=False, err=True)
    code = await process.wait()
    if code < 0:
        raise CannotStart(f"the preparation was ended by signal {-code}")
    if code:
        raise click.exceptions.Exit(code)


async def run(chosen: Sequence[Part], start: StartPart, *, owned: bool, everything: bool, as_json: bool) -> None:
    """Prepare the parts, and run them until a signal."""
    await prepare(start, chosen, owned=owned, everything=everything)
    if everything and is_demo():
        await seed(start)
    names = [part.name for part in chosen]
    supervisor = Supervisor(chosen, writer(names, as_json=as_json), probe_urls(), start=start)
    if "web" in names:
        await supervisor.run(lambda: announce(as_json=as_json))
    else:
        await supervisor.run(lambda: asyncio.sleep(0))


def become(part: Part) -> None:
    """Replace this process, so that signals and exit codes are those of the part."""
    os.chdir(ROOT)
    os.execve("/bin/sh", ["sh", "-c", f"exec {part.command}"], part_environment(part))


async def announce(*, as_json: bool) -> None:
    """Wait until the API is ready, then print the addresses."""
    await wait_until_ready()
    if as_json:
        print_json(read_addresses().as_json())
    else:
        show()


async def seed(start: StartPart) -> None:
    """Run `relance seed` before the parts start: once the API is ready, the demo clinic and demo.json exist.

    It has a process of its own, because it publishes messages.
    """
    seeder = await start(SEED, {})
    output = await seeder.stdout.read() if seeder.stdout else b""
    if await seeder.wait():
        say(f"`relance seed` failed: {output.decode(errors='replace').strip()}")


async def wait_until_ready() -> None:
    """Poll `/readyz`. Print the reason if the API is not ready after some time."""
    began, said = time.monotonic(), ""
    while (reason := await unready_reason()) is not None:
        if reason not in {"", said} and time.monotonic() - began > REASON_AFTER:
            say(f"the API is not ready: {reason}")
            said = reason
        await asyncio.sleep(0.2)


async def unready_reason() -> str | None:
    """Return why the API is not ready: "" while it starts. None if it is ready."""
    try:
        status, body = await http_get(f"http://{LOOPBACK}:{port_of('web')}/readyz", within=READY_WITHIN)
    except OSError:
        return ""
    return None if status == HTTPStatus.OK else str(json.loads(body)["detail"])


def show() -> None:
    """Print the addresses in a panel that stands out from the logs."""
    table = Table.grid(padding=(0, 2))
    for what, where in display_lines():
        table.add_row(what, where)
    Console(soft_wrap=True).print(
        Panel(table, title="Relance is running", subtitle="Press Ctrl-C to stop", expand=False)
    )


def writer(names: Sequence[str], *, as_json: bool) -> Write:
    """Return a function that prefixes each log line with its part. With --json, logs go to standard error."""
    width = max(len(name) for name in (*names, "relance"))
    colours = dict(zip(names, cycle(COLOURS), strict=False))

    def write(name: str, line: str) -> None:
        click.echo(f"{click.style(name.ljust(width), fg=colours.get(name))} | {line}", err=as_json)

    return write
