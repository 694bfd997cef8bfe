"""`relance steps`: how many there are and how they fare; second chances for those that failed."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import transaction
from app.engine.models import Step
from app.engine.step_kind import STEP_KINDS
from app.engine.steps.failed import counts, retry_many
from app.engine.steps.failed import retry as retry_one
from app.engine.steps.lateness import lateness
from app.engine.steps.publish import settle
from app.errors import NotFound
from app.ops.cli.support.lookup import Instant, actors
from app.ops.cli.support.output import as_json, counting, print_json, print_result, print_rows


@click.group()
def steps() -> None:
    """Count automation steps, and retry failed ones."""


@steps.command()
@as_json
def stats(*, as_json: bool) -> None:
    """Steps by kind and state, and when the oldest of each was or is due."""
    with transaction() as session:
        rows = counts(session)
    print_rows(rows, as_json=as_json, empty="There is no step yet.")


@steps.command()
@click.argument("step_id", required=False, type=click.UUID)
@click.option("--failed", is_flag=True, help="All that failed, instead of one.")
@click.option("--kind", type=click.Choice(list(STEP_KINDS)))
@click.option("--name", help="The rule's name, such as speed-to-lead.")
@click.option("--since", type=Instant(), help="Those that failed then or later.")
@click.option("--clinic", "slug", help="A clinic's slug; else all clinics.")
@click.option("--spread", default=0, show_default=True, help="Seconds over which to spread them.")
@as_json
def retry(
    *, step_id: UUID | None, failed: bool, slug: str | None, spread: int, as_json: bool, **query: str | datetime | None
) -> None:
    """Plan a failed step again, by its id, or all that match with --failed."""
    if (step_id is None) is not failed:
        raise click.UsageError("name one step, or say --failed for all that match")
    retried = one(step_id) if step_id else many(slug, query, timedelta(seconds=spread))
    settle()
    print_result({"retried": retried}, as_json=as_json)


@steps.command()
@click.option("--since", type=Instant(), help="By default a day before --until.")
@click.option("--until", type=Instant(), help="By default now.")
@click.option("--clinic", "slug", help="A clinic's slug; else all clinics.")
@as_json
def late(*, since: datetime | None, until: datetime | None, slug: str | None, as_json: bool) -> None:
    """What ran late, was skipped or put off, and what still waits, by rule; and when no worker finished anything."""
    with transaction() as session:
        reports = [
            {"clinic": actor.clinic.name, **lateness(session, actor.clinic, since=since, until=until)}
            for actor in actors(session, slug)
        ]
    if as_json:
        print_json(reports)
        return
    rows = [{"clinic": report["clinic"], **_figures(line)} for report in reports for line in report["rules"]]
    print_rows(rows, as_json=False, empty="Nothing ended then, and nothing waits.")
    for report in reports:
        for gap in report["gaps"]:
            click.echo(f"{report['clinic']}: {gap['because']}")


def _figures(line: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "kind", "on_time", "late", "p50_seconds", "longest_seconds", "too_late", "overdue", "put_off")
    return {name: line[name] for name in names}


def one(step_id: UUID) -> int:
    """The step of that id, whichever clinic's it is."""
    with transaction() as session:
        retry_one(session, clinic_of(session, step_id), step_id)
    return 1


def clinic_of(session: Session, step_id: UUID) -> UUID:
    """Raises NotFound, naming the step."""
    clinic_id = session.scalar(select(Step.clinic_id).where(Step.id == step_id))
    if clinic_id is None:
        raise NotFound(f"there is no step {step_id}")
    return clinic_id


def many(slug: str | None, query: Mapping[str, Any], spread: timedelta) -> int:
    """All failed ones that match, over one clinic or all."""
    with transaction() as session:
        clinics = [actor.clinic.id for actor in actors(session, slug)]
    return sum(counting("retrying", (n for clinic_id in clinics for n in batches(clinic_id, query, spread))))


def batches(clinic_id: UUID, query: Mapping[str, Any], spread: timedelta) -> Iterator[int]:
    """Retry a clinic's, a transaction at a time; yields how many each took."""
    while True:
        with transaction() as session:
            done = retry_many(session, clinic_id, query, spread=spread)
        if done.retried:
            yield done.retried
        if not done.retried or not done.left:
            return
