"""`relance serve`: everything at once for a demo or a single machine, or the named parts of the Procfile."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Sequence
from itertools import cycle

import click
import httpx
from alembic import command
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from app.config import get_settings
from app.ops.cli.init import alembic_configuration
from app.ops.cli.support.output import as_json, print_json
from app.ops.embedded import CannotStart
from app.ops.embedded.ports import LOOPBACK
from app.ops.stack.addresses import places, port_of, refuse_taken_ports, settle_mailbox_ports, shown
from app.ops.stack.environment import home, is_demo, share
from app.ops.stack.procfile import ROOT, Part, needed, parts
from app.ops.stack.reachable import refuse_unreachable
from app.ops.stack.stack import data_folder, servers
from app.ops.stack.supervisor import Supervisor, Write, part_environment

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")


@click.command()
@click.argument("names", metavar="[PARTS]...", nargs=-1)
@as_json
def serve(names: tuple[str, ...], *, as_json: bool) -> None:
    """Run PARTS of the Procfile (web, steps, beat, ...); without any, everything.

    In a demo, PostgreSQL and Valkey are started too unless DATABASE_URL and BROKER_URL name others.
    One part alone takes this process over, so that a service manager watches the part itself.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the supervisor listens: undo what was started
    os.environ["RELANCE_HOME"] = str(home())  # the parts run in another folder
    chosen = choose(names)
    with data_folder(everything=not names) as owned:
        refuse_taken_ports([part.name for part in chosen])
        with servers(owned=owned, notice=say):
            run(chosen, owned=owned, everything=not names, as_json=as_json)


def choose(names: Sequence[str]) -> list[Part]:
    """The parts of those names; for none, all that are needed."""
    known = parts()
    if unknown := [name for name in names if name not in known]:
        raise CannotStart(f"there is no part {unknown[0]}: there are {', '.join(known)}")
    return [known[name] for name in names] or needed(known)


def run(chosen: Sequence[Part], *, owned: bool, everything: bool, as_json: bool) -> None:
    """In a complete environment: check it, prepare the database, and start the parts."""
    if "mailbox" in {part.name for part in chosen}:
        settle_mailbox_ports()
    refuse_unreachable(get_settings())
    if is_demo() and owned:
        share()
    if len(chosen) == 1 and not everything and not owned:
        become(chosen[0])
    if everything:
        prepare()
    supervisor = Supervisor(chosen, writer([part.name for part in chosen], as_json=as_json))
    if "web" in {part.name for part in chosen}:
        asyncio.run(supervisor.run(lambda: announce(everything=everything, as_json=as_json)))
    else:
        asyncio.run(supervisor.run(lambda: asyncio.sleep(0)))


def become(part: Part) -> None:
    """Replace this process, so that signals and exit codes are the part's own."""
    os.chdir(ROOT)
    os.execve("/bin/sh", ["sh", "-c", f"exec {part.command}"], part_environment())


def prepare() -> None:
    """Bring the tables to the newest version, as their owner."""
    say("preparing the database ...")
    command.upgrade(alembic_configuration(), "head")


async def announce(*, everything: bool, as_json: bool) -> None:
    """Wait until the API answers that it is ready, and say where everything is."""
    seeding = asyncio.create_task(seed()) if everything and is_demo() else None
    async with httpx.AsyncClient(timeout=5) as client:
        while not await is_ready(client):  # noqa: ASYNC110  (it is asked over HTTP)
            await asyncio.sleep(0.2)
    if seeding:
        await seeding
    if as_json:
        print_json(places().as_json())
    else:
        show()


async def seed() -> None:
    """While the parts start. In a process of its own: it publishes, as they do."""
    seeder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.ops.cli", "seed"), cwd=ROOT, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await seeder.communicate()
    if seeder.returncode:
        say(f"`relance seed` failed: {output.decode(errors='replace').strip()}")


async def is_ready(client: httpx.AsyncClient) -> bool:
    """Whether database and broker are reached from the API."""
    try:
        return (await client.get(f"http://{LOOPBACK}:{port_of('web')}/readyz")).is_success
    except httpx.TransportError:
        return False


def show() -> None:
    """The panel that a person looks for between the lines of the logs."""
    table = Table.grid(padding=(0, 2))
    for what, where in shown():
        table.add_row(what, where)
    Console(soft_wrap=True).print(Panel(table, title="Relance runs", subtitle="Ctrl-C stops it", expand=False))


def writer(names: Sequence[str], *, as_json: bool) -> Write:
    """Prefixes each line with its part. With --json, logs leave standard output alone."""
    width = max(len(name) for name in (*names, "relance"))
    colours = dict(zip(names, cycle(COLOURS), strict=False))

    def write(name: str, line: str) -> None:
        click.echo(f"{click.style(name.ljust(width), fg=colours.get(name))} | {line}", err=as_json)

    return write


def say(line: str) -> None:
    """What happens before the parts write their own lines."""
    click.echo(f"relance: {line}", err=True)
