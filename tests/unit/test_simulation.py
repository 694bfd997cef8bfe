"""Simulation: contact policy, impossible scripts and limits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import beat_schedule
from app.automation.playbooks.shipped import read
from app.automation.simulation import run, sweeps
from app.automation.simulation.lead import lead_facts_for_rules, sample_lead
from app.automation.simulation.run import simulate
from app.automation.simulation.sandbox import sample_setting, try_playbook
from app.automation.simulation.script import InvalidScript, read_script
from app.automation.simulation.timeline import Simulation
from app.automation.simulation.world import World
from app.core.calendar.calendar import UnknownHolidays
from app.identity.contact_policy import ContactPolicy
from app.leads.facts.condition_facts import FACT_NAMES

START = datetime(2026, 3, 10, 15, tzinfo=UTC)  # Tuesday, 11:00 in New York
APPROVED = "{channel: whatsapp, body: Hello, provider_template: {name: hello_again, language: en_US}}"
HEAD = (
    "name: ours\ntemplates:\n  hello: {subject: Hello, body: Hello}\n"
    f"  approved: {{subject: Hello, body: Hello, variants: [{APPROVED}]}}\nrules:\n"
)
SEND = "do: [{send_message: {channel: email, template: hello}}]"


def of_rules(
    *rules: str,
    head: str = HEAD,
    script: Any = (),
    days: int = 30,
    policy: ContactPolicy | None = None,
    zone: str = "America/New_York",
) -> Simulation:
    """Simulate these rules, each of them YAML in braces, in New York with a lead in that zone."""
    playbook = read(head + "".join(f"  - {{{rule}}}\n" for rule in rules))
    setting = sample_setting(playbook, zone=ZoneInfo("America/New_York"), region="US")
    setting = replace(setting, clinic=replace(setting.clinic, policy=policy or ContactPolicy()))
    until = START + timedelta(days=days)
    lead = sample_lead(stage=setting.first_stage, zone=zone, at=START)
    happens = read_script(script, start=START, until=until)
    return simulate("ours", World(setting, lead, now=START), happens, until=until)


def ends(simulation: Simulation) -> list[tuple[str, str, str]]:
    """Return when, how and why steps ended or were deferred, in local time."""
    zone = simulation.zones[0]
    steps = [entry for entry in simulation.timeline if entry.kind]
    return [(f"{entry.at.astimezone(zone):%d %H:%M}", entry.what, entry.reason or "") for entry in steps]


def test_free_text_by_whatsapp_needs_a_session():
    write = "do: [{send_message: {channel: whatsapp, template: hello}}]"
    rules = (f"name: a, on: lead.created, {write}", f"name: b, on: lead.replied, {write}")
    by_whatsapp = {"at": "+1 hour", "event": "lead.replied", "facts": {"event.channel": "whatsapp"}}
    assert ends(of_rules(*rules, script=[by_whatsapp])) == [
        ("10 11:00", "skipped", "outside_session"),
        ("10 12:00", "done", ""),
    ]
    by_email = {"at": "+1 hour", "event": "lead.replied"}
    assert ends(of_rules(*rules, script=[by_email]))[-1] == ("10 12:00", "skipped", "outside_session")


def test_approved_text_by_whatsapp_needs_no_session():
    rule = "name: a, on: lead.created, do: [{send_message: {channel: whatsapp, template: approved}}]"
    assert ends(of_rules(rule)) == [("10 11:00", "done", "")]


def test_message_is_deferred_to_the_first_allowed_moment():
    policy = ContactPolicy(minimum_interval=timedelta(hours=4), weekends=False)
    twice = (f"name: a, on: lead.created, {SEND}", f"name: b, on: lead.created, after: 1 hour, {SEND}")
    late = f"name: c, on: lead.created, after: {{time: 4 days, at: '09:00'}}, {SEND}"
    assert ends(of_rules(*twice, late, policy=policy)) == [
        ("10 11:00", "done", ""),
        ("10 12:00", "put_off", "minimum_interval"),
        ("10 15:00", "done", ""),
        ("14 09:00", "put_off", "weekend"),
        ("16 08:00", "done", ""),
    ]


def test_lateness_counts_from_the_moved_due_time():
    rule = f"name: a, on: lead.created, after: 11 hours, skip_when_later_than: 1 hour, {SEND}"
    assert ends(of_rules(rule)) == [("11 08:00", "done", "")]  # 22:00 is in the quiet hours


def test_merge_fields_of_a_task_are_filled_in():
    rule = "name: a, on: lead.created, do: [{create_task: {type: CALL, title: 'Call {{ lead.first_name }}'}}]"
    [task] = [entry for entry in of_rules(rule).timeline if entry.kind == "create_task"]
    assert task.details["title"].startswith("Call ")
    assert "{{" not in task.details["title"]


def test_task_is_created_from_a_task_template_of_the_playbook():
    head = (
        "name: ours\ntask_templates:\n  - {name: Card, title: Ask for the card, type: EMAIL, due_in: 2 hours}\nrules:\n"
    )
    simulation = of_rules("name: a, on: lead.created, do: [{create_task: {task_template: Card}}]", head=head)
    [task] = [entry for entry in simulation.timeline if entry.kind == "create_task"]
    assert (task.what, task.details["title"], task.details["type"]) == ("done", "Ask for the card", "EMAIL")


def test_reply_by_default_cancels_a_message():
    script = [{"at": "+2 days", "event": "lead.replied"}]
    assert ends(of_rules(f"name: a, on: lead.created, after: 3 days, {SEND}", script=script)) == [
        ("12 11:00", "cancelled", "replied")
    ]


def test_reply_cancels_steps_that_wait_for_no_reply():
    rule = f"name: a, on: lead.created, after: 3 days, stop_on: [lead.replied], {SEND}"
    script = [{"at": "+2 days", "event": "lead.replied"}]
    assert ends(of_rules(rule, script=script)) == [("12 11:00", "cancelled", "replied")]


def test_holiday_of_the_script_moves_steps_in_business_hours():
    rule = "name: a, on: lead.created, after: {time: 8 hours, clock: business}, do: [{suggest_lost: {reason: OTHER}}]"
    assert ends(of_rules(rule)) == [("11 10:00", "done", "")]
    assert ends(of_rules(rule, script=[{"holiday": "2026-03-11"}])) == [("12 10:00", "done", "")]


def test_rules_that_trigger_each_other_end():
    ping = "name: a, on: lead.scored, do: [{update_lead: {add_tags: [b]}}]"
    pong = "name: b, on: lead.updated, do: [{update_lead: {add_score: 1}}]"
    told = of_rules(ping, pong, script=[{"at": "+1 hour", "event": "lead.scored", "facts": {"event.score": 5}}])
    refused = [decision["verdict"] for entry in told.timeline for decision in entry.decisions]
    assert (refused.count("loop"), told.is_complete) == (3, True)


def test_endless_repetition_stops_at_the_limit():
    rules = [f"name: r{i}, on: lead.created, every: 1 day, {SEND}" for i in range(20)]
    told = of_rules(*rules, days=366)
    assert not told.is_complete
    assert run.MOST_RUN - 366 < len(told.timeline) <= run.MOST_RUN + 1  # the daily scores have no entries


def test_endless_planning_stops_at_the_limit():
    """Each of 200 events plans 200 steps for the end of the year; none of them runs."""
    do = ", ".join(["suggest_lost: {reason: OTHER}"] * 20).replace(", ", "}, {")
    rules = [f"name: r{i}, on: custom.thing, after: 360 days, do: [{{{do}}}]" for i in range(10)]
    script = [{"at": f"+{i} minutes", "event": "custom.thing"} for i in range(200)]
    told = of_rules(*rules, script=script, days=300)
    assert (told.is_complete, len(told.pending)) == (False, run.MOST_PLANNED)


def test_endless_decisions_stop_at_the_limit():
    never = "when: [{field: lead.score, greater_than: 99}], do: [{suggest_lost: {reason: OTHER}}]"
    rules = [f"name: r{i}, on: custom.thing, {never}" for i in range(150)]
    script = [{"at": f"+{i} minutes", "event": "custom.thing"} for i in range(200)]
    told = of_rules(*rules, script=script)
    assert (told.is_complete, sum(len(entry.decisions) for entry in told.timeline)) == (False, 20_100)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ([("lead.converted", {}), ("lead.replied", {})], "lead_is_locked"),
        ([("lead.lost", {}), ("lead.stage_changed", {"event.stage": "contacted"})], "lead_is_closed"),
        ([("lead.stage_changed", {"event.stage": "nowhere"})], "no_such_stage"),
        (
            [("consultation.completed", {}), ("lead.stage_changed", {"event.stage": "contacted"})],
            "no_way_back",
        ),
        ([("task.completed", {})], "no_such_task_is_open"),
        ([("lead.reopened", {})], "lead_is_not_lost"),
    ],
)
def test_impossible_script_action_is_reported_and_changes_nothing(
    script: list[tuple[str, dict[str, Any]]], reason: str
):
    entries = [{"at": f"+{i} days", "event": event, "facts": facts} for i, (event, facts) in enumerate(script)]
    told = of_rules(f"name: a, on: lead.created, after: 29 days, {SEND}", script=entries)
    assert [entry.reason for entry in told.timeline if entry.what == "refused"] == [reason]


def test_custom_events_and_message_results_trigger_rules():
    page = "name: a, on: custom.page_viewed, when: [{field: event.data.page, equals: prices}], " + SEND
    opened = "name: b, on: message.opened, when: [{field: event.template, equals: hello}], " + SEND
    script = [
        {"at": "+1 day", "event": "custom.page_viewed", "facts": {"event.data.page": "prices"}},
        {"at": "+2 days", "event": "message.opened", "facts": {"event.template": "hello"}},
    ]
    assert ends(of_rules(page, opened, script=script)) == [("11 11:00", "done", ""), ("12 11:00", "done", "")]


def test_sweeps_run_at_the_intervals_of_beat():
    assert {
        "mark_overdue_tasks": sweeps.OVERDUE_TASKS.total_seconds(),
        "detect_stale_leads": sweeps.STALE_LEADS.total_seconds(),
        "detect_time_in_stage": sweeps.TIME_IN_STAGE.total_seconds(),
        "find_leads_without_next_action": sweeps.NEXT_ACTIONS.total_seconds(),
    }.items() <= beat_schedule.SWEEP_INTERVALS.items()


def test_simulated_lead_has_every_fact_of_the_language():
    assert lead_facts_for_rules(sample_lead(stage="new_lead", zone="UTC", at=START), None, None).keys() == FACT_NAMES


@pytest.mark.parametrize(
    ("trial", "place"),
    [
        ({"day": 3}, "day"),
        ({"days": "many"}, "days"),
        ({"zone": "Mars"}, "zone"),
        ({"start": "tomorrow"}, "start"),
        ({"facts": []}, "facts"),
        ({"facts": {"lead.score": "high"}}, 'facts["lead.score"]'),
        ({"facts": {"lead.tags": "urgent"}}, 'facts["lead.tags"]'),
        ({"facts": {"lead.source_category": "WEB"}}, 'facts["lead.source_category"]'),
        ({"facts": {"lead.status": None}}, 'facts["lead.status"]'),
        ({"facts": {"lead.assigned_to_id": "me"}}, 'facts["lead.assigned_to_id"]'),
        ({"script": "lead.replied"}, "script"),
        ({"script": ["lead.replied"]}, "script[0]"),
        ({"script": [{"at": "9999-12-31T00:00:00Z", "event": "lead.replied"}]}, "script[0].at"),
        ({"script": [{"at": "+2 moons", "event": "lead.replied"}]}, "script[0].at"),
        ({"script": [{"at": "2026-03-11T00:00:00", "event": "lead.replied"}]}, "script[0].at"),
        ({"script": [{"at": "+1 day", "event": ["lead.replied"]}]}, "script[0].event"),
    ],
)
def test_error_in_a_simulation_names_the_path(trial: dict[str, Any], place: str):
    with pytest.raises(InvalidScript) as mistakes:
        try_playbook("orthodontics", {"start": START, **trial}, now=START)
    assert [mistake.place for mistake in mistakes.value.mistakes] == [place]


def test_country_without_known_holidays_is_refused():
    with pytest.raises(UnknownHolidays):
        try_playbook("orthodontics", {"region": "XX"}, now=START)


def test_monthly_repetition_uses_the_leads_zone():
    after = "{on_day: 1, at: '09:00', zone: lead}"
    rule = f"name: a, on: lead.created, after: {after}, every: 1 month, do: [{{suggest_lost: {{reason: OTHER}}}}]"
    told = of_rules(rule, days=150, zone="Australia/Sydney")
    sydney = ZoneInfo("Australia/Sydney")
    assert [f"{entry.at.astimezone(sydney):%m-%d %H:%M}" for entry in told.timeline if entry.kind] == [
        *("04-01 09:00", "05-01 09:00", "06-01 09:00", "07-01 09:00", "08-01 09:00"),
    ]
