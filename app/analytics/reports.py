"""The reports of `/api/leads/analytics`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from app.analytics.counting import Dimension
from app.analytics.funnel import funnel
from app.analytics.metrics import contact_definitions, definitions
from app.analytics.report import read_report
from app.analytics.tables import Table, table_report
from app.analytics.velocity import velocity
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor


class Touch(StrEnum):
    """The touch that gives the lead its source, for attribution."""

    FIRST = "first"
    LAST = "last"


class Rows(StrEnum):
    SOURCE = "source"
    COORDINATOR = "coordinator"


_ROWS: Final[Mapping[str, Dimension]] = {Rows.SOURCE: Dimension.SOURCE, Rows.COORDINATOR: Dimension.COORDINATOR}


def summary_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the metrics of lead-management.md over all leads. Raises Invalid."""
    return table_report(session, read_report(session, actor, query), Table(definitions.SUMMARY), query)


def source_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each source with leads or costs. Raises Invalid."""
    table = Table(definitions.BY_SOURCE, Dimension.SOURCE)
    return table_report(session, read_report(session, actor, query), table, query)


def campaign_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each campaign, for those with the most leads. Raises Invalid."""
    table = Table(definitions.BY_CAMPAIGN, Dimension.CAMPAIGN)
    return table_report(session, read_report(session, actor, query), table, query)


def coordinator_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each coordinator with leads, by the lead's present coordinator. Raises Invalid."""
    table = Table(definitions.BY_COORDINATOR, Dimension.COORDINATOR)
    return table_report(session, read_report(session, actor, query), table, query)


def lost_reason_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each reason of a loss. Raises Invalid."""
    table = Table(definitions.BY_LOST_REASON, Dimension.LOST_REASON)
    return table_report(session, read_report(session, actor, query), table, query)


def conversion_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each source and coordinator with leads. Raises Invalid."""
    table = Table(definitions.BY_SOURCE_AND_COORDINATOR, Dimension.SOURCE_AND_COORDINATOR)
    return table_report(session, read_report(session, actor, query), table, query)


def attribution_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each source, by the first or the last touch (`query["touch"]`). Raises Invalid."""
    dimension = Dimension.FIRST_TOUCH if query["touch"] == Touch.FIRST else Dimension.LAST_TOUCH
    return table_report(session, read_report(session, actor, query), Table(definitions.BY_TOUCH, dimension), query)


def pipeline_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each stage with open leads, in the order of the stages. Raises Invalid."""
    table = Table(definitions.PIPELINE, Dimension.STAGE)
    return table_report(session, read_report(session, actor, query), table, query)


def first_contact_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the time to first contact; `query["target_minutes"]` is the clinic's target. Raises Invalid."""
    metrics = (*contact_definitions.FIRST_CONTACT, contact_definitions.within_target(query["target_minutes"]))
    return table_report(session, read_report(session, actor, query), Table(metrics), query)


def response_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return how many leads answered: in one row, or by source or coordinator (`query["rows"]`). Raises Invalid."""
    dimension = _ROWS[query["rows"]] if "rows" in query else None
    table = Table(contact_definitions.RESPONSE, dimension)
    return table_report(session, read_report(session, actor, query), table, query)


def funnel_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each stage. Raises Invalid."""
    return funnel(session, read_report(session, actor, query), query)


def velocity_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the time in each stage. Raises Invalid."""
    return velocity(session, read_report(session, actor, query), query)
