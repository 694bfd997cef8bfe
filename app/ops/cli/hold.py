"""`relance hold` and `relance resume`: stop all steps, and let them run again."""

from collections.abc import Iterable
from datetime import datetime

import click

from app.core.db import transaction
from app.core.type_aliases import ColumnDict, ColumnValues, JsonDict
from app.engine.models import Hold
from app.engine.steps.holds import calls_without_result, current_hold, due_steps
from app.engine.steps.holds import hold as place_hold
from app.engine.steps.holds import resume as end_hold
from app.ops.cli.support.lookup import Instant
from app.ops.cli.support.output import as_json, print_json, print_result, print_rows


@click.command()
@click.option("--because", default="held by hand", show_default=True, help="The reason, for colleagues.")
@as_json
def hold(*, because: str, as_json: bool) -> None:
    """Stop all steps on all hosts, so that nothing is sent. API calls are served as usual.

    A message that is being sent is still finished.
    """
    with transaction() as session:
        place_hold(session, because)
    with transaction() as session:
        print_result(describe(current_hold(session), calls_without_result(session)), as_json=as_json)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--skip-messages-before",
    type=Instant(),
    help="Do not send the messages of steps that were due before this time. Their other effects happen.",
)
@as_json
def resume(*, yes: bool, skip_messages_before: datetime | None, as_json: bool) -> None:
    """Show what is due, ask, and let steps run again.

    With --json and without --yes, only the report is printed.
    """
    with transaction() as session:
        held = current_hold(session)
        rows = due_steps(session, held, skip_messages_before=skip_messages_before) if held else []
        open_calls = calls_without_result(session)
    if held is None:
        print_result({"held": False, "resumed": False}, as_json=as_json)
        return
    if not as_json:
        show(held, rows, open_calls)
    is_confirmed = yes or (not as_json and click.confirm("Let these steps run now?", abort=True))
    if is_confirmed:
        with transaction() as session:
            end_hold(session, skip_messages_before=skip_messages_before)
    report = describe(held, open_calls) | {"due": rows, "messages": totals(rows), "resumed": is_confirmed}
    if as_json:
        print_json(report)
    else:
        click.echo("resumed: due steps start within a few seconds")


def describe(held: Hold | None, open_calls: int) -> JsonDict:
    """Return the hold as fields of the output."""
    return {
        "held": held is not None,
        "since": held and held.held_at,
        "because": held and held.because,
        "backup_made_at": held and held.backup_made_at,
        "calls_without_result": open_calls,
    }


def totals(rows: Iterable[ColumnValues]) -> dict[str, int]:
    """Return the sums over all steps that send messages or call other systems."""
    messages = [row for row in rows if row["is_message"]]
    columns = {"due": "due", "may_be_repeated": "may_be_repeated", "skipped": "without_messages"}
    return {name: sum(row[column] for row in messages) for name, column in columns.items()}


def show(held: Hold, rows: list[ColumnDict], open_calls: int) -> None:
    """Print the hold, the due steps and what to consider."""
    print_result(describe(held, open_calls), as_json=False)
    print_rows(
        [{**row, "oldest": f"{row['oldest']:%Y-%m-%d %H:%M:%S}Z"} for row in rows],
        as_json=False,
        empty="No step is due.",
    )
    counted = totals(rows)
    click.echo(
        f"{counted['due']} messages and calls to other systems are due; {counted['skipped']} of them are skipped. "
        f"{counted['may_be_repeated']} may have been sent after the backup was made."
    )
    if counted["may_be_repeated"] > counted["skipped"]:
        click.echo(
            "Repeated messages have the same Message-ID as before. To skip them, stop here and give the time of the "
            "failure: relance resume --skip-messages-before TIME"
        )
