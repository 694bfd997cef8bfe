"""Archived stages: no lead enters them, and leads in them move to another stage."""

from typing import Any

import pytest

from tests.support.desk import Answer, Desk
from workers.sweeps.run import sweep

pytest_plugins = ["tests.support.desk"]


def stage_of(desk: Desk, slug: str, *, archived: bool = False) -> dict[str, Any]:
    stages = desk.admin.every("/api/pipeline-stages", is_archived=str(archived).lower())
    [found] = [stage for stage in stages if stage["slug"] == slug]
    stage: dict[str, Any] = found
    return stage


def archive(desk: Desk, slug: str, moves_to: str) -> Answer:
    return desk.admin.post(f"/api/pipeline-stages/{stage_of(desk, slug)['id']}/archive", {"moves_to": moves_to})


def move(desk: Desk, lead: dict[str, Any], stage: str) -> Answer:
    return desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": stage})


def test_leads_move_to_the_target_stage(desk: Desk, other_desk: Desk):
    theirs = other_desk.capture(phone="+12125550143")
    move(other_desk, theirs, "contacted")
    leads = [desk.capture() for _ in range(3)]
    for lead in leads:
        move(desk, lead, "contacted")
    lost = desk.capture()
    desk.admin.post(f"/api/leads/{lost['id']}/lost", {"reason": "OTHER"})

    given_up = archive(desk, "contacted", "pending_decision")
    assert (given_up.status, given_up.body["moves_to"]) == (200, "pending_decision")
    assert sweep("empty_archived_stages") == 3
    assert sweep("empty_archived_stages") == 0

    for lead in leads:
        now_is = desk.lead(lead)
        assert (now_is["pipeline_stage"], now_is["status"]) == ("pending_decision", "ACTIVE")
        assert now_is["version"] > lead["version"]
        last = desk.timeline(lead)[-1]
        assert (last["type"], last["previous_stage"], last["new_stage"]) == (
            "STAGE_CHANGE", "contacted", "pending_decision",
        )  # fmt: skip
        assert desk.steps(lead, name="pending-decision-check-in") or desk.steps(lead, name="pending-decision-7d")
    assert desk.lead(lost)["pipeline_stage"] == "lost"
    assert other_desk.lead(theirs)["pipeline_stage"] == "contacted"


def test_archived_stage_cannot_be_entered_but_left(desk: Desk):
    inside, outside = desk.capture(), desk.capture()
    move(desk, inside, "pending_decision")
    archive(desk, "pending_decision", "contacted")
    assert move(desk, outside, "pending_decision").pointers == ["/stage"]
    assert (
        move(desk, inside, "consultation_scheduled").status == 200
    )  # backward moves are allowed from an archived stage


def test_archived_stage_leaves_the_board_once_it_is_empty(desk: Desk):
    lead = desk.capture()
    move(desk, lead, "contacted")
    archive(desk, "contacted", "pending_decision")

    def columns() -> list[str]:
        return [column["stage"]["slug"] for column in desk.admin.get("/api/pipeline/board").body["columns"]]

    assert "contacted" in columns()
    sweep("empty_archived_stages")
    assert "contacted" not in columns()


@pytest.mark.parametrize(
    ("slug", "moves_to", "status"),
    [
        ("new_lead", "contacted", 409),  # the default
        ("lost", "contacted", 409),
        ("treatment_started", "contacted", 409),
        ("contacted", "contacted", 422),
        ("contacted", "lost", 422),
        ("contacted", "nowhere", 422),
    ],
)
def test_required_stages_cannot_be_archived_and_the_target_must_be_valid(
    desk: Desk, slug: str, moves_to: str, status: int
):
    assert archive(desk, slug, moves_to).status == status
    assert stage_of(desk, slug)["archived_at"] is None


def test_planned_move_goes_to_the_target_stage(desk: Desk):
    lead = desk.capture()
    move(desk, lead, "contacted")
    archive(desk, "contacted", "consultation_scheduled")
    archive(desk, "consultation_scheduled", "pending_decision")
    assert stage_of(desk, "contacted", archived=True)["moves_to"] == "pending_decision"
    sweep("empty_archived_stages")
    assert desk.lead(lead)["pipeline_stage"] == "pending_decision"


def test_archived_stage_can_be_restored_before_the_final_stages(desk: Desk):
    archive(desk, "contacted", "pending_decision")
    again = stage_of(desk, "contacted", archived=True)
    assert archive(desk, "pending_decision", "contacted").pointers == ["/moves_to"]
    assert desk.admin.post(f"/api/pipeline-stages/{again['id']}/restore").status == 200
    assert desk.admin.post(f"/api/pipeline-stages/{again['id']}/restore").status == 409
    slugs = [stage["slug"] for stage in desk.admin.every("/api/pipeline-stages")]
    assert slugs[-3:] == ["contacted", "treatment_started", "lost"]
    assert move(desk, desk.capture(), "contacted").status == 200


def test_order_names_stages_in_use_only(desk: Desk):
    archive(desk, "contacted", "pending_decision")
    slugs = [stage["slug"] for stage in desk.admin.every("/api/pipeline-stages")]
    turned = [*reversed(slugs[:-2]), *slugs[-2:]]
    answer = desk.admin.put("/api/pipeline-stages/reorder", {"slugs": turned})
    assert [stage["slug"] for stage in answer.body["items"]] == turned
    assert "contacted" not in slugs


def test_lead_shows_its_stages_with_durations(desk: Desk):
    lead = desk.capture()
    [only] = desk.admin.get(f"/api/leads/{lead['id']}/stages").body["items"]
    assert (only["stage"], only["left_at"], only["entered_at"]) == ("new_lead", None, lead["created_at"])
    move(desk, lead, "contacted")
    desk.sql("UPDATE leads SET created_at = created_at - interval '90 seconds'")
    desk.admin.post(f"/api/leads/{lead['id']}/lost", {"reason": "OTHER"})
    first, second, last = desk.admin.get(f"/api/leads/{lead['id']}/stages").body["items"]
    assert [stay["stage"] for stay in (first, second, last)] == ["new_lead", "contacted", "lost"]
    assert first["left_at"] == second["entered_at"]
    assert 90 <= first["seconds"] <= 95
    assert last["left_at"] is None


def test_sweep_adds_the_time_in_the_archived_stage(desk: Desk):
    once, again = desk.capture(), desk.capture()
    move(desk, once, "contacted")
    move(desk, again, "contacted")
    desk.sql("UPDATE leads SET stage_entered_at = stage_entered_at - interval '2 hours', past_stage_seconds = '{3600}'")
    back = "past_stages = '{contacted,new_lead}', past_stage_seconds = '{60,3600}'"
    desk.sql(f"UPDATE leads SET {back} WHERE id = :id", id=again["id"])
    archive(desk, "contacted", "pending_decision")
    assert sweep("empty_archived_stages") == 2
    found = desk.sql("SELECT past_stages, past_stage_seconds FROM leads ORDER BY id")
    minutes = [{stage: round(seconds / 60) for stage, seconds in zip(*row, strict=True)} for row in found]
    assert minutes == [{"new_lead": 60, "contacted": 120}, {"contacted": 121, "new_lead": 60}]
