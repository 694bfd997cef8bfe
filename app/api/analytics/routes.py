"""Routes of `/api/leads/analytics`."""

from app.analytics import reports
from app.analytics.work.automation_effect import automation_report
from app.analytics.work.follow_ups import follow_up_report
from app.api.analytics.files import also_as_file
from app.api.analytics.schemas import (
    AnalyticsOut,
    AttributionQuery,
    CohortQuery,
    ContactQuery,
    FilterQuery,
    FollowUpQuery,
    ReportQuery,
    ResponseQuery,
)
from app.core.type_aliases import JsonDict
from app.http.access import allow, read_from_replica
from app.http.blueprint import Blueprint
from app.identity.permissions import Permission

blp = Blueprint(
    "analytics",
    __name__,
    url_prefix="/api/leads/analytics",
    description="Reports about leads. Each figure comes with its definition and the list of its leads.",
)


@blp.get("/summary")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ReportQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_summary(query: JsonDict) -> JsonDict:
    """Show the key metrics.

    Total leads, conversion rate, average time to convert, consultation show rate, treatment acceptance rate, cost per
    lead and cost per acquisition. Figures count the leads that you may see.
    """
    return read_from_replica(reports.summary_report, query)


@blp.get("/funnel")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ReportQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_funnel(query: JsonDict) -> JsonDict:
    """Show the conversion funnel.

    For each stage: leads that reached it, skipped it, are still in it, or never came so far, with conversion and
    drop-off from the stage before.
    """
    return read_from_replica(reports.funnel_report, query)


@blp.get("/sources")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ReportQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_sources(query: JsonDict) -> JsonDict:
    """Compare lead sources.

    Leads, share, conversions, losses, value, spend, cost per lead and per acquisition of each source.
    """
    return read_from_replica(reports.source_report, query)


@blp.get("/campaigns")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ReportQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_campaigns(query: JsonDict) -> JsonDict:
    """Compare campaigns.

    Leads, conversions, losses and value of each `source_campaign`, for the 200 with the most leads. Leads without a
    campaign have no row.
    """
    return read_from_replica(reports.campaign_report, query)


@blp.get("/coordinators")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ReportQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_coordinators(query: JsonDict) -> JsonDict:
    """Compare coordinators.

    Leads count for their present coordinator.
    """
    return read_from_replica(reports.coordinator_report, query)


@blp.get("/lost-reasons")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ReportQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_lost_reasons(query: JsonDict) -> JsonDict:
    """Show why leads are lost.

    Number, share, value and average time to loss of each reason.
    """
    return read_from_replica(reports.lost_reason_report, query)


@blp.get("/velocity")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(CohortQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_velocity(query: JsonDict) -> JsonDict:
    """Show the time that leads spend in each stage.

    Median, 75th and 90th percentile. Leads that are still in a stage count as not yet gone (Kaplan-Meier).
    """
    return read_from_replica(reports.velocity_report, query)


@blp.get("/first-contact")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ContactQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_first_contact(query: JsonDict) -> JsonDict:
    """Show the time to first contact.

    Median and 90th percentile, and the share of leads that were contacted in time. Imported leads do not count.
    """
    return read_from_replica(reports.first_contact_report, query)


@blp.get("/response")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ResponseQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_response(query: JsonDict) -> JsonDict:
    """Show how many leads answer.

    Leads with outbound contact, those that answered, and the response rate.
    """
    return read_from_replica(reports.response_report, query)


@blp.get("/conversions")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(ReportQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_conversions(query: JsonDict) -> JsonDict:
    """Compare the coordinators within each source.

    A row for each source and coordinator, so that a coordinator with better sources does not look better. With
    `by=month` also each month.
    """
    return read_from_replica(reports.conversion_report, query)


@blp.get("/attribution")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(AttributionQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_attribution(query: JsonDict) -> JsonDict:
    """Compare sources by the first or the last touch.

    Leads, conversions and costs of each source. A lead without stored touches counts for its source.
    """
    return read_from_replica(reports.attribution_report, query)


@blp.get("/pipeline")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(FilterQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_pipeline(query: JsonDict) -> JsonDict:
    """Show the value of the pipeline.

    Open leads and their value by stage, as they are now.
    """
    return read_from_replica(reports.pipeline_report, query)


@blp.get("/follow-ups")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(FollowUpQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_follow_ups(query: JsonDict) -> JsonDict:
    """Show how follow-ups are completed.

    Tasks due in the period: completed on time, completed late, overdue, upcoming. `leads` and `drill` of these figures
    count and list tasks.
    """
    return read_from_replica(follow_up_report, query)


@blp.get("/automation")
@allow(Permission.LEAD_ANALYTICS)
@blp.arguments(CohortQuery)
@blp.response(200, AnalyticsOut)
@also_as_file(blp)
def show_automation(query: JsonDict) -> JsonDict:
    """Show the effect of rules and sequences.

    For each rule and sequence: leads with a message, replies and conversions, against leads without a message of it.
    """
    return read_from_replica(automation_report, query)
