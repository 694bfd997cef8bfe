"""`relance doctor`: check the installation and show how to fix problems."""

import sys
from functools import partial

import click

from app.config import get_settings
from app.ops.cli.support.output import as_json, print_json
from app.ops.doctor.check import Check
from app.ops.doctor.checks import GROUPS, Group, run_checks
from app.ops.doctor.mail_round_trip import check_mail_round_trip


@click.command()
@click.option("--mail", is_flag=True, help="Send a test mail to each mailbox, and wait until it is received.")
@click.option("--clinic", "slug", help="With --mail: only the mailboxes of this clinic.")
@as_json
def doctor(*, mail: bool, slug: str | None, as_json: bool) -> None:
    """Check database, migrations, broker, beat, workers and clock. Exit code 1 if a check fails."""
    get_settings()  # a wrong setting is one error, not a failure of every check
    checks: list[Check] = []
    groups: list[Group] = [*GROUPS, partial(check_mail_round_trip, slug)] if mail else [*GROUPS]
    for check in run_checks(groups):
        checks.append(check)
        if not as_json:
            show(check)
    if as_json:
        print_json([describe(check) for check in checks])
    sys.exit(0 if all(check.is_fine for check in checks) else 1)


def show(check: Check) -> None:
    """Print one line per check, and a second line with the fix if the check failed."""
    mark = click.style("ok  ", fg="green") if check.is_fine else click.style("FAIL", fg="red")
    click.echo(f"{mark} {check.name}: {check.found}")
    if not check.is_fine:
        click.echo(f"     -> {check.advice}")


def describe(check: Check) -> dict[str, object]:
    """Return the JSON form."""
    return {"name": check.name, "ok": check.is_fine, "found": check.found, "advice": check.advice or None}
