"""Templates: allowed syntax, and protection against values that contain template syntax."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from app.automation.playbooks import shipped
from app.core.calendar.calendar import BusinessHours, Calendar
from app.identity.clinic_context import ClinicContext
from app.leads.fields import IN_TEMPLATES
from app.messaging.rendering.render import (
    DEFAULT_LIMITS,
    InvalidTemplate,
    Limits,
    MessageTooLong,
    Wording,
    check_template,
    render,
)
from app.messaging.rendering.samples import sample_values
from app.messaging.rendering.values import MissingVariable
from app.messaging.rendering.variables import VARIABLES, message_values
from app.messaging.templates.library import check_templates

VALUES = {
    "lead": {"first_name": "Mia", "last_name": "Keller", "last_initial": "K."},
    "clinic": {"name": "Bright Smiles"},
    "task": {"title": None},
}


def body_of(template: str, values: dict[str, dict[str, object]] = VALUES) -> str:
    return render(Wording("subject", template), values).body


def problems(body: str) -> str:
    return "; ".join(map(str, check_template("subject", body)))


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Hello {{ lead.first_name }}", "Hello Mia"),
        ("{{ lead.first_name | upper }} {{ lead.last_name|lower|capitalize }}", "MIA Keller"),
        ('{{ coordinator.name | default("your team") }}', "your team"),
        ('{{ coordinator.name or "your team" }}', "your team"),
        ("{% if task.title %}Task{% elif lead.first_name %}Lead{% else %}None{% endif %}", "Lead"),
        ('{{ "yes" if lead.first_name == "Mia" and not task.title else "no" }}', "yes"),
        ("{% if consultation.scheduled_for is defined %}when{% else %}some day{% endif %}", "some day"),
        ("{{ '{{ clinic.name }}' }}", "{{ clinic.name }}"),
        ('{{ "never" if task.title }}', ""),
        ("Fish & <chips>", "Fish & <chips>"),  # text/plain: nothing to escape
    ],
)
def test_template_renders_variables_and_conditions(template: str, said: str):
    assert check_template("subject", template) == []
    assert body_of(template) == said


@pytest.mark.parametrize("template", ["{{ task.title }}", "{{ task.title | upper }}", '{{ task.title == "x" }}'])
def test_missing_value_is_named(template: str):
    with pytest.raises(MissingVariable, match=r"task\.title"):
        body_of(template)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ lead.phone }}", "body: line 1: 'lead.phone' is not known"),
        ("\n\n{{ lead.frist_name }}", "line 3: 'lead.frist_name' is not known; did you mean 'lead.first_name'?"),
        ("{{ lead }}", "'lead' is not known"),
        ("{{ config.SECRET_KEY }}", "'config.SECRET_KEY' is not known"),
        ("{{ lead.first_name.__class__ }}", "getattr is not allowed"),
        ("{{ lead['first_name'] }}", "getitem is not allowed"),
        ("{{ ''.join(lead.first_name) }}", "call is not allowed"),
        ("{{ 9 ** 9 ** 9 ** 9 }}", "pow is not allowed"),
        ("{{ 'x' * 10000000000 }}", "mul is not allowed"),
        ("{{ '%99999999d' % 1 }}", "mod is not allowed"),
        ("{% for i in lead.first_name %}x{% endfor %}", "for is not allowed"),
        ("{% set x = 1 %}", "assign is not allowed"),
        ("{% include 'x' %}", "include is not allowed"),
        ("{% macro x() %}{% endmacro %}", "macro is not allowed"),
        ("{{ lead.first_name | safe }}", "No filter named 'safe'"),
        ("{{ lead.first_name is callable }}", "No test named 'callable'"),
        ("{{ lead.first_name", "line 1"),
        ("{% if lead.first_name %}", "Unexpected end of template"),
        ("(" * 50 + "{{ " + "(" * 4000 + " }}", "body:"),
        ("{% if lead.first_name %}" * 250 + "{% endif %}" * 250, "cannot be read"),
        ("", "is missing"),
        ("x" * 10_001, "at most 10000"),
    ],
)
def test_forbidden_syntax_is_refused_when_loaded(template: str, problem: str):
    assert problem in problems(template)
    with pytest.raises(InvalidTemplate):
        body_of(template)


def test_every_error_names_its_line():
    mistakes = check_templates({"hello": {"subject": "a\nb", "body": "{{ lead.x }} {{ lead.y }}", "html": "<b>"}})

    assert [mistake.place for mistake in mistakes] == [
        "templates.hello.html",
        "templates.hello.subject",
        "templates.hello.body",
        "templates.hello.body",
    ]


def test_value_is_never_rendered_as_a_template():
    assert body_of("{{ lead.first_name }}", {"lead": {"first_name": "{{ clinic.name }}"}}) == "{{ clinic.name }}"


def test_hostile_name_cannot_become_a_message():
    name = "Mia\r\nBcc: eve@example.org\r\n\r\nBuy at http://spam.example\x00\u2028" + "!" * 500
    rendered = render(
        Wording("{{ lead.first_name }}, hello", "Hello {{ lead.first_name }}"), {"lead": {"first_name": name}}
    )

    assert rendered.subject.startswith("Mia Bcc: eve@example.org Buy at")
    assert len(rendered.subject.splitlines()) == len(rendered.body.splitlines()) == 1
    assert len(rendered.body) == len("Hello ") + 200


def test_message_has_a_maximum_size():
    many = "{{ lead.first_name }}" * 400
    with pytest.raises(MessageTooLong):
        body_of(many, {"lead": {"first_name": "x" * 200}})  # 400 * 200 = 80,000
    assert len(body_of(many, {"lead": {"first_name": "x" * 50}})) == DEFAULT_LIMITS.body


def test_long_subject_is_cut():
    rendered = render(Wording("{{ lead.first_name }}" * 2, "Hello"), {"lead": {"first_name": "x" * 200}})
    assert rendered.subject == "x" * 249 + "…"


def test_channel_without_subjects_gets_none():
    rendered = render(Wording("Your visit", "Hello"), {}, limits=Limits(subject=0, body=1600))
    assert rendered == Wording("", "Hello")


CLINIC = ClinicContext(
    id=uuid4(),
    name="Bright Smiles",
    region="DE",
    calendar=Calendar(ZoneInfo("Europe/Berlin"), BusinessHours.from_json({"mon": [["09:00", "18:00"]]})),
    rules_version=1,
    stale_after_days=14,
)
LEAD = {"first_name": "Mia", "last_name": "Keller", "patient_first_name": "Tom"}


@pytest.mark.parametrize(
    ("instant", "said"),
    [
        # 07:05 UTC on 9 March is 08:05 in Berlin; after the clocks changed on the 29th, 09:05
        (datetime(2026, 3, 9, 7, 5, tzinfo=UTC), "Monday, March 9, 2026 at 8:05 AM"),
        (datetime(2026, 3, 30, 7, 5, tzinfo=UTC), "Monday, March 30, 2026 at 9:05 AM"),
        # the last minute of the year in UTC is already the next one there
        (datetime(2026, 12, 31, 23, 59, tzinfo=UTC), "Friday, January 1, 2027 at 12:59 AM"),
        (datetime(2026, 6, 1, 10, 0, tzinfo=UTC), "Monday, June 1, 2026 at 12:00 PM"),
    ],
)
def test_times_are_rendered_in_the_clinics_local_time(instant: datetime, said: str):
    values = message_values(CLINIC, task={"title": "Call", "due_at": instant}, scheduled_for=instant)
    assert body_of("{{ task.due_at }}|{{ consultation.scheduled_for }}", values) == f"{said}|{said}"


def test_every_declared_value_has_a_text_and_a_sample():
    samples = sample_values(CLINIC, {})
    lead = {field.name: None for field in IN_TEMPLATES.values()} | {
        "last_name": "Keller",
        "lead_value": Decimal("4800.5"),
    }
    values = message_values(CLINIC, lead=lead)
    for path in IN_TEMPLATES:
        group, _, name = path.partition(".")
        assert name in VARIABLES[group]
        assert name in values[group]
        assert body_of(f"{{{{ {path} }}}}", samples)
    assert body_of("{{ lead.last_initial }}|{{ lead.value }}", values) == "K.|4,800.50"
    assert (
        body_of("{{ lead.first_name }} {{ lead.value }} of {{ patient.first_name }}", samples) == "Ana 4,800.00 of Leo"
    )


def test_default_templates_are_valid():
    assert check_templates(shipped.load("orthodontics").templates) == []


@pytest.mark.parametrize(
    "known",
    [
        {"user_name": "Ann"},
        {
            "user_name": "Ann",
            "coordinator_name": "Ben",
            "scheduled_for": datetime(2026, 3, 9, 7, 5, tzinfo=UTC),
        },
    ],
)
def test_default_templates_render_with_any_missing_values(known: dict[str, object]):
    due = datetime(2026, 3, 9, 7, 5, tzinfo=UTC)
    for template in shipped.load("orthodontics").templates.values():
        values = message_values(CLINIC, lead=LEAD, task={"title": "Call Mia", "due_at": due}, **known)
        message = render(Wording(**template), values)
        assert "\n\n\n" not in message.body
        assert "None" not in message.body
        assert message.body.startswith("Hello")
        assert message.body.endswith("Bright Smiles")


def test_missing_value_can_be_marked_in_a_preview():
    asked: list[str] = []

    def placeholder(field: str) -> str:
        asked.append(field)
        return f"[{field}]"

    template = Wording(
        "{{ task.title | upper }} {{ lead.first_name }}",
        "{% if lead.value %}much{% endif %}{{ lead.value | default('-') }}{{ custom.items }}"
        "{{ 'same' if coordinator.name == 'x' else 'other' }}{{ 'x' in lead.stage }}",
    )
    assert render(template, VALUES, placeholder=placeholder) == Wording("[TASK.TITLE] Mia", "-[custom.items]otherFalse")
    assert asked == ["task.title", "custom.items", "coordinator.name", "lead.stage"]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ custom.items }} {{ custom.keys }}", "braces yes"),  # keys of fields, not methods of a mapping
        ("{{ custom.no }}{% if custom.no %}!{% endif %}", "no"),
        ("{% if custom.absent %}!{% else %}none{% endif %}", "none"),
        ("{{ custom.number }}", "7.5"),
    ],
)
def test_custom_fields_are_rendered(template: str, said: str):
    values = {"custom": {"items": "braces", "keys": True, "no": False, "number": 7.5}}
    assert body_of(template, values) == said


@pytest.mark.parametrize("name", ["__class__", "_values", "School", "x" * 51])
def test_custom_field_key_is_a_valid_variable_name(name: str):
    assert "is not known" in problems(f"{{{{ custom.{name} }}}}")


def test_comparison_of_text_with_a_number_is_an_error():
    with pytest.raises(InvalidTemplate, match="cannot be worked out"):
        body_of("{% if lead.first_name < 3 %}x{% endif %}")
