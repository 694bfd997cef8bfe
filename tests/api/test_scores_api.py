"""Scores of leads: parts that add up, settings, preview, history, sort order and filters."""

import re
from collections.abc import Callable
from math import fsum
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event

from app.identity.models import Role
from tests.support.bulk import ask, work_off
from tests.support.desk import Desk
from tests.support.importing import send
from tests.support.importing import work_off as import_all
from workers.sweeps.run import sweep

SETTINGS = "/api/settings/lead-scores"
REPLIED = {
    "name": "replied", "words": "Has replied", "points": 30, "when": [{"field": "lead.replied_at", "exists": True}],
}  # fmt: skip
PHONE = {"name": "phone", "words": "Phone", "points": 7, "when": [{"field": "lead.has_phone", "equals": True}]}


def score(desk: Desk, lead: dict[str, Any]) -> dict[str, Any]:
    answer = desk.admin.get(f"/api/leads/{lead['id']}/score")
    assert answer.status == 200, answer.body
    shown: dict[str, Any] = answer.body
    assert abs(fsum(part["points"] for part in shown["parts"]) - shown["value"]) < 1e-9
    assert shown["score"] == round(shown["value"])
    return shown


def points(shown: dict[str, Any]) -> dict[str, float]:
    return {part["name"]: part["points"] for part in shown["parts"]}


def reply(desk: Desk, lead: dict[str, Any]) -> None:
    desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "EMAIL", "direction": "INBOUND"})


def settle(desk: Desk, **given: Any) -> None:
    answer = desk.admin.put(SETTINGS, {"base": 10, "weights": [REPLIED, PHONE], **given})
    assert answer.status == 200, answer.body


def imported(desk: Desk, file: str, on_duplicate: str = "create") -> None:
    kept = send(desk.admin, file.encode()).body
    import_all(desk.admin, kept, source_id=desk.source_id, on_duplicate=on_duplicate)
    assert {row["status"] for row in desk.admin.every(f"/api/imports/{kept['id']}/rows")} == {"done"}


def statements_of(act: Callable[[], None]) -> list[str]:
    """Return the tables into which the statements of this act insert rows."""
    tables: list[str] = []

    def note(*call: Any) -> None:
        tables.extend(re.findall(r"INSERT INTO (\w+)", call[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return tables


def rescore(desk: Desk) -> None:
    """Score all leads, as the scan does within some minutes."""
    sweep("rescore_leads")


class TestScoreOfALead:
    def test_default_table_explains_the_score_without_any_settings(self, desk: Desk):
        [other] = desk.sql("SELECT id FROM lead_sources WHERE clinic_id = :c AND name = 'Other'", c=desk.clinic_id)
        lead = desk.capture(email="ana@lead.example", source_id=str(other.id))
        shown = score(desk, lead)
        assert points(shown) == {"base": 20, "phone": 5, "email": 5, "recent": 5}
        assert shown["model"] == "rules"
        assert shown["quality"]["words"] == "not enough history: 0 of 200 closed leads"
        assert shown["score"] == desk.lead(lead)["score"] == lead["score"] == 35

        reply(desk, lead)
        rescore(desk)
        assert points(score(desk, lead))["replied"] == 15
        assert score(desk, lead)["score"] == desk.lead(lead)["score"] == 50

    def test_consultation_counts_also_after_its_stage_was_left(self, desk: Desk):
        lead = desk.capture()
        for stage in ("consultation_scheduled", "consultation_completed", "pending_decision"):
            desk.admin.post(f"/api/leads/{lead['id']}/stage", {"stage": stage})
        rescore(desk)
        assert {"booked": 15, "attended": 10}.items() <= points(score(desk, lead)).items()

    def test_score_is_limited_and_still_adds_up(self, desk: Desk):
        weight = {**PHONE, "points": 100}
        desk.admin.put(SETTINGS, {"base": 90, "weights": [weight]})
        shown = score(desk, desk.capture())
        assert (shown["score"], points(shown)["limit"]) == (100, -90)
        desk.admin.patch(SETTINGS, {"weights": [{**PHONE, "points": -100}]})
        assert score(desk, desk.capture(email="b@lead.example"))["score"] == 0

    def test_only_visible_leads_have_a_score(self, desk: Desk):
        lead = desk.capture()
        sales = desk.hire(Role.SALES)
        assert sales.get(f"/api/leads/{lead['id']}/score").status == 404
        assert sales.get(f"/api/leads/{lead['id']}/score-history").status == 404
        assert desk.admin.get(f"/api/leads/{uuid4()}/score").status == 404


class TestSettings:
    def test_table_is_replaced_and_edited_at_the_version_that_was_seen(self, desk: Desk):
        first = desk.admin.get(SETTINGS)
        assert (first.body["version"], first.body["base"]) == (1, 20)
        tag = first.headers["ETag"]
        replaced = desk.admin.put(SETTINGS, {"base": 5, "weights": [REPLIED]}, seen=tag)
        assert (replaced.body["version"], replaced.body["weights"]) == (2, [REPLIED])
        assert desk.admin.put(SETTINGS, {"base": 6}, seen=tag).status == 412
        edited = desk.admin.patch(SETTINGS, {"model": "learned"}, seen=replaced.headers["ETag"])
        assert (edited.body["model"], edited.body["base"], edited.body["weights"]) == ("learned", 5, [REPLIED])
        assert desk.front_desk.put(SETTINGS, {}).status == 403

    def test_every_mistake_is_shown_at_its_place(self, desk: Desk):
        weights = [
            {"name": "Bad name", "words": "", "points": 101, "when": []},
            {**REPLIED, "when": [{"field": "lead.nothing", "exists": True}]},
            {**REPLIED, "name": "task", "when": [{"field": "task.status", "equals": "PENDING"}]},
            {**REPLIED, "name": "mail", "when": [{"field": "lead.email", "exists": True}]},
        ]
        answer = desk.admin.put(SETTINGS, {"base": -1, "weights": weights})
        assert answer.pointers == [
            "/base",
            *(f"/weights/0/{name}" for name in ("name", "points", "when", "words")),
            "/weights/1/when/0/field",
            "/weights/2/when/0",
            "/weights/3/when/0",
        ]
        assert desk.admin.put(SETTINGS, {"weights": [REPLIED, REPLIED]}).pointers == ["/weights/1/name"]
        for taken in ("limit", "adjustment"):
            given = {"weights": [REPLIED | {"name": taken}]}
            assert desk.admin.put(SETTINGS, given).pointers == ["/weights/0/name"]

    def test_preview_saves_nothing(self, desk: Desk):
        lead = desk.capture()
        given = {"lead_id": lead["id"], "base": 1, "weights": [PHONE]}
        shown = desk.admin.post(f"{SETTINGS}/preview", given).body
        assert (shown["score"], points(shown)) == (8, {"base": 1, "phone": 7})
        assert desk.admin.get(SETTINGS).body["version"] == 1
        assert desk.admin.post(f"{SETTINGS}/preview", {**given, "lead_id": str(uuid4())}).pointers == ["/lead_id"]


class TestStoredScores:
    def test_history_holds_changes_only(self, desk: Desk):
        settle(desk)
        lead = desk.capture()
        for _ in range(2):
            rescore(desk)
        assert desk.lead(lead)["score"] == 17
        reply(desk, lead)
        rescore(desk)
        history = desk.admin.every(f"/api/leads/{lead['id']}/score-history")
        assert [(one["previous_score"], one["score"]) for one in history] == [(17, 47), (None, 17)]
        assert points(history[0]) == {"base": 10, "replied": 30, "phone": 7}
        assert score(desk, lead)["since"] == history[0]["occurred_at"]

    def test_stored_score_keeps_the_version_of_the_lead(self, desk: Desk):
        settle(desk)
        lead = desk.capture()
        rescore(desk)
        assert desk.lead(lead)["version"] == lead["version"]

    def test_points_given_by_hand_stay_as_a_part(self, desk: Desk):
        settle(desk)
        lead = desk.capture()
        rescore(desk)
        desk.admin.patch(f"/api/leads/{lead['id']}", {"score": 27})
        reply(desk, lead)
        rescore(desk)
        assert desk.lead(lead)["score"] == 57
        assert points(score(desk, lead)) == {"base": 10, "replied": 30, "phone": 7, "adjustment": 10}

    def test_score_that_a_person_sets_is_the_score_everywhere(self, desk: Desk):
        """Before the first scan as well as after it; later events move it from there."""
        lead = desk.capture()
        desk.admin.patch(f"/api/leads/{lead['id']}", {"score": 80})

        def everywhere() -> set[Any]:
            [listed] = desk.admin.get("/api/leads", sort="-score", score_from=1).body["items"]
            return {desk.lead(lead)["score"], score(desk, lead)["score"], listed["score"]}

        assert everywhere() == {80}
        rescore(desk)
        assert everywhere() == {80}
        assert "adjustment" in points(score(desk, lead))
        reply(desk, lead)
        rescore(desk)
        assert everywhere() == {95}

    def test_given_score_of_a_new_lead_stays(self, desk: Desk):
        one = desk.capture(score=85)
        job = ask(desk.admin, leads=[desk.lead_data(email="b@lead.example", score=7)])
        work_off(desk, job)
        rescore(desk)
        assert {lead["score"] for lead in desk.admin.every("/api/leads")} == {85, 7}
        assert score(desk, one)["score"] == 85

    def test_score_that_a_person_sets_just_after_an_event_does_not_move(self, desk: Desk):
        lead = desk.capture()
        desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "PHONE_CALL", "outcome": "spoke"})
        changed = desk.admin.patch(f"/api/leads/{lead['id']}", {"score": 50, "lead_value": "900"})
        assert changed.body["score"] == score(desk, lead)["score"] == 50
        assert {"spoken", "value"} < points(score(desk, lead)).keys()
        for name in ("score_changed_leads", "rescore_leads"):
            sweep(name)
            assert desk.lead(lead)["score"] == score(desk, lead)["score"] == 50
        reply(desk, lead)
        rescore(desk)
        assert desk.lead(lead)["score"] == 65

    @pytest.mark.parametrize("close", [None, "lost"])
    def test_null_takes_back_the_points_of_persons_and_rules(self, desk: Desk, close: str | None):
        settle(desk)
        lead, other = desk.capture(), desk.capture(score=12)
        desk.admin.patch(f"/api/leads/{lead['id']}", {"score": 80})
        if close:
            desk.admin.post(f"/api/leads/{lead['id']}/{close}", {"reason": "OTHER"})
        changed = desk.admin.patch(f"/api/leads/{lead['id']}", {"score": None})
        assert changed.body["score"] == desk.lead(lead)["score"] == score(desk, lead)["score"] == 17
        assert "adjustment" not in points(score(desk, lead))
        for query in ({"sort": "-score"}, {"score_from": 0}):
            listed = desk.admin.every("/api/leads", **query)
            assert {one["id"]: one["score"] for one in listed} == {lead["id"]: 17, other["id"]: 12}

    def test_history_has_scores_that_persons_set(self, desk: Desk):
        settle(desk)
        lead = desk.capture()
        for value in (44, 45, 45):
            desk.admin.patch(f"/api/leads/{lead['id']}", {"score": value})
        sweep("score_changed_leads")
        history = desk.admin.every(f"/api/leads/{lead['id']}/score-history")
        assert [(one["previous_score"], one["score"]) for one in history] == [(44, 45), (17, 44), (None, 17)]
        for one in history:
            assert fsum(part["points"] for part in one["parts"]) == one["score"]
        assert len(desk.sql("SELECT 1 FROM events WHERE name = 'lead.scored'")) == len(history)

    @pytest.mark.parametrize(("given", "stage"), [(12, "consultation_scheduled"), (88, "contacted"), (30, "")])
    def test_imported_score_stays_at_every_stage(self, desk: Desk, given: int, stage: str):
        file = f"First name,Last name,E-mail,Phone,Score,Stage\nAnna,Sand,a@lead.example,6465550177,{given},{stage}\n"
        imported(desk, file)
        [lead] = desk.admin.every("/api/leads")
        for name in ("score_changed_leads", "rescore_leads"):
            assert desk.lead(lead)["score"] == score(desk, lead)["score"] == given
            sweep(name)
        assert desk.lead(lead)["score"] == given

    def test_scores_of_known_leads_in_a_file_are_set_together(self, desk: Desk):
        leads = [desk.capture(email=f"{name}@lead.example", phone=None) for name in "abc"]
        reply(desk, leads[0])
        rows = "".join(
            f"Anna,Sand,{name}@lead.example,{value}\n"
            for name, value in (*zip("abc", (9, 8, 7), strict=True), ("a", 6))
        )
        statements = statements_of(lambda: imported(desk, f"First name,Last name,E-mail,Score\n{rows}", "update"))
        rescore(desk)
        assert [desk.lead(lead)["score"] for lead in leads] == [6, 8, 7]
        assert statements.count("lead_scores") == 2  # the second for the row about the same lead

    def test_known_lead_of_a_bulk_call_has_its_score(self, desk: Desk):
        lead = desk.capture(email="a@lead.example")
        reply(desk, lead)
        again = desk.lead_data(email="a@lead.example", score=9)
        work_off(desk, ask(desk.admin, leads=[again, {**again, "score": 8}], on_duplicate="update"))
        rescore(desk)
        assert desk.lead(lead)["score"] == 8

    def test_closed_lead_keeps_its_score(self, desk: Desk):
        settle(desk)
        lead = desk.capture()
        rescore(desk)
        desk.admin.post(f"/api/leads/{lead['id']}/convert")
        desk.admin.patch(SETTINGS, {"base": 50})
        rescore(desk)
        assert desk.lead(lead)["score"] == 17

    def test_leads_are_sorted_and_filtered_by_score(self, desk: Desk):
        low, high, plain = (desk.capture()["id"] for _ in range(3))
        for lead_id, value in ((low, 20), (high, 80)):
            desk.admin.patch(f"/api/leads/{lead_id}", {"score": value})

        def ids(**query: Any) -> list[str]:
            return [lead["id"] for lead in desk.admin.every("/api/leads", limit=1, **query)]

        assert ids(sort="-score") == [high, plain, low]
        assert ids(score_from=50) == [high]
        assert ids(score_to=20) == [low]
        assert desk.admin.get("/api/leads", score_from=101).pointers == ["/score_from"]


def test_erasure_and_export_cover_scores(desk: Desk):
    settle(desk)
    lead = desk.capture()
    rescore(desk)
    assert desk.sql("SELECT 1 FROM lead_score_changes") != []
    exported = desk.admin.post(f"/api/leads/{lead['id']}/export").body["tables"]
    [stored], [change] = exported["lead_scores"], exported["lead_score_changes"]
    assert (stored["score"], change["score"], change["previous_score"]) == (change["score"], stored["score"], None)
    assert sum(part["points"] for part in change["parts"]) == pytest.approx(change["score"], abs=0.5)
    answer = desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "They asked."})
    assert answer.status < 300, answer.body
    assert desk.sql("SELECT 1 FROM lead_score_changes UNION ALL SELECT 1 FROM lead_scores") == []


@pytest.mark.parametrize("path", ["score", "score-history"])
def test_other_clinics_see_nothing(desk: Desk, other_desk: Desk, path: str):
    assert other_desk.admin.get(f"/api/leads/{desk.capture()['id']}/{path}").status == 404
