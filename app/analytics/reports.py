"""The reports of `/api/leads/analytics`."""

from sqlalchemy.orm import Session

from app.analytics import definitions
from app.analytics.counting import Dimension
from app.analytics.funnel import funnel
from app.analytics.report import read_report
from app.analytics.tables import Table, table_report
from app.analytics.velocity import velocity
from app.core.type_aliases import JsonDict, JsonObject
from app.identity.actor import Actor


def summary_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the metrics of lead-management.md over all leads. Raises Invalid."""
    return table_report(session, read_report(session, actor, query), Table(definitions.SUMMARY), query)


def source_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each source with leads or costs. Raises Invalid."""
    table = Table(definitions.BY_SOURCE, Dimension.SOURCE)
    return table_report(session, read_report(session, actor, query), table, query)


def coordinator_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each coordinator with leads, by the lead's present coordinator. Raises Invalid."""
    table = Table(definitions.BY_COORDINATOR, Dimension.COORDINATOR)
    return table_report(session, read_report(session, actor, query), table, query)


def lost_reason_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each reason of a loss. Raises Invalid."""
    table = Table(definitions.BY_LOST_REASON, Dimension.LOST_REASON)
    return table_report(session, read_report(session, actor, query), table, query)


def first_contact_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the time to first contact; `query["target_minutes"]` is the clinic's target. Raises Invalid."""
    metrics = (*definitions.FIRST_CONTACT, definitions.within_target(query["target_minutes"]))
    return table_report(session, read_report(session, actor, query), Table(metrics), query)


def funnel_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return a row for each stage. Raises Invalid."""
    return funnel(session, read_report(session, actor, query), query)


def velocity_report(session: Session, actor: Actor, query: JsonObject) -> JsonDict:
    """Return the time in each stage. Raises Invalid."""
    return velocity(session, read_report(session, actor, query), query)
