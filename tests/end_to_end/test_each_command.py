"""Each command of `relance` as a process of its own, called from another folder on a running installation.

The commands are found in the command tree: a command without an entry in `CALLS` fails.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from app import wiring
from app.ops import cli
from app.ops.embedded import free_port
from tests.end_to_end.test_serve import CONCURRENCY, PATIENCE, environment_of, read_addresses
from tests.support.environment import ROOT, this_process

RELANCE = Path(sys.executable).with_name("relance")
FOLDER = "{folder}"  # in arguments: an empty folder
NOBODY = "01a1fcde-7aba-770f-b3e0-000000000000"


@dataclass(frozen=True)
class Call:
    """Arguments with which a command succeeds, what it prints then, and wrong arguments with the error of each."""

    arguments: Sequence[str]
    says: str  # pattern
    wrong: Sequence[tuple[Sequence[str], str]] = ()
    code: int = 0


NORTH = ("--name", "North", "--slug", "north", "--timezone", "Europe/Paris")
ANA = ("--email", "ana@north.example", "--name", "Ana", "--role", "doctor")
# In the order of the calls. `restore` comes last, because it needs the installation stopped.
CALLS = {
    "init": Call([], "revision: "),
    "seed": Call([], "the demo clinic is ready", [(["--leads", "5"], "--leads")]),
    "clinic create": Call(
        [*NORTH, "--region", "FR"],
        "slug: north",
        [
            ([*NORTH, "--region", "FRA"], "region: "),
            ([*NORTH], "--region"),
            ([*NORTH, "--region", "FR", "--playbook", "none"], "orthodontics"),
            ([*NORTH, "--region", "FR"], "slug"),
        ],
    ),
    "clinic language": Call(["--clinic", "north", "fr"], "language: fr", [(["--clinic", "x", "fr"], "no clinic")]),
    "clinic list": Call([], "north"),
    "user create": Call(
        ["--clinic", "north", *ANA],
        "password: ",
        [(["--clinic", "x", *ANA], "no clinic"), (["--clinic", "north", *ANA[:-1], "owner"], "--role")],
    ),
    "simulate": Call(["moving_sales"], "lead.created", [(["none"], "none"), (["moving_sales", "--days", "0"], "days")]),
    "steps stats": Call([], "create_task"),
    "steps retry": Call(
        ["--failed"],
        "retried: 0",
        [([], "--failed"), ([NOBODY], "no step"), (["1"], "UUID"), (["--since", "x"], "time")],
    ),
    "steps late": Call([], "on.time|no worker finished a step", [(["--clinic", "x"], "no clinic")]),
    "notifications retry": Call(
        ["--failed", "--yes"],
        "retried: 0",
        [([], "--failed"), (["--failed", "--channel", "pigeon"], "pigeon"), (["--failed", "--spread", "-1"], "spread")],
    ),
    "notifications resolve": Call(["--as", "sent", "--yes"], "resolved: 0", [(["--as", "lost"], "lost"), ([], "--as")]),
    "audit verify": Call(
        [],
        "no manipulated entries found",
        [(["--clinic", "x"], "no clinic"), (["--against", str(ROOT / "README.md")], "neither a backup nor a log")],
    ),
    "keys new": Call(["2027"], "0:.*,2027:", [(["a b"], "letters and digits"), (["0"], "0")]),
    "keys first": Call(["0"], "^0:", [(["2026"], "it has 0"), ([], "NAME")]),
    "keys derived": Call([], "0:"),
    "keys status": Call([], "leads"),
    "keys rotate": Call(["--every"], "inbound texts: "),
    "keys forget": Call(["2026"], "the key 2026 is not required", [([], "NAME")], code=1),
    "openapi": Call(
        [f"{FOLDER}/openapi.json"], "^$", [([f"{FOLDER}/none/x"], "none/x"), (["--check", f"{FOLDER}/none"], "make")]
    ),
    "backup": Call(
        [f"{FOLDER}/backup"], "migration: ", [([f"{FOLDER}/none/x"], "none/x"), ([FOLDER], "is a directory")]
    ),
    "erasures list": Call(["--to", f"{FOLDER}/erased"], "^$", [(["--since", "x"], "time")]),
    "erasures apply": Call(["/dev/null"], "erased again: 0", [([f"{FOLDER}/none"], "none")]),
    "hold": Call([], "held: True"),
    "resume": Call(["--yes"], "resumed", [(["--skip-messages-before", "x"], "time")]),
    "doctor": Call([], "ok  +database"),
    "demo": Call([], "Why Carla's steps stopped"),
    "serve": Call(["--help"], "Procfile", [(["kitchen"], "unknown part kitchen")]),
    "restore": Call(
        [f"{FOLDER}/backup", "--replace"],
        "held: True",
        [([f"{FOLDER}/none"], "none"), ([str(ROOT / "README.md")], "README.md")],
    ),
}
WRONG = [(name, *wrong) for name, call in CALLS.items() for wrong in [(["--no-such-option"], "No such"), *call.wrong]]
WRONG_WHILE_STOPPED = [wrong for wrong in WRONG if wrong[0] == "restore"]


@pytest.fixture(scope="module")
def folder() -> Path:
    made = this_process() / "commands"
    made.mkdir()
    return made


@dataclass
class Installation:
    """A demo with servers of its own, run by `relance serve`."""

    home: Path
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    home = this_process() / "installation"
    home.mkdir()
    ports = {"PORT": str(free_port()), "FLOWER_PORT": str(free_port()), **dict.fromkeys(CONCURRENCY, "1")}
    with (home / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [RELANCE, "serve", "--json"],
            cwd="/",
            env=environment_of(home) | ports,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        read_addresses(process, home)
        yield Installation(home, process)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def commands(command: click.Command, *words: str) -> Iterator[str]:
    """Yield the full names of the commands below a group."""
    if not isinstance(command, click.Group):
        yield " ".join(words)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found
        yield from commands(found, *words, name)


def relance(home: Path, folder: Path, name: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder, as an operator does."""
    words = [word.replace(FOLDER, str(folder)) for word in arguments]
    return subprocess.run(
        [RELANCE, *name.split(), *words],
        cwd=folder,
        env=environment_of(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_version_is_that_of_the_package(installation: Installation, folder: Path):
    done = relance(installation.home, folder, "--version", [])
    assert (done.returncode, done.stdout) == (0, f"relance {version('relance')}\n")


def test_each_command_has_a_call():
    wiring.connect()
    assert sorted(commands(cli.relance)) == sorted(CALLS)


@pytest.mark.parametrize("name", [name for name in CALLS if name != "restore"])
def test_command_succeeds_on_a_running_installation(installation: Installation, folder: Path, name: str):
    done = relance(installation.home, folder, name, CALLS[name].arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (CALLS[name].code, False), done.stdout + done.stderr
    assert re.search(CALLS[name].says, done.stdout + done.stderr), done.stdout + done.stderr
    assert all(line.strip() for line in done.stderr.splitlines()), "blank lines of a progress bar"


@pytest.mark.parametrize(("name", "arguments", "says"), [one for one in WRONG if one not in WRONG_WHILE_STOPPED])
def test_wrong_arguments_end_with_one_line(
    installation: Installation, folder: Path, name: str, arguments: Sequence[str], says: str
):
    assert_one_line(relance(installation.home, folder, name, arguments), says)


def assert_one_line(done: subprocess.CompletedProcess[str], says: str) -> None:
    """Check that the command failed with one line that contains these words. click adds lines about the usage."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith(("Error: ", "relance: "))]
    assert says in line


def test_serve_ends_at_sigterm_and_the_backup_is_restored(installation: Installation, folder: Path):
    refused = relance(installation.home, folder, "restore", CALLS["restore"].arguments)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1), refused.stderr
    installation.process.terminate()
    installation.process.communicate(timeout=PATIENCE)
    assert installation.process.returncode == 0, (installation.home / "serve.log").read_text()[-4000:]
    for name, arguments, says in WRONG_WHILE_STOPPED:
        assert_one_line(relance(installation.home, folder, name, arguments), says)
    done = relance(installation.home, folder, "restore", CALLS["restore"].arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stdout + done.stderr
    assert re.search(CALLS["restore"].says, done.stdout)
