"""Variants of message texts, stored versions, and missing values."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core.db import transaction
from app.engine.models import Kind
from app.identity.service import change_language
from app.leads.attribution.sources import update_source
from app.leads.custom_fields.service import create_field
from app.messaging.templates import service
from app.messaging.templates.preview import preview
from tests.support.practice import TUESDAY, Practice, Watch, sql

pytest_plugins = ["tests.support.practice"]

PLAYBOOK = """
name: texts
rules:
  - name: greet
    on: lead.created
    do:
      - send_message: { channel: email, template: hello, transactional: true }
  - name: answer-french
    on: lead.created
    when:
      - { field: lead.language, equals: fr }
    do:
      - create_task: { type: CALL, title: Appeler, due: { after: 1 hour } }
  - name: remind
    on: task.created
    before_due: 15 minutes
    do:
      - remind: { channels: [in_app, email], template: reminder }
templates:
  hello: { subject: Hello, body: "Hello {{ lead.first_name }}" }
  reminder: { subject: "Do {{ task.title }}", body: "{{ user.name }}, do {{ task.title }}" }
"""
HELLO = {"channel": None, "language": None, "subject": "Hello", "body": "Hello {{ lead.first_name }}", "media": None}


@pytest.fixture
def practice(open_practice: Callable[..., Practice]) -> Practice:
    return open_practice(playbook=PLAYBOOK)


def set_variants(practice: Practice, slug: str, *variants: dict[str, Any]) -> Any:
    """Set the variants of a template."""
    row = practice.row("message_templates", slug=slug)
    given = {"variants": [{**HELLO, **variant} for variant in variants]}
    with transaction() as session:
        return service.update_template(session, practice.actor(), row.id, given, seen=None)


def greet(practice: Practice, **lead: Any) -> Any:
    """Return the message that a new lead gets."""
    made = practice.capture(**lead)
    practice.run(Kind.SEND_MESSAGE, practice.step(made, name="greet"))
    [note] = practice.rows("notifications", lead_id=made)
    return note


def test_message_stores_its_template_version_and_variant(practice: Practice):
    first = greet(practice)
    version = set_variants(
        practice, "hello", {}, {"language": "fr", "subject": "Bonjour", "body": "Bonjour {{ lead.first_name }}"}
    )
    french, other = greet(practice, language="fr-CA"), greet(practice, language="de")
    assert [(note.body, note.variant) for note in (first, french, other)] == [
        ("Hello Mia", "any:default"),
        ("Bonjour Mia", "any:fr"),
        ("Hello Mia", "any:default"),
    ]
    [old] = practice.rows("message_template_versions", id=first.template_version_id)
    assert (old.number, version["number"]) == (1, 2)
    assert {french.template_version_id, other.template_version_id} == {version["version_id"]}


def test_lead_without_a_language_gets_the_clinics_language(practice: Practice):
    set_variants(practice, "hello", {}, {"language": "fr", "body": "Bonjour"})
    with transaction() as session:
        change_language(session, practice.clinic_id, "fr-BE")
    assert (greet(practice).body, greet(practice, language="es").body) == ("Bonjour", "Bonjour")


def test_channels_have_their_own_variants_and_users_get_the_clinics_language(practice: Practice, watch: Watch):
    short, french = {"channel": "in_app", "subject": "In short", "body": "Do it"}, {"language": "fr", "body": "Fais-le"}
    set_variants(practice, "reminder", {"body": "Do {{ task.title }}, {{ user.name }}"}, short, french)
    lead = practice.capture(language="fr")
    practice.run(Kind.CREATE_TASK, practice.step(lead, name="answer-french"))
    watch.advance(minutes=45)
    practice.run(Kind.REMIND, practice.step(lead, name="remind"))
    told = {note.channel: (note.subject, note.body, note.variant) for note in practice.rows("notifications")}
    assert told == {
        "in_app": ("In short", "Do it", "in_app:default"),
        "email": ("Hello", "Do Appeler, Treatment Coordinator", "any:default"),
    }


def test_rule_can_test_the_language_of_a_lead(practice: Practice):
    assert practice.steps(practice.capture(language="fr"), name="answer-french")
    assert not practice.steps(practice.capture(language="fr-CA"), name="answer-french")
    assert not practice.steps(practice.capture(), name="answer-french")


def test_all_variables_of_a_lead_are_rendered(practice: Practice):
    school = {"key": "school", "label": "School", "type": "text", "options": [], "required": False, "archived": False}
    with transaction() as session:
        create_field(session, practice.clinic_id, school)
    body = (
        "{{ lead.stage }}, {{ lead.source }}, {{ lead.value }}, {{ custom.school }},"
        " {{ coordinator.name }} <{{ coordinator.email }}>"
    )
    set_variants(practice, "hello", {"body": body})
    note = greet(practice, lead_value="4800.5", custom={"school": "Lyon  Nord"})
    [source] = sql("SELECT name FROM lead_sources WHERE id = :id", id=practice.source_id)
    address = sql("SELECT email FROM users WHERE name = 'Treatment Coordinator'")[0].email
    assert note.body == f"New Lead, {source.name}, 4,800.50, Lyon Nord, Treatment Coordinator <{address}>"


@pytest.mark.parametrize("how", ["subject", "body"])
def test_missing_value_skips_the_step_at_once_and_is_named(practice: Practice, how: str):
    set_variants(practice, "hello", {how: "Of {{ lead.value }}"})
    poor, rich = practice.capture(), practice.capture(lead_value="12.00")
    steps = [practice.step(lead, name="greet") for lead in (poor, rich)]
    practice.run(Kind.SEND_MESSAGE, *steps)
    step = practice.step(poor, name="greet")
    assert (step.state, step.reason, step.attempts) == ("skipped", "missing_field", 1)
    assert (step.outcome, step.error) == ({"field": "lead.value"}, None)
    assert practice.step(rich, name="greet").state == "done"
    assert [getattr(note, how) for note in practice.rows("notifications")] == ["Of 12.00"]


@pytest.mark.parametrize(("kind", "slug"), [(Kind.ESCALATE, "escalation"), (Kind.SUGGEST_LOST, "lost-suggested")])
def test_skipped_notification_does_not_stop_other_effects_of_the_step(
    open_practice: Callable[..., Practice], kind: str, slug: str
):
    practice = open_practice()
    set_variants(practice, slug, {"body": "{{ lead.value }}"})
    params = {"title": "No contact", "reason": "NO_RESPONSE", "channels": ["in_app"], "template": slug}
    practice.fill(1, kind, due_at=TUESDAY, params=params)
    practice.run(kind)
    step = practice.step(kind=kind)
    assert (step.state, step.outcome["missing_field"]) == ("done", "lead.value")
    assert practice.rows("notifications") == []
    done = practice.rows("lead_tasks" if kind == Kind.ESCALATE else "lead_activities")
    assert len(done) == 1


@pytest.mark.parametrize("language", [None, "fr", "de"])
def test_preview_equals_the_message(practice: Practice, language: str | None):
    body = "{{ lead.first_name }}, {{ lead.stage }}, {{ coordinator.name }}, {{ lead.value | default('much') }}"
    given = set_variants(
        practice, "hello", {"body": body}, {"language": "fr", "subject": "Bonjour", "body": "{{ lead.source }}"}
    )
    lead = practice.capture(language=language)
    asked = {"lead_id": lead, "channel": "email", "language": None, "values": {}}
    with transaction() as session:
        texts = service.current_texts(session, practice.actor(), given["id"])
        shown = preview(session, practice.actor(), texts, asked)
    practice.run(Kind.SEND_MESSAGE, practice.step(lead, name="greet"))
    note = practice.row("notifications")
    assert (shown["subject"], shown["body"], shown["variant"]) == (note.subject, note.body, note.variant)
    assert shown["missing"] == []


def test_renamed_source_is_rendered_with_its_new_name(practice: Practice):
    set_variants(practice, "hello", {"body": "{{ lead.source }}"})
    greet(practice)
    with transaction() as session:
        update_source(session, practice.clinic_id, practice.source_id, {"name": "The fair"})
    assert greet(practice).body == "The fair"
