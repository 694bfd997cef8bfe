"""Lead sources and pipeline stages."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from app.identity.models import Role
from tests.support.concurrency import run_concurrently
from tests.support.desk import Desk

pytest_plugins = ["tests.support.desk"]

SOURCES, STAGES = "/api/lead-sources", "/api/pipeline-stages"
DEFAULT_SLUGS = [
    "new_lead",
    "contacted",
    "consultation_scheduled",
    "consultation_completed",
    "pending_decision",
    "treatment_accepted",
    "treatment_started",
    "lost",
]


def slugs(desk: Desk) -> list[str]:
    return [stage["slug"] for stage in desk.admin.every(STAGES)]


def stage(desk: Desk, slug: str) -> dict[str, Any]:
    return next(stage for stage in desk.admin.every(STAGES) if stage["slug"] == slug)


# --- sources ---


def test_new_clinic_has_a_source_for_every_category(desk: Desk):
    assert len({source["category"] for source in desk.front_desk.every(SOURCES)}) == 10


def test_source_is_returned_as_given(desk: Desk):
    given = {
        "name": "Dr. Weber",
        "category": "DOCTOR_REFERRAL",
        "description": "Across the street.\nCalls on Mondays.",
        "is_active": False,
        "monthly_cost": "1250.50",
    }
    answer = desk.caller(Role.MARKETING_MANAGER).post(SOURCES, given)
    assert answer.status == 201
    assert {name: answer.body[name] for name in given} == given
    assert answer.body in desk.admin.every(SOURCES)


def test_source_names_differ_by_more_than_case(desk: Desk):
    made = desk.admin.post(SOURCES, {"name": "Radio", "category": "OTHER"}).body
    other = desk.admin.post(SOURCES, {"name": "Ärzteblatt", "category": "PRINT_AD"}).body
    for name, taken in (("radio", "Radio"), ("ÄRZTEBLATT", "Ärzteblatt")):
        refused = desk.admin.post(SOURCES, {"name": name, "category": "OTHER"})
        assert (refused.status, refused.body["code"]) == (409, "source-name-taken")
        assert taken in refused.body["detail"]
    assert desk.admin.put(f"{SOURCES}/{other['id']}", {"name": "RADIO", "category": "OTHER"}).status == 409
    assert desk.admin.put(f"{SOURCES}/{made['id']}", {"name": "RADIO", "category": "OTHER"}).body["name"] == "RADIO"


def test_two_sources_from_before_that_differ_by_case_can_be_edited(desk: Desk):
    made = desk.admin.post(SOURCES, {"name": "Radio", "category": "OTHER"}).body
    desk.admin.post(SOURCES, {"name": "Poster", "category": "OTHER"})
    desk.sql("UPDATE lead_sources SET name = 'radio' WHERE name = 'Poster'")
    kept = desk.admin.put(f"{SOURCES}/{made['id']}", {"name": "Radio", "category": "PRINT_AD"})
    assert (kept.status, kept.body["category"]) == (200, "PRINT_AD")


def test_one_of_two_concurrent_sources_with_the_same_name_is_refused(desk: Desk):
    names = ["Radio", "radio"]
    answers = run_concurrently(*(partial(desk.admin.post, SOURCES, {"name": n, "category": "OTHER"}) for n in names))
    assert sorted(answer.status for answer in answers) == [201, 409]


def test_fields_missing_in_an_edit_get_defaults(desk: Desk):
    made = desk.admin.post(SOURCES, {"name": "Poster", "category": "PRINT_AD", "monthly_cost": "10"}).body
    changed = desk.admin.put(f"{SOURCES}/{made['id']}", {"name": "Posters", "category": "PRINT_AD"}).body
    assert (changed["name"], changed["monthly_cost"]) == ("Posters", None)
    assert changed["updated_at"] > made["updated_at"]


def test_source_name_is_unique(desk: Desk):
    made = desk.admin.post(SOURCES, {"name": "Poster", "category": "PRINT_AD"}).body
    answers = [
        desk.admin.post(SOURCES, {"name": "Poster", "category": "OTHER"}),
        desk.admin.put(f"{SOURCES}/{made['id']}", {"name": "Walk-in", "category": "OTHER"}),
    ]
    assert [(answer.status, answer.body["code"]) for answer in answers] == [(409, "source-name-taken")] * 2


def test_source_name_may_be_used_by_another_clinic(desk: Desk, other_desk: Desk):
    for admin in (desk.admin, other_desk.admin):
        assert admin.post(SOURCES, {"name": "Poster", "category": "PRINT_AD"}).status == 201


def test_sources_are_filtered_by_use_and_category(desk: Desk):
    desk.admin.post(SOURCES, {"name": "Old poster", "category": "PRINT_AD", "is_active": False})
    assert [source["name"] for source in desk.admin.every(SOURCES, is_active="false")] == ["Old poster"]
    names = [source["name"] for source in desk.admin.every(SOURCES, category="PRINT_AD")]
    assert names == ["Old poster", "Print advertising"]


# --- stages ---


def test_new_clinic_has_eight_stages(desk: Desk):
    assert slugs(desk) == DEFAULT_SLUGS
    assert [stage["position"] for stage in desk.doctor.every(STAGES)] == list(range(8))


def test_new_stage_is_inserted_before_the_final_stages(desk: Desk):
    answer = desk.admin.post(STAGES, {"name": "Insurance check", "slug": "insurance_check", "color": "#c2502f"})
    assert (answer.status, answer.body["position"], answer.body["is_terminal"]) == (201, 6, False)
    assert slugs(desk) == [*DEFAULT_SLUGS[:6], "insurance_check", *DEFAULT_SLUGS[6:]]


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"slug": "Insurance Check"}, "/slug"),
        ({"slug": "1st"}, "/slug"),
        ({"slug": "x\n"}, "/slug"),
        ({"color": "red"}, "/color"),
        ({"color": "#c2502g"}, "/color"),
        ({"max_days_in_stage": 0}, "/max_days_in_stage"),
        ({"max_days_in_stage": "7"}, "/max_days_in_stage"),
        ({"position": 0}, "/position"),
        ({"is_terminal": True}, "/is_terminal"),
    ],
)
def test_invalid_stage_is_refused(desk: Desk, changed: dict[str, Any], pointer: str):
    answer = desk.admin.post(STAGES, {"name": "Insurance check", "slug": "insurance_check", **changed})
    assert answer.pointers == [pointer]


def test_slug_is_unique_and_never_changes(desk: Desk):
    assert desk.admin.post(STAGES, {"name": "New", "slug": "new_lead"}).body["code"] == "stage-slug-taken"
    contacted = stage(desk, "contacted")
    assert desk.admin.put(f"{STAGES}/{contacted['id']}", {"name": "x", "slug": "y"}).pointers == ["/slug"]


def test_leads_start_in_the_default_stage(desk: Desk):
    contacted = stage(desk, "contacted")
    changed = desk.admin.put(f"{STAGES}/{contacted['id']}", {"name": "Contacted", "is_default": True})
    assert changed.body["is_default"] is True
    assert [stage["slug"] for stage in desk.admin.every(STAGES) if stage["is_default"]] == ["contacted"]
    assert desk.capture()["pipeline_stage"] == "contacted"


def test_default_stage_is_required_and_never_final(desk: Desk):
    answer = desk.admin.put(f"{STAGES}/{stage(desk, 'new_lead')['id']}", {"name": "New"})
    assert (answer.status, answer.body["code"]) == (409, "needs-default")
    answer = desk.admin.put(f"{STAGES}/{stage(desk, 'lost')['id']}", {"name": "Lost", "is_default": True})
    assert answer.pointers == ["/is_default"]


def test_stages_can_be_reordered(desk: Desk):
    wanted = ["contacted", "new_lead", *DEFAULT_SLUGS[2:]]
    answer = desk.admin.put(f"{STAGES}/reorder", {"slugs": wanted})
    assert [stage["slug"] for stage in answer.body["items"]] == wanted == slugs(desk)


@pytest.mark.parametrize(
    "wanted",
    [
        DEFAULT_SLUGS[1:],
        [*DEFAULT_SLUGS, "unknown"],
        [*DEFAULT_SLUGS, "lost"],
        ["lost", *DEFAULT_SLUGS[:-1]],
        [],
    ],
)
def test_order_must_name_every_stage_once_with_final_stages_last(desk: Desk, wanted: list[str]):
    assert desk.admin.put(f"{STAGES}/reorder", {"slugs": wanted}).pointers == ["/slugs"]
    assert slugs(desk) == DEFAULT_SLUGS


def test_number_of_stages_is_limited(desk: Desk):
    answers = [desk.admin.post(STAGES, {"name": "x", "slug": f"stage_{i}"}).status for i in range(43)]
    assert answers == [201] * 42 + [409]
    assert desk.admin.put(f"{STAGES}/reorder", {"slugs": slugs(desk)}).status == 200


def test_unknown_id_is_not_found(desk: Desk):
    assert desk.admin.put(f"{STAGES}/{uuid4()}", {"name": "x"}).status == 404
    assert desk.admin.put(f"{SOURCES}/{uuid4()}", {"name": "x", "category": "OTHER"}).status == 404
