"""The `relance` command. One file per group of commands; each is imported when it is called."""

import importlib
import sys
from collections.abc import Mapping

import click
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from app.errors import Invalid, RelanceError
from app.ops.stack.environment import adopt
from app.security.encryption import Unreadable

# Where each command is, and its line in the list of commands.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("app.ops.cli.serve:serve", "Run everything, or the named parts of the Procfile."),
    "init": ("app.ops.cli.init:init", "Migrate the database."),
    "seed": ("app.ops.cli.seed:seed", "Make the demo clinic."),
    "demo": ("app.ops.cli.demo:demo", "Tell the story in a minute, against the running stack."),
    "clinic": ("app.ops.cli.clinic:clinic", "Make and list clinics."),
    "user": ("app.ops.cli.user:user", "Make users."),
    "simulate": ("app.ops.cli.simulate:simulate", "Show what a playbook would do with a lead, day by day."),
    "steps": ("app.ops.cli.steps:steps", "Count automation steps, and retry failed ones."),
    "notifications": ("app.ops.cli.notifications:notifications", "Retry failed notifications."),
    "audit": ("app.ops.cli.audit:audit", "Check the record of who saw and changed what."),
    "keys": ("app.ops.cli.keys:keys", "Look at the keys that data is sealed with, and change them."),
    "openapi": ("app.ops.cli.openapi:openapi", "Write the API's description to a file."),
    "doctor": ("app.ops.cli.doctor:doctor", "Say what is wrong, and what to do about it."),
}


# Commands that use the services of the application. All others start without loading them.
NEEDS_WIRING = frozenset({"seed", "demo", "clinic", "user", "steps", "notifications", "keys"})


class LazyGroup(click.Group):
    """A command is imported when it is called: many need an environment that others are there to make."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order somebody meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of that command."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in NEEDS_WIRING:
            importlib.import_module("app.wiring").connect()
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def relance() -> None:
    """Every lead hears back: on time, exactly once, and anybody can see why."""


def main() -> None:
    """Run a command. What goes wrong for a reason the caller can mend is one line, not a traceback."""
    if sys.argv[1:2] != ["serve"]:
        adopt()
    try:
        relance()
    except Invalid as error:
        _fail("; ".join(f"{mistake.pointer.strip('/')}: {mistake.message}" for mistake in error.errors) or str(error))
    except RelanceError as error:
        _fail(str(error))
    except Unreadable as error:
        _fail(f"no key opens {error}: is ENCRYPTION_KEYS that of the other processes?")
    except ValidationError as error:
        _fail("; ".join(_sentence(mistake) for mistake in error.errors()))
    except OperationalError as error:
        _fail(f"the database does not answer: {_first_line(error.orig)}")
    except RedisError as error:
        _fail(f"the broker does not answer: {_first_line(error)}")


def _sentence(mistake: ErrorDetails) -> str:
    """Which setting is wrong and how. A mistake in how settings go together names them itself."""
    setting = "".join(f"{name}: ".upper() for name in mistake["loc"])
    return setting + mistake["msg"].removeprefix("Value error, ")


def _fail(line: str) -> None:
    click.echo(f"relance: {line}", err=True)
    sys.exit(1)


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
