"""`relance seed`: the demo clinic is what the product itself would have written in some weeks of work."""

import json
import stat
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.clock import now
from app.core.calendar.calendar import Calendar
from app.core.db import transaction
from app.engine.models import PENDING
from app.identity.clinics import load_context
from app.messaging.inbound.answers import TEMPLATE as ANSWER
from app.ops.demo.replay.stories import stories
from app.ops.demo.seed_data import PEOPLE
from app.ops.mailbox.store import Store
from tests.service.test_cli import answer
from tests.support.practice import Practice, Watch, at, sql
from tests.support.processes import Processes, wait_until

pytest_plugins = ["tests.support.practice"]
pytestmark = pytest.mark.usefixtures("clean_database", "clean_broker")


def test_demo_clinic_is_believable(watch: Watch, tmp_path: Path) -> None:
    """One clinic for all checks, because its weeks take seconds."""
    watch.set(at("2026-03-11T14:30"))  # a Wednesday
    clinic = seeded(tmp_path)

    check_that_leads_differ(clinic)
    check_the_times(clinic)
    check_the_messages(clinic, tmp_path)
    check_the_answers(clinic)
    check_the_agenda(clinic)
    check_that_nothing_is_left_over(clinic)
    check_the_credentials(clinic, tmp_path)


def test_interrupted_replay_begins_again(watch: Watch, tmp_path: Path, processes: Processes) -> None:
    """The first run is killed when half of the leads and some mails are there."""
    first = processes.start("seed", "app.ops.cli", ["seed"], env={"RELANCE_HOME": str(tmp_path)})
    half = len(stories()) // 2
    wait_until(lambda: count_of("leads") >= half and count_of("deliveries") > 0, 120, "half of the leads")
    first.kill()
    assert count_of("leads") < len(stories())
    [left] = sql("SELECT id FROM clinics")

    watch.set(at("2026-03-11T14:30"))
    clinic = seeded(tmp_path)

    assert clinic.clinic_id != left.id
    assert [row.slug for row in sql("SELECT slug FROM clinics")] == ["demo"]
    check_that_leads_differ(clinic)
    check_the_messages(clinic, tmp_path)
    check_the_agenda(clinic)
    check_that_nothing_is_left_over(clinic)
    check_the_credentials(clinic, tmp_path)


def test_mails_arrive_after_an_interruption_at_the_end(watch: Watch, tmp_path: Path) -> None:
    watch.set(at("2026-03-11T14:30"))
    clinic = seeded(tmp_path)
    (tmp_path / "mailbox").rename(tmp_path / "mailbox-unfinished")
    assert not answer("seed", RELANCE_HOME=str(tmp_path))["new"]
    check_the_messages(clinic, tmp_path)


def count_of(table: str) -> int:
    [row] = sql(f"SELECT count(*) AS number FROM {table}")
    return int(row.number)


def seeded(folder: Path) -> Practice:
    assert answer("seed", RELANCE_HOME=str(folder))["new"]
    [clinic] = sql("SELECT id FROM clinics")
    return Practice(clinic.id, clinic.id)


def check_that_leads_differ(clinic: Practice) -> None:
    leads = clinic.rows("leads")
    assert len(leads) == len(stories())
    for field in ("phone", "email"):
        assert len({getattr(lead, field) for lead in leads}) == len(leads)
    assert {lead.pipeline_stage for lead in leads} == {row.slug for row in clinic.rows("pipeline_stages")}


def check_the_times(clinic: Practice) -> None:
    """Users act while the clinic is open, and each timeline begins with its lead."""
    calendar = _calendar(clinic)
    created = {lead.id: lead.created_at for lead in clinic.rows("leads")}
    entries = clinic.rows("lead_activities", by="occurred_at, id")
    assert [one.occurred_at for one in entries if one.created_by and not calendar.is_open(one.occurred_at)] == []
    assert all(created[one.lead_id] <= one.occurred_at <= now() for one in entries)
    assert [one.id for one in entries] == sorted(one.id for one in entries)
    visits = {one.lead_id: one.occurred_at for one in entries if one.type == "CONSULTATION_COMPLETED"}
    booked = {one.lead_id: one.occurred_at for one in entries[::-1] if one.type == "CONSULTATION_SCHEDULED"}
    assert all(booked[lead_id] < visited for lead_id, visited in visits.items())
    assert all(calendar.is_open(task.due_at - timedelta(seconds=1)) for task in clinic.rows("lead_tasks"))


def check_the_messages(clinic: Practice, folder: Path) -> None:
    """Messages to leads have a template of the clinic or were written by a user; the mailbox has all that were sent."""
    known = {row.slug for row in clinic.rows("message_templates")} | {ANSWER}
    sent = [one for one in clinic.rows("notifications") if one.channel == "email"]
    to_leads = [one for one in sent if one.user_id is None]
    assert {one.template for one in to_leads} <= known
    assert {one.state for one in sent} == {"sent"}
    assert [one.body for one in to_leads if "{" in one.body + one.subject] == []
    mails = Store(folder / "mailbox").newest(1000)
    assert sorted(mail.subject for mail in mails) == sorted(one.subject for one in sent)
    assert mails[0].received_at > mails[-1].received_at


def check_the_answers(clinic: Practice) -> None:
    """Each mail of a lead belongs to that lead, and answers a message to it or has a subject of its own."""
    address = {lead.id: lead.email for lead in clinic.rows("leads")}
    subjects = {one["subject"] for one in _details("replies") if "subject" in one}
    sent = [(one.lead_id, f"Re: {one.subject}".replace("Re: Re:", "Re:"), one.created_at) for one in _to_leads(clinic)]
    answers = clinic.rows("inbound_emails")
    for one in answers:
        assert one.sender == address[one.lead_id]
        earlier = {
            subject for lead_id, subject, written in sent if lead_id == one.lead_id and written < one.received_at
        }
        assert one.subject in subjects | earlier
    kinds = [one.classification for one in answers]
    assert (kinds.count("auto_reply"), set(kinds)) == (1, {"auto_reply", "reply"})


def check_the_agenda(clinic: Practice) -> None:
    """The afternoon has tasks that are due, overdue and done, appointments, answers to read, and one emergency."""
    calendar = _calendar(clinic)
    today = calendar.local(now()).date()
    tasks = clinic.rows("lead_tasks")
    due_today = [task for task in tasks if calendar.local(task.due_at).date() == today]
    assert len([task for task in due_today if task.status == "PENDING"]) >= 4
    assert 3 <= len([task for task in tasks if task.status == "OVERDUE"]) <= 18
    done = [task for task in tasks if task.completed_at and calendar.local(task.completed_at).date() == today]
    assert len(done) >= 2
    assert [task.title for task in tasks].count("Emergency: call at once") == 1
    scheduled = [one for one in clinic.rows("lead_activities") if one.scheduled_for and one.scheduled_for > now()]
    assert today in {calendar.local(one.scheduled_for).date() for one in scheduled}
    unread = [one for one in clinic.rows("notifications") if one.channel == "in_app" and one.read_at is None]
    assert 3 <= len([one for one in unread if one.template == "email-reply"]) <= 6


def check_that_nothing_is_left_over(clinic: Practice) -> None:
    steps = clinic.rows("steps")
    assert [step.name for step in steps if step.state in {"failed", "unknown"}] == []
    assert [step.name for step in steps if step.state in PENDING and step.due_at < now()] == []
    [counted] = [row for row in answer("steps", "stats") if (row["kind"], row["state"]) == ("deliver", "done")]
    assert counted["steps"] == len([step for step in steps if (step.kind, step.state) == ("deliver", "done")])


def check_the_credentials(clinic: Practice, folder: Path) -> None:
    """A second run changes nothing; lost passwords are created again."""
    file = folder / "demo.json"
    written, hashes = file.read_text(), _hashes(clinic)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {user["role"] for user in json.loads(written)["users"]} == {role.value for _, _, role in PEOPLE}
    assert not answer("seed", RELANCE_HOME=str(folder))["new"]
    assert (file.read_text(), _hashes(clinic)) == (written, hashes)

    file.unlink()
    answer("seed", RELANCE_HOME=str(folder))

    assert file.exists()
    assert not hashes & _hashes(clinic)


def _hashes(clinic: Practice) -> set[str]:
    return {user.password_hash for user in clinic.rows("users")}


def _to_leads(clinic: Practice) -> Sequence[Any]:
    return [one for one in clinic.rows("notifications") if one.user_id is None and one.channel == "email"]


def _details(name: str) -> list[Any]:
    return [act.details for story in stories() for act in story.acts if act.name == name]


def _calendar(clinic: Practice) -> Calendar:
    with transaction() as session:
        return load_context(session, clinic.clinic_id).calendar
