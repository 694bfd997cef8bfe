"""A step kind of one file: rules name it, and it is planned, published, run, retried, explained and simulated."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app import create_app
from app.automation import handlers
from app.automation.language.docs import sentences
from app.automation.language.docs.rules import rules_page
from app.automation.lead_view.why import why
from app.automation.simulation.service import simulate_playbook
from app.core import db
from app.core.db import transaction
from app.engine.step_kind import STEP_KINDS, StepKinds, StepKindsAreMissing, UnknownStepKind
from app.http.openapi.openapi import spec
from app.ops.embedded import Valkey
from app.wiring import connect
from tests.support.desk import Caller, Desk, the_app
from tests.support.messages import messages
from tests.support.practice import TUESDAY, Practice, Watch
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

KIND = "leave_note"
HANDLER = '''
"""`leave_note`: add a note to the lead's timeline."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from app.automation.handlers.support.context import StepContext
from app.automation.language.params import Params
from app.automation.language.types.primitives import OneOf, Title
from app.engine.outcomes import Done, Effects, Outcome
from app.engine.step_kind import StepKind
from app.leads.timeline.models import ActivityType
from app.leads.timeline.rows import activity_row


class LeaveNote(Params):
    """Leave a note."""

    example: ClassVar[Any] = {"text": "call twice"}

    text: Title = Field(description="The text of the note.", examples=["call twice"])
    color: Annotated[Literal["red", "green"], OneOf()] = Field(default="red", description="Its color.")


def decide(context: StepContext) -> Outcome:
    """Leave the note in capitals."""
    at, text = context.now, context.params["text"].upper()
    note = activity_row(context.clinic.id, context.lead.id, at=at, type=ActivityType.NOTE, notes=text)
    return Done({"activity_id": note["id"]}, effects=Effects(activities=(note,)))


KIND = StepKind(
    name="leave_note",
    decide=decide,
    params=LeaveNote,
    sequence_params=LeaveNote,
    sentence=lambda note: f"Note: {note['text']}",
    details=lambda context, _: {"text": context.params["text"]},
    max_tries=2,
    per_message=7,
)
'''
RULES = "/api/follow-up-rules"
RULE = {"name": "call-note", "on": "lead.created", "after": "10 minutes", "do": [{KIND: {"text": "call twice"}}]}


@pytest.fixture
def leave_note(tmp_path: Path) -> Iterator[None]:
    """A temporary step kind, in a file of its own beside the handlers."""
    (tmp_path / "leave_note.py").write_text(HANDLER, encoding="utf-8")
    handlers.__path__.append(str(tmp_path))
    connect()
    yield
    handlers.__path__.remove(str(tmp_path))
    del sys.modules["app.automation.handlers.leave_note"]
    connect()


@pytest.fixture
def admin(leave_note: None, practice: Practice) -> Caller:
    """An admin of the clinic, who calls the API."""
    return Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id)).admin


@pytest.fixture
def with_rule(practice: Practice, admin: Caller) -> Practice:
    """A clinic with a rule that leaves a note ten minutes after a lead is created."""
    answer = admin.post(RULES, RULE)
    assert answer.status == 201, answer.body
    return practice


def notes(practice: Practice, lead_id: UUID) -> list[Any]:
    return [row.notes for row in practice.rows("lead_activities", lead_id=lead_id) if row.type == "NOTE"]


def test_new_kind_is_planned_published_and_run(with_rule: Practice, valkey: Valkey, watch: Watch):
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


def test_common_checks_apply_to_the_new_kind(with_rule: Practice, watch: Watch):
    lead_id = with_rule.capture()
    with_rule.lose(lead_id)
    watch.advance(minutes=10)
    with_rule.run(KIND)
    assert [step.reason for step in with_rule.steps(kind=KIND)] == ["lost"]


def test_retry_limit_of_the_kind_is_applied(with_rule: Practice, watch: Watch):
    wrong = {**RULE, "do": [{KIND: {"text": 5}}]}  # the API would refuse it; the handler raises
    with_rule.change_rule("call-note", definition=db.to_json(wrong))
    lead_id = with_rule.capture()
    for _ in range(3):
        watch.set(with_rule.step(kind=KIND).due_at)
        with_rule.run(KIND)
    dead = with_rule.step(kind=KIND)
    assert (dead.state, dead.attempts) == ("failed", 2)
    assert dead.error.startswith("AttributeError")
    assert notes(with_rule, lead_id) == []


def test_explanation_describes_the_kind(with_rule: Practice, watch: Watch):
    lead_id = with_rule.capture()
    watch.advance(minutes=10)
    with_rule.run(KIND)
    with transaction() as session:
        events = why(session, with_rule.actor(), lead_id, {"limit": 20}).items
    [because] = [step["because"] for event in events for step in event["steps"] if step["kind"] == KIND]
    assert because == "call-note: leave_note was done on Tue 10 Mar 2026 11:10 EDT."
    assert sentences.of_action({KIND: {"text": "call twice"}}) == "Note: call twice"


@pytest.mark.parametrize(
    ("action", "pointer", "message"),
    [
        ({KIND: {"txt": "x"}}, "/do/0/leave_note/txt", "did you mean 'text'?"),
        ({KIND: {}}, "/do/0/leave_note/text", "is missing"),
        ({KIND: {"text": 5}}, "/do/0/leave_note/text", "must be text in one line"),
        ({KIND: {"text": "x", "color": "gren"}}, "/do/0/leave_note/color", "did you mean 'green'?"),
        ({"leave_not": {"text": "x"}}, "/do/0", "did you mean 'leave_note'?"),
        (
            {"branch": {"if": [{"field": "lead.email", "exists": True}], "then": [{KIND: {}}]}},
            "/do/0/branch/then/0/leave_note/text",
            "is missing",
        ),
    ],
)
def test_api_refuses_invalid_params_with_their_path(admin: Caller, action: Any, pointer: str, message: str):
    refused = admin.post(RULES, {**RULE, "do": [action]})
    messages = {error["pointer"]: error["message"] for error in refused.body["errors"]}
    assert refused.status == 422
    assert message in messages[pointer]


def test_sequence_can_name_the_kind(admin: Caller):
    sequence = {"name": "notes", "steps": [{"name": "first", KIND: {"text": "call twice"}}]}
    assert admin.post("/api/sequences", sequence).status == 201
    [mistake] = admin.post("/api/sequences", {**sequence, "name": "other", "steps": [{"name": "x"}]}).body["errors"]
    assert KIND in mistake["message"]


@pytest.mark.usefixtures("leave_note")
def test_api_reference_and_docs_page_describe_the_kind():
    schemas = spec(create_app())["components"]["schemas"]
    assert KIND in schemas["RetryIn"]["properties"]["kind"]["enum"]
    assert KIND in schemas["Action"]["properties"]
    assert KIND in schemas["SequenceStep"]["properties"]
    assert (schemas["LeaveNote"]["description"], schemas["LeaveNote"]["required"]) == ("Leave a note.", ["text"])
    page = rules_page()
    assert "| `leave_note` | Leave a note. | `{leave_note: {text: call twice}}` |" in page
    assert "| `text` | required | The text of the note. | `call twice` |" in page


def test_unregistered_kind_is_refused(practice: Practice):
    admin = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id)).admin
    assert admin.post(RULES, RULE).pointers == ["/do/0"]


def test_simulation_runs_the_kind(with_rule: Practice):
    lead_id = with_rule.capture()
    given = {"lead_id": lead_id, "is_new": True, "facts": {}, "start": TUESDAY, "days": 1, "script": []}
    with transaction() as session:
        told = simulate_playbook(session, with_rule.actor(), "own", given)
    [entry] = [entry for entry in told["timeline"] if entry["kind"] == KIND]
    assert (entry["what"], entry["details"]) == ("done", {"text": "call twice"})
    assert notes(with_rule, lead_id) == []


def test_empty_registry_raises_an_error():
    with pytest.raises(StepKindsAreMissing, match=r"call app\.wiring\.connect\(\)"):
        list(StepKinds())
    with pytest.raises(UnknownStepKind, match="there is no step kind 'fly'"):
        STEP_KINDS["fly"]
    with pytest.raises(ValueError, match="two step kinds have one name"):
        StepKinds().fill([STEP_KINDS["wait"], STEP_KINDS["wait"]])
