"""A step kind is one file: it is planned, published, run, retried, explained and simulated without another change."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app import create_app
from app.automation import handlers
from app.automation.language import reference
from app.automation.language.docs import sentences
from app.automation.lead_view.why import why
from app.automation.simulation.service import simulate_playbook
from app.core import db
from app.core.db import transaction
from app.engine.step_kind import STEP_KINDS, StepKinds, StepKindsAreMissing, UnknownStepKind
from app.http.openapi.openapi import spec
from app.ops.embedded import Valkey
from app.wiring import connect
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

KIND = "leave_note"
HANDLER = '''
"""`leave_note`: a note on the timeline of the lead."""

from app.leads.timeline.models import ActivityType
from app.leads.timeline.rows import activity_row
from app.automation.handlers.context import StepContext
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import StepKind, Words


def decide(context: StepContext) -> Outcome:
    """Leave the note in capitals."""
    at, text = context.now, context.params["text"].upper()
    note = activity_row(context.clinic.id, context.lead.id, at=at, type=ActivityType.NOTE, notes=text)
    return Done({"activity_id": note["id"]}, effects=Effects(activities=(note,)))


KIND = StepKind(
    name="leave_note",
    decide=decide,
    details=lambda context, _: {"text": context.params["text"]},
    max_tries=2,
    per_message=7,
    words=Words(lambda note: f"Note: {note['text']}", about="Leave a note.", example="{text: call twice}"),
)
'''


@pytest.fixture
def leave_note(tmp_path: Path) -> Iterator[None]:
    """The throw-away kind, in a file of its own beside the handlers."""
    (tmp_path / "leave_note.py").write_text(HANDLER, encoding="utf-8")
    handlers.__path__.append(str(tmp_path))
    connect()
    yield
    handlers.__path__.remove(str(tmp_path))
    del sys.modules["app.automation.handlers.leave_note"]
    connect()


@pytest.fixture
def with_rule(leave_note: None, practice: Practice) -> Practice:
    """A clinic with one rule: ten minutes after a lead comes in, a note is left."""
    leave(practice, "call twice")
    return practice


def leave(practice: Practice, text: object) -> None:
    rule = {"name": "speed-to-lead", "on": "lead.created", "after": "10 minutes", "do": [{KIND: {"text": text}}]}
    practice.change_rule("speed-to-lead", definition=db.to_json(rule))


def notes(practice: Practice, lead_id: UUID) -> list[Any]:
    return [row.notes for row in practice.rows("lead_activities", lead_id=lead_id) if row.type == "NOTE"]


def test_it_is_planned_published_and_run(with_rule: Practice, valkey: Valkey, watch: Watch):
    lead_id = with_rule.capture()
    step = with_rule.step(kind=KIND)
    assert (step.state, step.params) == ("planned", {"text": "call twice"})

    watch.advance(minutes=9)
    sweep("publish_due_steps")
    [message] = [message for message in messages(valkey) if message.task == "steps.leave_note"]
    assert (message.queue, message.ids) == ("steps", [step.id])

    watch.advance(minutes=1)
    with_rule.run(KIND, step)
    done = with_rule.step(kind=KIND)
    assert (done.state, [*done.outcome]) == ("done", ["activity_id"])
    assert notes(with_rule, lead_id) == ["CALL TWICE"]


def test_the_checks_of_every_step_hold_for_it(with_rule: Practice, watch: Watch):
    lead_id = with_rule.capture()
    with_rule.lose(lead_id)
    watch.advance(minutes=10)
    with_rule.run(KIND)
    assert [step.reason for step in with_rule.steps(kind=KIND)] == ["lost"]


def test_it_is_tried_as_often_as_it_says(with_rule: Practice, watch: Watch):
    leave(with_rule, 5)  # the handler raises
    lead_id = with_rule.capture()
    for _ in range(3):
        watch.set(with_rule.step(kind=KIND).due_at)
        with_rule.run(KIND)
    dead = with_rule.step(kind=KIND)
    assert (dead.state, dead.attempts) == ("failed", 2)
    assert dead.error.startswith("AttributeError")
    assert notes(with_rule, lead_id) == []


def test_people_read_about_it(with_rule: Practice, watch: Watch):
    lead_id = with_rule.capture()
    watch.advance(minutes=10)
    with_rule.run(KIND)
    with transaction() as session:
        events = why(session, with_rule.actor(), lead_id, {"limit": 20}).items
    [because] = [step["because"] for event in events for step in event["steps"] if step["kind"] == KIND]
    assert because == "speed-to-lead: leave_note was done on Tue 10 Mar 2026 11:10 EDT."
    assert "| `leave_note` | Leave a note. | `{text: call twice}` |" in reference.page()
    assert sentences.of_action({KIND: {"text": "call twice"}}) == "Note: call twice"
    assert KIND in spec(create_app())["components"]["schemas"]["RetryIn"]["properties"]["kind"]["enum"]


def test_a_simulation_runs_it(with_rule: Practice):
    lead_id = with_rule.capture()
    given = {"lead_id": lead_id, "is_new": True, "facts": {}, "start": TUESDAY, "days": 1, "script": []}
    with transaction() as session:
        told = simulate_playbook(session, with_rule.actor(), "own", given)
    [entry] = [entry for entry in told["timeline"] if entry["kind"] == KIND]
    assert (entry["what"], entry["details"]) == ("done", {"text": "call twice"})
    assert notes(with_rule, lead_id) == []


def test_nobody_asks_a_registry_that_was_never_filled():
    with pytest.raises(StepKindsAreMissing, match=r"call app\.wiring\.connect\(\)"):
        list(StepKinds())
    with pytest.raises(UnknownStepKind, match="there is no step kind 'fly'"):
        STEP_KINDS["fly"]
    with pytest.raises(ValueError, match="two step kinds have one name"):
        StepKinds().fill([STEP_KINDS["wait"], STEP_KINDS["wait"]])
