"""Lead sources and pipeline stages."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from app.identity.models import Role
from tests.support.concurrency import run_concurrently
from tests.support.desk import Answer, Caller, Desk

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


# --- automation of stages (lead-management.md: autoTaskTemplate, autoEmailTemplate) ---

TASK = {"name": "Card", "title": "Ask {{ lead.first_name }}", "type": "CALL", "due_in": "2 hours"}
MAIL = {"name": "Hello", "slug": "hello", "variants": [{"subject": "Hello", "body": "Hello"}]}
RULES = "/api/follow-up-rules"


def templates(desk: Desk) -> tuple[str, str]:
    """Create a task template and a message template. Return their ids."""
    made = [
        desk.admin.post(path, one) for path, one in (("/api/task-templates", TASK), ("/api/message-templates", MAIL))
    ]
    assert [answer.status for answer in made] == [201, 201], [answer.body for answer in made]
    return made[0].body["id"], made[1].body["id"]


def set_templates(who: Caller, given: dict[str, Any], **ids: str | None) -> Answer:
    return who.patch(f"{STAGES}/{given['id']}", ids)


def rules_of(desk: Desk, slug: str) -> list[dict[str, Any]]:
    return [rule for rule in desk.admin.every(RULES) if rule["name"] == slug]


def test_templates_of_a_stage_are_a_rule(desk: Desk):
    task, mail = templates(desk)
    contacted = stage(desk, "contacted")
    changed = set_templates(desk.admin, contacted, auto_task_template=task, auto_email_template=mail)
    assert (changed.status, changed.body["auto_task_template"], changed.body["auto_email_template"]) == (
        200,
        task,
        mail,
    )
    [rule] = rules_of(desk, "stage-contacted")
    shown = {"kind": "rule", "id": rule["id"], "name": "stage-contacted", "on": "entered"}
    text = "At once: Task: the task template “Card”; E-mail to the lead: hello"
    assert {**shown, "text": text} in changed.body["automation"]
    lead = desk.capture()
    assert desk.steps(lead, name="stage-contacted") == []
    desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": "contacted"})
    kinds = [(step["kind"], step["cause"]["rule_id"]) for step in desk.steps(lead, name="stage-contacted")]
    assert sorted(kinds) == [("create_task", rule["id"]), ("send_message", rule["id"])]
    assert stage(desk, "contacted") == desk.doctor.get(f"{STAGES}/{contacted['id']}").body == changed.body


def test_templates_that_are_left_out_stay_and_null_removes_them(desk: Desk):
    task, mail = templates(desk)
    contacted = stage(desk, "contacted")
    set_templates(desk.admin, contacted, auto_task_template=task, auto_email_template=mail)
    renamed = desk.admin.put(f"{STAGES}/{contacted['id']}", {"name": "Spoken with"})
    assert (renamed.body["auto_task_template"], renamed.body["auto_email_template"]) == (task, mail)
    [rule] = rules_of(desk, "stage-contacted")
    assert rule["published_version"] == 1
    fewer = set_templates(desk.admin, contacted, auto_task_template=None).body
    assert (fewer["auto_task_template"], fewer["auto_email_template"]) == (None, mail)
    assert [
        action for action in rules_of(desk, "stage-contacted")[0]["definition"]["do"] if "create_task" in action
    ] == []
    none = set_templates(desk.admin, contacted, auto_email_template=None).body
    assert (none["auto_email_template"], rules_of(desk, "stage-contacted")) == (None, [])
    again = set_templates(desk.admin, contacted, auto_task_template=task)
    assert (again.status, len(rules_of(desk, "stage-contacted"))) == (200, 1)


def test_new_stage_may_name_its_templates(desk: Desk):
    task, _ = templates(desk)
    made = desk.admin.post(STAGES, {"name": "Quoted", "slug": "price_quoted", "auto_task_template": task})
    assert (made.status, made.body["auto_task_template"]) == (201, task)
    assert [one["name"] for one in made.body["automation"] if one["kind"] == "rule"] == ["stage-price-quoted"]


def test_edited_rule_of_a_stage_is_shown_and_not_overwritten(desk: Desk):
    task, mail = templates(desk)
    contacted = stage(desk, "contacted")
    set_templates(desk.admin, contacted, auto_task_template=task)
    [rule] = rules_of(desk, "stage-contacted")
    assert desk.admin.patch(f"{RULES}/{rule['id']}", {"after": "1 day"}).status == 200
    shown = stage(desk, "contacted")
    assert shown["auto_task_template"] is None
    [reaction] = [one for one in shown["automation"] if one["id"] == rule["id"]]
    assert reaction["text"] == "1 day later: Task: the task template “Card”"
    refused = set_templates(desk.admin, contacted, auto_email_template=mail)
    assert (refused.status, refused.pointers) == (422, ["/auto_email_template"])
    assert set_templates(desk.admin, contacted, name="Spoken with").status == 200
    assert desk.admin.patch(f"{RULES}/{rule['id']}", {"is_active": False}).status == 200
    assert [one for one in stage(desk, "contacted")["automation"] if one["id"] == rule["id"]] == []


def other_template(desk: Desk, **more: Any) -> str:
    made = desk.admin.post("/api/task-templates", {**TASK, "name": "Photo", **more})
    assert made.status == 201, made.body
    id_: str = made.body["id"]
    return id_


def test_setting_of_a_stage_leaves_the_draft_of_its_rule(desk: Desk):
    task, _ = templates(desk)
    photo, contacted = other_template(desk), stage(desk, "contacted")
    set_templates(desk.admin, contacted, auto_task_template=task)
    path = f"{RULES}/{rules_of(desk, 'stage-contacted')[0]['id']}"
    drafted = desk.admin.patch(path, {"is_draft": True, "after": "2 minutes"}).body["draft"]
    changed = set_templates(desk.admin, contacted, auto_task_template=photo)
    assert (changed.status, changed.body["auto_task_template"]) == (200, photo)
    rule = desk.admin.get(path).body
    assert (rule["published_version"], rule["draft"]) == (2, drafted)
    assert "after" not in rule["definition"]
    assert rule["definition"]["do"] == [{"create_task": {"task_template": "Photo"}}]
    refused = set_templates(desk.admin, contacted, auto_task_template=None)
    assert refused.status == 409
    assert "draft of “stage-contacted”" in refused.body["detail"]
    assert desk.admin.get(path).body == rule


def test_rule_of_a_stage_that_is_off_keeps_its_settings_and_stays_off(desk: Desk):
    task, mail = templates(desk)
    photo, contacted = other_template(desk), stage(desk, "contacted")
    set_templates(desk.admin, contacted, auto_task_template=task, auto_email_template=mail)
    path = f"{RULES}/{rules_of(desk, 'stage-contacted')[0]['id']}"
    desk.admin.patch(path, {"is_active": False})
    shown = stage(desk, "contacted")
    assert (shown["auto_task_template"], shown["auto_email_template"], shown["automation"]) == (task, mail, [])
    changed = set_templates(desk.admin, contacted, auto_task_template=photo).body
    assert (changed["auto_task_template"], changed["auto_email_template"]) == (photo, mail)
    rule = desk.admin.get(path).body
    assert (rule["is_active"], [kind for action in rule["definition"]["do"] for kind in action]) == (
        False,
        ["create_task", "send_message"],
    )
    none = set_templates(desk.admin, contacted, auto_task_template=None, auto_email_template=None)
    assert (none.status, rules_of(desk, "stage-contacted")) == (200, [])
    assert desk.admin.delete(f"/api/task-templates/{photo}").status == 204


def test_other_changes_of_a_stage_leave_the_rule_with_a_deleted_template(desk: Desk):
    _, mail = templates(desk)
    contacted = stage(desk, "contacted")
    set_templates(desk.admin, contacted, auto_email_template=mail)
    path = f"{RULES}/{rules_of(desk, 'stage-contacted')[0]['id']}"
    desk.admin.patch(path, {"is_active": False})
    assert desk.admin.delete(f"/api/message-templates/{mail}").status == 204
    shown = stage(desk, "contacted")
    assert shown["auto_email_template"] is None
    before = desk.admin.get(path).body
    assert desk.admin.patch(f"{STAGES}/{shown['id']}", {"max_days_in_stage": 9}).status == 200
    assert desk.admin.get(path).body == before


@pytest.mark.parametrize("slugs", [("a__b", "a_b"), ("ab_", "ab"), ("c" + "_" * 59, "c")])
def test_each_slug_of_a_stage_has_a_rule_of_its_own(desk: Desk, slugs: tuple[str, str]):
    task, _ = templates(desk)
    names = set()
    for slug in slugs:
        made = desk.admin.post(STAGES, {"name": slug, "slug": slug, "auto_task_template": task})
        assert (made.status, made.body.get("auto_task_template")) == (201, task), made.body
        names |= {one["name"] for one in made.body["automation"]}
    assert len(names) == 2


def test_template_gives_a_stage_one_task_only(desk: Desk):
    task = other_template(desk, stage="contacted")
    contacted = stage(desk, "contacted")
    refused = set_templates(desk.admin, contacted, auto_task_template=task)
    assert (refused.status, refused.pointers) == (422, ["/auto_task_template"])
    path = f"/api/task-templates/{task}"
    assert desk.admin.patch(path, {"stage": "pending_decision"}).status == 200
    assert set_templates(desk.admin, contacted, auto_task_template=task).status == 200
    twice = desk.admin.patch(path, {"stage": "contacted"})
    assert (twice.status, twice.pointers) == (422, ["/stage"])
    assert "stage-contacted" in str(twice.body["errors"])


def test_templates_of_a_stage_are_checked(desk: Desk, other_desk: Desk):
    task, mail = templates(desk)
    other_task, other_mail = templates(other_desk)
    contacted, lost = stage(desk, "contacted"), stage(desk, "lost")
    both = ["/auto_task_template", "/auto_email_template"]
    foreign = set_templates(desk.admin, contacted, auto_task_template=other_task, auto_email_template=other_mail)
    assert sorted(foreign.pointers) == sorted(both)
    final = set_templates(desk.admin, lost, auto_task_template=task, auto_email_template=mail)
    assert sorted(final.pointers) == sorted(both)
    marketing = desk.caller(Role.MARKETING_MANAGER)  # may configure stages, and not rules
    assert set_templates(marketing, contacted, auto_task_template=task).status == 403
    assert set_templates(marketing, contacted, max_days_in_stage=4).status == 200


def test_stage_shows_its_automation(desk: Desk):
    call = [{"create_task": {"type": "CALL", "title": "Call"}}]
    in_two = {"field": "event.stage", "in": ["contacted", "pending_decision"]}
    or_other = {"any": [{"field": "event.stage", "equals": "contacted"}, {"field": "lead.tags", "contains": "vip"}]}
    came_from = {"field": "event.previous_stage", "equals": "contacted"}
    for name, on, when in (
        ("every-stage", "lead.stage_entered", []),
        ("in-two", "lead.stage_entered", [in_two]),
        ("or-other", "lead.stage_changed", [or_other]),
        ("not-here", "lead.stage_entered", [{"field": "event.stage", "not_equals": "contacted"}]),
        ("came-from", "lead.stage_changed", [came_from]),
        ("left", "lead.stage_left", [came_from]),
        ("too-long", "lead.stage_overdue", [{"field": "lead.pipeline_stage", "equals": "contacted"}]),
        ("win-back", "lead.lost", []),
    ):
        assert desk.admin.post(RULES, {"name": name, "on": on, "when": when, "do": call}).status == 201
    steps = [{"name": "call", **call[0]}]
    enroll = {"on": "lead.stage_entered", "when": [in_two]}
    assert (
        desk.admin.post("/api/sequences", {"name": "nurse", "exit_on": [], "enroll": enroll, "steps": steps}).status
        == 201
    )
    assert desk.admin.post("/api/task-templates", {**TASK, "stage": "contacted"}).status == 201
    shipped = {rule["name"] for rule in desk.admin.every(RULES) if rule["playbook"]}
    found = {
        slug: [(one["name"], one["on"]) for one in stage(desk, slug)["automation"] if one["name"] not in shipped]
        for slug in ("contacted", "pending_decision", "lost")
    }
    assert found["contacted"] == [
        ("came-from", "left"),
        ("every-stage", "entered"),
        ("in-two", "entered"),
        ("left", "left"),
        ("or-other", "entered"),
        ("too-long", "overdue"),
        ("nurse", "entered"),
        ("Card", "entered"),
    ]
    assert found["pending_decision"] == [
        ("every-stage", "entered"),
        ("in-two", "entered"),
        ("not-here", "entered"),
        ("or-other", "entered"),
        ("nurse", "entered"),
    ]
    assert found["lost"] == [("win-back", "entered")]
    [check_in] = [
        one for one in stage(desk, "pending_decision")["automation"] if one["name"] == "pending-decision-check-in"
    ]
    assert check_in["text"].startswith("7 days later: Task: ")
