"""Rules: on an event, when conditions hold, after a delay, do actions, stop on events."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from app.automation.language.actions import Actions
from app.automation.language.base import Maybe, Strict
from app.automation.language.conditions import DueConditions, PlanningConditions
from app.automation.language.event_keys import events_without_values, keyed_actions
from app.automation.language.events import Events, StoppingEvents
from app.automation.language.timing import AfterOrPeriod, Before, Every, timing_conflicts
from app.automation.language.types.errors import Line
from app.automation.language.types.impossible import contradictions, impossible_for, impossible_guard, is_about_tasks
from app.automation.language.types.primitives import Description, Duration, Slug, Whole
from app.core.type_aliases import JsonObject
from app.engine.rules.rules import DEFAULT_PRIORITY
from app.engine.rules.stop_events import DEFAULT_STOPS

Priority = Annotated[
    int, Whole(1, 1000), Field(description="1 comes first, for planning and for sending.", examples=[10])
]
On = Annotated[Events, Field(description="The event that starts it, or several.")]
WhenHolds = Annotated[
    PlanningConditions,
    Field(
        description="Conditions to test as the event happens; all of them have to hold.",
        examples=[[{"field": "lead.tags", "contains": "vip"}]],
    ),
]
WaitAfter = Annotated[
    Maybe[AfterOrPeriod],
    Field(
        description="A delay; at once unless given.",
        examples=[{"time": "3 days", "at": "09:00", "zone": "lead"}, "1 hour"],
    ),
]
WaitBefore = Annotated[
    Maybe[Before],
    Field(
        description="A time before a date.",
        examples=[{"time": "180 days", "of": "lead.custom.passport_expiry", "at": "09:00"}],
    ),
]
OnlyIf = Field(
    description="Conditions to test when a step is due; all of them have to hold.",
    examples=[[{"field": "task.status", "equals": "OVERDUE"}]],
)
Unless = Field(
    description="Conditions to test when a step is due; none of them may hold.",
    examples=[[{"field": "since.contacted", "equals": True}]],
)
Lateness = Annotated[
    Maybe[Duration],
    Field(
        description="Skip the step if it runs later than this after its due time, as last moved. What moved it "
        "(opening hours, quiet hours, the contact policy, another try) does not count.",
        examples=["2 hours"],
    ),
]

_DEFAULT = ", ".join(f"`{event}`" for event in DEFAULT_STOPS)


class Rule(Strict):
    """A rule: on an event, when conditions hold, after a delay, do actions, stop on events."""

    example: ClassVar[object] = {
        "name": "website-lead-follow-up",
        "on": "lead.created",
        "when": [{"field": "lead.source_category", "in": ["WEB_ORGANIC", "WEB_PAID"]}],
        "after": "1 hour",
        "unless": [{"field": "since.contacted", "equals": True}],
        "do": [{"create_task": {"type": "CALL", "title": "Call the new lead", "due": {"after": "10 minutes"}}}],
        "stop_on": ["lead.replied", "lead.converted"],
    }

    name: Slug = Field(
        description="Its name, which never changes: steps and reports refer to it.", examples=["website-lead-follow-up"]
    )
    description: Maybe[Description] = Field(
        default=None, description="A description for people.", examples=["Call within the hour."]
    )
    on: On = Field(examples=[["quote.sent", "estimate.created"]])
    when: WhenHolds = Field(default=[])
    after: WaitAfter = None
    before: WaitBefore = None
    before_due: Maybe[Duration] = Field(
        default=None,
        description="A time before the task is due. Reminders of the task itself take precedence.",
        examples=["15 minutes"],
    )
    every: Maybe[Every] = Field(
        default=None, description="Repeat after this period, until it is stopped; at least a day.", examples=["1 week"]
    )
    only_if: Annotated[DueConditions, OnlyIf] = Field(default=[])
    unless: Annotated[DueConditions, Unless] = Field(default=[])
    skip_when_later_than: Lateness = None
    stop_on: Maybe[StoppingEvents] = Field(
        default=None,
        description=(
            f"Events that cancel its pending steps. Messages to the lead also stop on {_DEFAULT}; `[]` turns that off. "
            "For a transactional message a list replaces these events."
        ),
        examples=[["lead.replied", "lead.converted"]],
    )
    do: Actions = Field(
        description="The actions; each is a step of its own.", examples=[[{"suggest_lost": {"reason": "NO_RESPONSE"}}]]
    )
    priority: Priority = DEFAULT_PRIORITY

    @classmethod
    def conflicts(cls, given: JsonObject) -> Iterator[Line]:
        """Yield the mistakes of its timing, and of the events beside a key."""
        yield from timing_conflicts(given)
        yield from impossible_for(given.get("on"), given.get("when"), ("when",))
        yield from contradictions(given.get("when"), ("when",))
        yield from impossible_guard(given)
        if not is_about_tasks(given.get("on")):
            for part in ("only_if", "unless"):
                yield from impossible_for(given.get("on"), given.get(part), (part,))
        if any(True for _ in keyed_actions(given.get("do"))):
            yield from events_without_values(given.get("on"), ("on",))
