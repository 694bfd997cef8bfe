"""One rule ends the first contact, whichever way it is told: its time, the chasing steps, the task and the stage."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app import clock
from app.automation.playbooks import shipped
from app.core.database.row_security import restrict_to_clinic
from app.core.db import transaction
from app.leads.duplicates import merge
from app.leads.facts.condition_facts import load_facts
from app.leads.pipeline import reopening
from app.tasks.models import OPEN_TASKS
from tests.support.desk import Desk, the_app
from tests.support.practice import TUESDAY, Practice, Watch, sql
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.practice"]

STAGES = ("new_lead", "contacted", "consultation_scheduled", "consultation_completed", "pending_decision")
BOOKED = {"CONSULTATION_SCHEDULED": "consultation_scheduled", "CONSULTATION_COMPLETED": "consultation_completed"}
CHASES = ("no-contact-24h", "overdue-24h")
A_DAY = timedelta(days=1)


def initial_task(practice: Practice, lead: UUID) -> Any:
    [task] = [task for task in practice.rows("lead_tasks", lead_id=lead) if task.title == "Initial Contact"]
    return task


def chasing(practice: Practice, lead: UUID) -> list[str]:
    """Return the pending steps that ask for contact."""
    return [step.name for step in practice.pending(lead) if step.name in CHASES]


WAYS: dict[str, Callable[[Practice, UUID], object]] = {
    "a conversation": lambda practice, lead: practice.speak_with(lead),
    "a meeting": lambda practice, lead: practice.log(lead, "IN_PERSON"),
    "a booking": lambda practice, lead: practice.log(lead, "CONSULTATION_SCHEDULED"),
    "a consultation": lambda practice, lead: practice.log(lead, "CONSULTATION_COMPLETED"),
    "the stage": lambda practice, lead: practice.move(lead, "contacted"),
    "a later stage": lambda practice, lead: practice.move(lead, "pending_decision"),
    "the stage of a booking": lambda practice, lead: practice.move(lead, "consultation_scheduled"),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_ends_the_first_contact(practice: Practice, watch: Watch, way: str):
    lead = practice.capture()
    practice.run_due()
    watch.advance(minutes=30)
    sweep("mark_overdue_tasks")
    assert (initial_task(practice, lead).status, sorted(chasing(practice, lead))) == ("OVERDUE", sorted(CHASES))
    WAYS[way](practice, lead)
    known, task = practice.row("leads", id=lead), initial_task(practice, lead)
    assert known.contacted_at == known.first_contact_at == clock.now()
    assert known.pipeline_stage != "new_lead"
    assert (task.status, chasing(practice, lead)) == ("COMPLETED", [])
    assert [step.reason for step in practice.steps(lead, name="no-contact-24h")] == ["already_contacted"]
    watch.advance(days=3)
    practice.run_due()
    assert [task.title for task in practice.rows("lead_tasks", lead_id=lead) if "contact" in task.title] == []


def test_contact_before_the_task_was_made_leaves_no_task(practice: Practice):
    lead = practice.capture()
    practice.move(lead, "contacted")
    practice.run_due()
    assert practice.rows("lead_tasks", lead_id=lead) == []
    assert [step.reason for step in practice.steps(lead, name="speed-to-lead")] == ["already_contacted"]


def test_escalation_ends_with_the_contact(practice: Practice, watch: Watch):
    lead = practice.capture()
    practice.run_due()
    watch.advance(hours=24)
    practice.run_due()
    practice.move(lead, "contacted")
    assert {task.title: task.status for task in practice.rows("lead_tasks", lead_id=lead)} == {
        "Initial Contact": "COMPLETED",
        "No contact in 24 hours": "COMPLETED",
    }


def test_reply_ends_the_escalation_and_leaves_the_call(practice: Practice):
    lead = practice.capture()
    practice.run_due()
    practice.hear_from(lead)
    assert (chasing(practice, lead), practice.row("leads", id=lead).contacted_at) == ([], None)
    assert initial_task(practice, lead).status == "PENDING"  # the lead waits for an answer


def test_attempt_ends_nothing(practice: Practice):
    lead = practice.capture()
    practice.run_due()
    practice.fail_to_reach(lead, times=1)
    known = practice.row("leads", id=lead)
    assert (known.contacted_at, known.first_contact_at, known.pipeline_stage) == (None, clock.now(), "new_lead")
    assert chasing(practice, lead) == ["no-contact-24h"]


def test_later_stage_keeps_the_time_of_the_contact(practice: Practice, watch: Watch):
    lead = practice.capture()
    practice.speak_with(lead)
    watch.advance(days=2)
    practice.move(lead, "pending_decision")
    assert practice.row("leads", id=lead).contacted_at == TUESDAY


def test_callback_of_next_week_stays_open(practice: Practice):
    lead = practice.capture()
    practice.run_due()
    planned = practice.plan(lead, TUESDAY + timedelta(days=7))
    practice.move(lead, "contacted")
    assert practice.row("lead_tasks", id=planned).status == "PENDING"


@pytest.mark.parametrize("contacted", ["survivor", "duplicate"])
def test_merge_ends_the_first_contact_if_either_lead_was_contacted(practice: Practice, contacted: str):
    leads = {"survivor": practice.capture(), "duplicate": practice.capture()}
    practice.run_due()
    practice.speak_with(leads[contacted])
    callback = practice.plan(leads["survivor"], clock.now() + timedelta(hours=1))
    with transaction() as session:
        merge.merge(session, practice.actor(), leads["survivor"], duplicate_id=leads["duplicate"])
    lead = leads["survivor"]
    tasks = {task.status for task in practice.rows("lead_tasks", lead_id=lead) if task.title == "Initial Contact"}
    assert (tasks, practice.row("leads", id=lead).pipeline_stage) == ({"COMPLETED"}, "contacted")
    assert chasing(practice, lead) == []
    assert practice.row("lead_tasks", id=callback).status == "PENDING"


def test_merge_of_two_leads_without_contact_goes_on(practice: Practice):
    lead, duplicate = practice.capture(), practice.capture()
    practice.run_due()
    with transaction() as session:
        merge.merge(session, practice.actor(), lead, duplicate_id=duplicate)
    assert practice.row("leads", id=lead).pipeline_stage == "new_lead"
    assert set(chasing(practice, lead)) == {"no-contact-24h"}


def test_stage_before_contacted_sets_no_contact(practice: Practice):
    desk = Desk(practice.clinic_id, the_app().test_client, source_id=str(practice.source_id))
    desk.admin.post("/api/pipeline-stages", {"slug": "sorted", "name": "Sorted"})
    slugs = [stage["slug"] for stage in desk.admin.every("/api/pipeline-stages")]
    slugs.insert(1, slugs.pop(slugs.index("sorted")))
    assert desk.admin.put("/api/pipeline-stages/reorder", {"slugs": slugs}).status == 200
    lead = practice.capture()
    practice.move(lead, "sorted")
    assert practice.row("leads", id=lead).contacted_at is None
    practice.speak_with(lead)
    assert practice.row("leads", id=lead).pipeline_stage == "contacted"


def test_clinic_without_the_stage_contacted(practice: Practice):
    sql("UPDATE pipeline_stages SET archived_at = now(), moves_to = 'new_lead' WHERE slug = 'contacted'")
    spoken, moved = practice.capture(), practice.capture()
    practice.speak_with(spoken)
    practice.move(moved, "consultation_scheduled")
    stages = [practice.row("leads", id=lead).pipeline_stage for lead in (spoken, moved)]
    assert stages == ["new_lead", "consultation_scheduled"]
    assert practice.row("leads", id=moved).contacted_at == TUESDAY


@pytest.mark.parametrize("name", shipped.names())
def test_every_shipped_rule_that_asks_for_a_first_contact_ends_with_it(name: str):
    for rule in shipped.load(name).rules:
        asks = any(next(iter(action)) in {"create_task", "escalate"} for action in rule["do"])
        if rule["on"] == "lead.created" and asks and "every" not in rule:
            assert "lead.contacted" in rule["stop_on"], rule["name"]


# Acts of a random history: what happens, a number that chooses, and the hours before it.
ACTS = ("spoke", "no_answer", "reply", "book", "move", "complete", "convert", "lose", "reopen", "wait")
histories = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 5), st.integers(0, 50)), min_size=3, max_size=12)


@dataclass
class Oracle:
    """The result of the rule for one lead. It knows nothing of tasks, steps and playbooks."""

    stage: str = "new_lead"
    is_open: bool = True
    is_lost: bool = False
    contacted: datetime | None = None
    heard: datetime | None = None
    contacts: list[datetime] = field(default_factory=list)
    ended: datetime | None = None

    def meet(self, at: datetime) -> None:
        self.contacted = at
        self.contacts.append(at)
        if self.is_open and self.stage == "new_lead":
            self.stage = "contacted"

    def enter(self, stage: str, at: datetime) -> None:
        if stage in BOOKED.values() or self.contacted is None:
            self.contacted = at
            self.contacts.append(at)
        self.stage = stage

    def book(self, stage: str, at: datetime) -> None:
        self.meet(at)
        if STAGES.index(self.stage) < STAGES.index(stage):
            self.stage = stage

    @property
    def first_end(self) -> datetime | None:
        """When the escalation of a lead without contact ends."""
        return min((at for at in (*self.contacts, self.heard, self.ended) if at), default=None)


@dataclass
class Story:
    """Does the acts that the lead allows, and tells the oracle."""

    practice: Practice
    lead: UUID
    known: Oracle = field(default_factory=Oracle)

    def play(self, act: str, number: int) -> None:
        """Do the act now. Converted leads allow none, lost ones only what may be logged, and the reopening."""
        known = self.known
        if known.is_open or (known.is_lost and act in {"spoke", "no_answer", "reply", "reopen"}):
            getattr(self, f"_{act}")(number, clock.now())

    def _wait(self, _: int, __: datetime) -> None:
        pass

    def _spoke(self, _: int, at: datetime) -> None:
        self.practice.speak_with(self.lead)
        self.known.meet(at)

    def _no_answer(self, _: int, __: datetime) -> None:
        self.practice.fail_to_reach(self.lead, times=1)

    def _reply(self, _: int, at: datetime) -> None:
        self.practice.hear_from(self.lead)
        self.known.heard = self.known.heard or at

    def _book(self, number: int, at: datetime) -> None:
        kind = list(BOOKED)[number % 2]
        self.practice.log(self.lead, kind)
        self.known.book(BOOKED[kind], at)

    def _move(self, number: int, at: datetime) -> None:
        if later := STAGES[STAGES.index(self.known.stage) + 1 :]:
            self.practice.move(self.lead, later[number % len(later)])
            self.known.enter(later[number % len(later)], at)

    def _complete(self, number: int, _: datetime) -> None:
        tasks = [task for task in self.practice.rows("lead_tasks", lead_id=self.lead) if task.status in OPEN_TASKS]
        if tasks:
            self.practice.complete(tasks[number % len(tasks)].id)

    def _convert(self, number: int, at: datetime) -> None:
        if number == 0:
            self.practice.convert(self.lead)
            self.known.contacted = self.known.contacted or at
            self._end(at)

    def _lose(self, _: int, at: datetime) -> None:
        self.practice.lose(self.lead)
        self.known.is_lost = True
        self._end(at)

    def _end(self, at: datetime) -> None:
        self.known.is_open, self.known.ended = False, self.known.ended or at

    def _reopen(self, _: int, __: datetime) -> None:
        if self.known.is_lost:
            with transaction() as session:
                reopening.reopen(session, self.practice.actor(), self.lead, {"reason": "They called."})
            self.known.is_open, self.known.is_lost = True, False
            if self.known.contacted and self.known.stage == "new_lead":
                self.known.stage = "contacted"  # somebody spoke with the lead while it was lost


@settings(max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(acts=histories)
def test_weeks_of_a_lead_equal_an_oracle(
    open_practice: Callable[..., Practice], watch: Watch, acts: list[tuple[str, int, int]]
):
    watch.set(TUESDAY)
    practice = open_practice()
    lead = practice.capture()
    story = Story(practice, lead)
    [escalates_at] = [step.due_at for step in practice.steps(lead, name="no-contact-24h")]
    for act, number, hours in (*acts, ("wait", 0, 300)):
        run_for(practice, watch, timedelta(hours=hours))
        story.play(act, number)
        check(practice, lead, story.known)
    names = [task.title for task in practice.rows("lead_tasks", lead_id=lead)]
    ended = story.known.first_end
    assert ("No contact in 24 hours" in names) == (ended is None or ended > escalates_at)


def run_for(practice: Practice, watch: Watch, time: timedelta) -> None:
    """Let time pass, by steps and sweeps of some hours."""
    until = clock.now() + time
    while clock.now() < until:
        watch.set(min(clock.now() + timedelta(hours=6), until))
        sweep("mark_overdue_tasks")
        practice.run_due()
    practice.run_due()


def check(practice: Practice, lead: UUID, known: Oracle) -> None:
    row = practice.row("leads", id=lead)
    assert row.contacted_at == known.contacted
    assert (row.first_contact_at is None) <= (known.contacted is None)
    if known.is_open:
        assert row.pipeline_stage == known.stage
    events = [one.occurred_at for one in practice.rows("events", by="id", lead_id=lead, name="lead.contacted")]
    assert events == known.contacts
    if known.contacted is not None:
        asking = [task for task in practice.rows("lead_tasks", lead_id=lead) if task.asks_for_contact]
        assert [one.title for one in asking if one.status in OPEN_TASKS and one.created_at < known.contacted] == []
        early = [step for step in practice.pending(lead) if step.created_at < known.contacted]
        assert [step.name for step in early if "lead.contacted" in step.stop_on] == []


def test_contact_before_the_capture_took_no_hours(practice: Practice):
    lead = practice.capture()
    sql("UPDATE leads SET first_contact_at = created_at - interval '2 hours' WHERE id = :lead", lead=lead)
    with transaction() as session:
        restrict_to_clinic(session, practice.clinic_id)
        facts = load_facts(session, [lead], ["hours_to_first_contact"])
    assert facts == {lead: {"hours_to_first_contact": 0.0}}
