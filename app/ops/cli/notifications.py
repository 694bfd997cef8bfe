"""`relance notifications`: retry failed notifications."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import click

from app.core.db import transaction
from app.core.type_aliases import JsonObject
from app.engine.steps.publish import flush
from app.identity.actor import Actor
from app.messaging.delivery.retry import retry_many
from app.ops.cli.support.lookup import ChannelName, Instant, actors
from app.ops.cli.support.output import as_json, counting, print_result


@click.group()
def notifications() -> None:
    """Retry failed notifications."""


@notifications.command()
@click.option("--failed", is_flag=True, required=True, help="Required: only failed notifications can be retried.")
@click.option("--since", type=Instant(), help="Created at this time or later.")
@click.option("--channel", type=ChannelName())
@click.option("--clinic", "slug", help="Slug of a clinic. Default: all clinics.")
@click.option("--spread", default=0, show_default=True, help="Spread the deliveries over this many seconds.")
@as_json
def retry(
    *, failed: bool, since: datetime | None, channel: str | None, slug: str | None, spread: int, as_json: bool
) -> None:
    """Send failed notifications again."""
    assert failed  # noqa: S101  (click requires the flag, so that the command is explicit)
    query = {name: value for name, value in (("since", since), ("channel", channel)) if value}
    with transaction() as session:
        chosen = actors(session, slug)
    retried = sum(
        counting("retrying", (n for actor in chosen for n in batches(actor, query, timedelta(seconds=spread))))
    )
    flush()
    print_result({"retried": retried}, as_json=as_json)


def batches(actor: Actor, query: JsonObject, spread: timedelta) -> Iterator[int]:
    """Retry a clinic's notifications, one batch per transaction. Yield the size of each batch."""
    while True:
        with transaction() as session:
            done = retry_many(session, actor, query, spread=spread)
        if done.retried:
            yield done.retried
        if not done.retried or not done.left:
            return
