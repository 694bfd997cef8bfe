"""`relance steps`: count steps, report late steps, and retry failed steps."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.calendar.durations import LONGEST_SPREAD
from app.core.db import transaction
from app.core.type_aliases import JsonDict, JsonObject
from app.engine.failed_steps import retry as retry_one
from app.engine.failed_steps import retry_many, step_counts
from app.engine.models import Step
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.lateness_report import lateness_report
from app.engine.steps.publish import flush
from app.errors import NotFound
from app.ops.cli.support.lookup import Instant, actors
from app.ops.cli.support.output import as_json, counting, print_json, print_result, print_rows


@click.group()
def steps() -> None:
    """Count automation steps, and retry failed ones."""


@steps.command()
@as_json
def stats(*, as_json: bool) -> None:
    """Show the number of steps by kind and state, with the oldest due time."""
    with transaction() as session:
        rows = step_counts(session)
    print_rows(rows, as_json=as_json, empty="There are no steps yet.")


@steps.command()
@click.argument("step_id", required=False, type=click.UUID)
@click.option("--failed", is_flag=True, help="Retry all failed steps instead of one.")
@click.option("--kind", type=click.Choice(list(STEP_KINDS)))
@click.option("--name", help="Name of the rule, such as speed-to-lead.")
@click.option("--since", type=Instant(), help="Failed at this time or later.")
@click.option("--clinic", "slug", help="Slug of a clinic. Default: all clinics.")
@click.option(
    "--spread",
    type=click.IntRange(0, LONGEST_SPREAD),
    default=0,
    show_default=True,
    help="Spread the steps over this many seconds.",
)
@as_json
def retry(
    *, step_id: UUID | None, failed: bool, slug: str | None, spread: int, as_json: bool, **query: str | datetime | None
) -> None:
    """Retry one failed step by its id, or all matching failed steps with --failed."""
    if (step_id is None) is not failed:
        raise click.UsageError("give the id of one step, or --failed for all matching steps")
    retried = one(step_id) if step_id else many(slug, query, timedelta(seconds=spread))
    flush()
    print_result({"retried": retried}, as_json=as_json)


@steps.command()
@click.option("--since", type=Instant(), help="Default: one day before --until.")
@click.option("--until", type=Instant(), help="Default: now.")
@click.option("--clinic", "slug", help="Slug of a clinic. Default: all clinics.")
@as_json
def late(*, since: datetime | None, until: datetime | None, slug: str | None, as_json: bool) -> None:
    """Show late, skipped, postponed and overdue steps by rule, and periods in which no worker finished a step."""
    with transaction() as session:
        reports = [
            {"clinic": actor.clinic.name, **lateness_report(session, actor.clinic, since=since, until=until)}
            for actor in actors(session, slug)
        ]
    if as_json:
        print_json(reports)
        return
    rows = [{"clinic": report["clinic"], **_figures(line)} for report in reports for line in report["rules"]]
    print_rows(rows, as_json=False, empty="No steps ended in this period, and none are waiting.")
    for report in reports:
        for gap in report["gaps"]:
            click.echo(f"{report['clinic']}: {gap['because']}")


def _figures(line: JsonObject) -> JsonDict:
    names = ("name", "kind", "on_time", "late", "p50_seconds", "longest_seconds", "too_late", "overdue", "put_off")
    return {name: line[name] for name in names}


def one(step_id: UUID) -> int:
    """Retry the step with this id, of any clinic."""
    with transaction() as session:
        retry_one(session, clinic_of(session, step_id), step_id)
    return 1


def clinic_of(session: Session, step_id: UUID) -> UUID:
    """Return the clinic id of a step. Raises NotFound."""
    clinic_id = session.scalar(select(Step.clinic_id).where(Step.id == step_id))
    if clinic_id is None:
        raise NotFound(f"there is no step {step_id}")
    return clinic_id


def many(slug: str | None, query: JsonObject, spread: timedelta) -> int:
    """Retry all matching failed steps of one clinic or of all."""
    with transaction() as session:
        clinics = [actor.clinic.id for actor in actors(session, slug)]
    return sum(counting("retrying", (n for clinic_id in clinics for n in batches(clinic_id, query, spread))))


def batches(clinic_id: UUID, query: JsonObject, spread: timedelta) -> Iterator[int]:
    """Retry a clinic's steps, one batch per transaction. Yield the size of each batch."""
    while True:
        with transaction() as session:
            done = retry_many(session, clinic_id, query, spread=spread)
        if done.retried:
            yield done.retried
        if not done.retried or not done.left:
            return
