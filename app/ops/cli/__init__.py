"""The `relance` command. One module per command group; it is imported when the command is called."""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path

import click

from app.ops.cli.support.failures import errors_in_one_line
from app.ops.stack.env_file import parse_env_file
from app.ops.stack.environment import load_shared_settings

# Import path of each command, and its line in `relance --help`.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("app.ops.cli.serve:serve", "Run everything, or the named parts of the Procfile."),
    "init": ("app.ops.cli.init:init", "Migrate the database."),
    "seed": ("app.ops.cli.seed:seed", "Create the demo clinic."),
    "demo": ("app.ops.cli.demo:demo", "Run the demo scenario (one minute) against the running stack."),
    "clinic": ("app.ops.cli.clinic:clinic", "Create and list clinics."),
    "user": ("app.ops.cli.user:user", "Create users."),
    "simulate": ("app.ops.cli.simulate:simulate", "Simulate a playbook for one lead, day by day."),
    "steps": ("app.ops.cli.steps:steps", "Count automation steps, and retry failed ones."),
    "notifications": ("app.ops.cli.notifications:notifications", "Retry failed notifications, resolve unknown ones."),
    "audit": ("app.ops.cli.audit:audit", "Verify the audit log."),
    "keys": ("app.ops.cli.keys:keys", "Show and rotate the encryption keys."),
    "openapi": ("app.ops.cli.openapi:openapi", "Write the OpenAPI description of the API to a file."),
    "backup": ("app.ops.cli.backup:backup", "Write a backup of the database to a new file."),
    "restore": ("app.ops.cli.backup:restore", "Restore a backup; nothing is sent until `relance resume`."),
    "erasures": (
        "app.ops.cli.support.erasure_commands:erasures",
        "List the erased people, and erase them again after a restore.",
    ),
    "hold": ("app.ops.cli.hold:hold", "Stop all steps, so that nothing is sent."),
    "resume": ("app.ops.cli.hold:resume", "Show what is due, and let steps run again."),
    "doctor": ("app.ops.cli.doctor:doctor", "Check the installation and show how to fix problems."),
}


# Commands that use the services of the application. All others start without loading them.
NEEDS_WIRING = frozenset(
    {"seed", "demo", "clinic", "user", "steps", "notifications", "keys", "hold", "resume", "erasures"}
)


# Commands that load the settings of the data folder themselves, because its servers may not run.
OWN_SETTINGS = frozenset({"serve", "backup", "restore"})


class LazyGroup(click.Group):
    """Command group that imports a command only when it is called. Some commands must run without valid settings."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module and return the command."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in NEEDS_WIRING:
            importlib.import_module("app.wiring").connect()
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Load the settings of a running demo, then return the command."""
        if args[0] not in OWN_SETTINGS:
            load_shared_settings()
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def read_env_file(_: click.Context, __: click.Parameter, file: Path | None) -> None:
    """Set the variables of the file, before the command is imported."""
    if file:
        os.environ.update(parse_env_file(file))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    callback=read_env_file,
    expose_value=False,
    help="Run the command with the variables of this file, such as the EnvironmentFile of the systemd units.",
)
@click.version_option(package_name="relance", message="%(package)s %(version)s")
def relance() -> None:
    """Relance: automatic lead follow-up. Commands to run, set up and inspect it."""


def main() -> None:
    """Run a command."""
    with errors_in_one_line():
        relance()
