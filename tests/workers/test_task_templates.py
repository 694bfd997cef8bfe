"""Tasks planned from templates when a lead enters a stage, and rules about task outcomes."""

from collections.abc import Callable
from uuid import UUID

from app.automation.simulation.service import simulate_playbook
from app.core.database.row_security import restrict_to_clinic
from app.core.db import transaction
from app.engine.models import Kind
from app.tasks import service as tasks
from app.tasks.templates.service import create_template
from tests.support.practice import Practice, Watch, at, sql

pytest_plugins = ["tests.support.practice"]

TEMPLATE = {
    "name": "Insurance",
    "title": "Ask {{ lead.first_name }} {{ lead.last_initial }} for the insurance card",
    "description": "{{ coordinator.name }} of {{ clinic.name }} for {{ patient.first_name }}.",
    "type": "DOCUMENT_REVIEW",
    "priority": "HIGH",
    "due_in": "4 hours",
    "business_time": False,
    "tags": ["insurance"],
    "stage": "contacted",
}


def add(practice: Practice, **more: object) -> None:
    with transaction() as session:
        create_template(session, practice.actor(), {**TEMPLATE, **more})


def run_all(practice: Practice) -> None:
    practice.run(Kind.CREATE_TASK, *practice.steps(name="stage-task"))


def test_lead_entering_a_stage_gets_a_task_with_its_name(practice: Practice, watch: Watch):
    add(practice)
    lead = practice.capture()
    practice.move(lead, "contacted")
    run_all(practice)
    task = practice.row("lead_tasks", type="DOCUMENT_REVIEW")
    assert (task.title, task.priority, task.tags) == ("Ask Mia K. for the insurance card", "HIGH", ["insurance"])
    assert task.description == "Treatment Coordinator of Bright Smiles for Mia."
    assert task.due_at == at("2026-03-10 15:00")  # at 11, and four hours


def test_step_contains_the_templates_text_without_personal_data(practice: Practice):
    add(practice)
    lead = practice.capture()
    practice.move(lead, "contacted")
    step = practice.step(lead, name="stage-task")
    assert "Mia" not in str(step.params)
    assert step.cause["event"] == "lead.stage_changed"


def test_due_time_uses_opening_hours_when_requested(practice: Practice):
    add(practice, business_time=True, due_in="8 hours")
    lead = practice.capture()
    practice.move(lead, "contacted")
    run_all(practice)
    assert practice.row("lead_tasks", type="DOCUMENT_REVIEW").due_at == at("2026-03-11 10:00")  # 7 h today, 1 tomorrow


def test_lead_that_left_the_stage_gets_no_task(practice: Practice):
    add(practice)
    lead = practice.capture()
    practice.move(lead, "contacted")
    practice.move(lead, "consultation_scheduled")
    run_all(practice)
    assert practice.rows("lead_tasks", type="DOCUMENT_REVIEW") == []
    assert practice.step(lead, name="stage-task").reason == "left_stage"


def test_other_stage_plans_nothing(practice: Practice):
    add(practice)
    lead = practice.capture()
    practice.move(lead, "consultation_scheduled")
    assert practice.steps(lead, name="stage-task") == []


def found(practice: Practice, words: str) -> list[str]:
    with transaction() as session:
        restrict_to_clinic(session, practice.clinic_id)
        query = {"q": words, "sort": "due_at", "limit": 50}
        return [task.title for task in tasks.list_tasks(session, practice.actor(), query).items]


def test_task_search_finds_generated_and_edited_titles(practice: Practice, watch: Watch):
    add(practice)
    lead = practice.capture()
    watch.advance(minutes=5)
    practice.run(Kind.CREATE_TASK, *practice.steps(lead, name="speed-to-lead"))
    practice.move(lead, "contacted")
    run_all(practice)
    title, ours = practice.row("lead_tasks", type="CALL").title, "Ask Mia K. for the insurance card"
    made = next(task for task in practice.rows("lead_tasks") if task.title == ours)
    assert (found(practice, title), found(practice, "insurance card")) == ([title], [ours])
    with transaction() as session:
        tasks.update_task(session, practice.actor(), made.id, {"title": "Ring the bell"})
    assert (found(practice, "insurance"), found(practice, "bell")) == ([], ["Ring the bell"])


CALL_BACK = """
name: test
rules:
  - name: call-back
    on: task.completed
    when:
      - {field: event.outcome, equals: callback_requested}
    after: 24 hours
    do:
      - create_task: {title: Call them back, type: CALL}
templates: {}
"""


def test_rule_can_test_the_outcome_of_a_task(open_practice: Callable[..., Practice], watch: Watch):
    practice = open_practice(playbook=CALL_BACK)
    lead = practice.capture()
    for outcome in ("no_answer", "callback_requested"):
        task = practice.plan(lead, at("2026-03-12 10:00"))
        with transaction() as session:
            tasks.complete(session, practice.actor(), task, {"outcome": outcome})
    assert practice.step(lead, name="call-back").due_at == at("2026-03-11 11:00")


def test_missing_value_is_a_dash_and_the_task_is_still_created(practice: Practice):
    add(practice, title="{{ lead.value }} of {{ lead.stage }}", description=None)
    lead = practice.capture()
    practice.move(lead, "contacted")
    run_all(practice)
    task = practice.row("lead_tasks", type="DOCUMENT_REVIEW")
    assert task.title == "— of Contacted"
    assert task.task_template_id == practice.row("task_templates").id


BY_TEMPLATE = """
name: test
rules:
  - name: insurance
    on: lead.replied
    after: 1 day
    do:
      - create_task: {task_template: Insurance%s}
templates: {}
"""


def by_template(
    open_practice: Callable[..., Practice], settings: str = "", **template: object
) -> tuple[Practice, UUID]:
    """Open a clinic with a rule that names a template; a lead replies. Return the clinic and the lead."""
    practice = open_practice(playbook=BY_TEMPLATE % settings)
    add(practice, stage=None, **template)
    lead = practice.capture()
    practice.hear_from(lead)
    return practice, lead


def change_template(practice: Practice, **columns: object) -> None:
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    sql(f"UPDATE task_templates SET {sets} WHERE clinic_id = :clinic", clinic=practice.clinic_id, **columns)


def test_rule_creates_a_task_from_the_template_that_it_names(open_practice: Callable[..., Practice], watch: Watch):
    practice, lead = by_template(open_practice)
    assert "Ask" not in str(practice.step(lead).params)
    change_template(practice, priority="URGENT", due_in="2 hours")  # the template as it is when the task is created
    watch.advance(days=1)
    practice.run_due()
    task = practice.row("lead_tasks", lead_id=lead)
    assert (task.title, task.type) == ("Ask Mia K. for the insurance card", "DOCUMENT_REVIEW")
    assert task.description == "Treatment Coordinator of Bright Smiles for Mia."
    assert (task.priority, task.tags, task.due_at) == ("URGENT", ["insurance"], at("2026-03-11 13:00"))
    assert task.task_template_id == practice.row("task_templates").id
    assert found(practice, "insurance card") == [task.title]


def test_parts_of_the_action_replace_those_of_its_template(open_practice: Callable[..., Practice], watch: Watch):
    given = ", title: 'Card of {{ lead.first_name }}', type: CALL, priority: LOW, tags: [x], due: {after: 10 minutes}"
    practice, lead = by_template(open_practice, given)
    watch.advance(days=1)
    practice.run_due()
    task = practice.row("lead_tasks", lead_id=lead)
    assert (task.title, task.type, task.priority, task.tags) == ("Card of Mia", "CALL", "LOW", ["x"])
    assert task.description == "Treatment Coordinator of Bright Smiles for Mia."
    assert task.due_at == at("2026-03-11 11:10")


def test_step_without_its_template_is_skipped_with_the_reason(open_practice: Callable[..., Practice], watch: Watch):
    practice, lead = by_template(open_practice)
    change_template(practice, name="Another")
    watch.advance(days=1)
    practice.run_due()
    step = practice.step(lead)
    assert (step.state, step.reason, step.error) == ("skipped", "no_template", None)


def test_simulation_of_a_template_shows_the_task_that_workers_create(
    open_practice: Callable[..., Practice], watch: Watch
):
    practice, lead = by_template(open_practice, business_time=True, due_in="8 hours")
    with transaction() as session:
        query = {"lead_id": lead, "is_new": False, "days": 3, "facts": {}, "script": []}
        simulated = simulate_playbook(session, practice.actor(), "own", query)
    [shown] = [entry["details"] for entry in simulated["timeline"] if entry["what"] == "done"]
    watch.advance(days=1)
    practice.run_due()
    task = practice.row("lead_tasks", lead_id=lead)
    assert {name: str(value) for name, value in shown.items()} == {
        name: str(getattr(task, name)) for name in ("title", "type", "priority", "due_at")
    }
