"""`relance notifications`: retry failed notifications, and resolve those with an unknown result."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click
from sqlalchemy.orm import Session

from app.core.calendar.durations import LONGEST_SPREAD
from app.core.db import transaction
from app.engine.steps.publish import flush
from app.identity.actor import Actor
from app.messaging.delivery.retry import Resolution, resolve_many, retry_many
from app.ops.cli.support.lookup import ChannelName, Instant, actors
from app.ops.cli.support.output import as_json, counting, print_result

Command = TypeVar("Command", bound=Callable[..., Any])
Change = Callable[[Session, Actor, bool], tuple[int, int]]  # `dry_run` -> how many were changed, how many are left

_FILTERS = (
    click.option("--since", type=Instant(), help="Created at this time or later."),
    click.option("--channel", type=ChannelName()),
    click.option("--rule", help="Slug of the rule or sequence that wrote them."),
    click.option("--clinic", "slug", help="Slug of a clinic. Default: all clinics."),
    click.option(
        "--spread",
        type=click.IntRange(0, LONGEST_SPREAD),
        default=0,
        show_default=True,
        help="Spread the deliveries over this many seconds.",
    ),
    click.option("--yes", is_flag=True, help="Do not ask."),
    as_json,
)


def filters(command: Command) -> Command:
    """Add the options that choose notifications."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.group()
def notifications() -> None:
    """Retry failed notifications, and resolve those with an unknown result."""


@notifications.command()
@click.option("--failed", is_flag=True, required=True, help="Required: only failed notifications can be retried.")
@filters
def retry(*, failed: bool, slug: str | None, spread: int, yes: bool, as_json: bool, **query: str | datetime) -> None:
    """Send failed notifications again.

    Shows their number and asks first. With --json and without --yes, only the number is printed.
    """
    assert failed  # noqa: S101  (click requires the flag, so that the command is explicit)

    def change(session: Session, actor: Actor, dry_run: bool) -> tuple[int, int]:
        done = retry_many(session, actor, query, spread=timedelta(seconds=spread), dry_run=dry_run)
        return done.retried, done.left

    _run("retried", "Send {} notifications again?", change, slug=slug, yes=yes, as_json=as_json)


@notifications.command()
@click.option(
    "--as",
    "resolution",
    type=click.Choice([one.value for one in Resolution]),
    required=True,
    help="`sent`: they arrived. `retry`: they did not arrive; send them again.",
)
@filters
def resolve(
    *, resolution: str, slug: str | None, spread: int, yes: bool, as_json: bool, **query: str | datetime
) -> None:
    """Resolve notifications with an unknown result. Ask the provider first which of them arrived.

    Shows their number and asks first. With --json and without --yes, only the number is printed.
    """
    as_ = Resolution(resolution)

    def change(session: Session, actor: Actor, dry_run: bool) -> tuple[int, int]:
        done = resolve_many(session, actor, query, as_=as_, spread=timedelta(seconds=spread), dry_run=dry_run)
        return done.resolved, done.left

    _run("resolved", f"Resolve {{}} notifications as {as_}?", change, slug=slug, yes=yes, as_json=as_json)


def _run(result: str, question: str, change: Change, *, slug: str | None, yes: bool, as_json: bool) -> None:
    """Count the matching notifications, ask, and change them."""
    with transaction() as session:
        chosen = actors(session, slug)
        matching = sum(sum(change(session, actor, True)) for actor in chosen)
    is_confirmed = matching > 0 and (yes or (not as_json and click.confirm(question.format(matching), abort=True)))
    done = sum(counting("changing", (n for actor in chosen for n in _batches(actor, change)))) if is_confirmed else 0
    flush()
    print_result({"matching": matching, result: done}, as_json=as_json)


def _batches(actor: Actor, change: Change) -> Iterator[int]:
    """Change a clinic's notifications, one batch per transaction. Yield the size of each batch."""
    while True:
        with transaction() as session:
            done, left = change(session, actor, False)
        if done:
            yield done
        if not done or not left:
            return
