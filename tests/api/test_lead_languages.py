"""Language of a lead: input, filter, rules, import, merge and erasure."""

from typing import Any

import pytest

from tests.support.desk import Desk
from tests.support.importing import send, work_off

pytest_plugins = ["tests.support.desk"]


def test_language_is_normalized_everywhere(desk: Desk):
    lead = desk.capture(language="FR-ca")
    assert lead["language"] == "fr-CA"
    assert desk.capture()["language"] is None
    changed = desk.admin.put(f"/api/leads/{lead['id']}", {"language": "es-419"}).body
    assert (changed["language"], desk.lead(lead)["language"]) == ("es-419", "es-419")
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"language": None}).body["language"] is None
    theirs = desk.admin.put("/api/leads/by-external-id/7", desk.lead_data(language="de", external_source="crm"))
    assert theirs.body["language"] == "de"


@pytest.mark.parametrize("language", ["french", "fr_CA", "", 7])
def test_invalid_language_is_refused_with_its_path(desk: Desk, language: Any):
    assert desk.admin.post("/api/leads", desk.lead_data(language=language)).pointers == ["/language"]
    assert desk.admin.get("/api/leads", language=str(language) or "x").pointers == ["/language"]


def test_leads_are_filtered_by_language(desk: Desk):
    french, _ = desk.capture(language="fr"), desk.capture(language="fr-CA")
    assert [lead["id"] for lead in desk.admin.every("/api/leads", language="FR")] == [french["id"]]


def test_import_file_may_contain_the_language(desk: Desk):
    kept = send(desk.admin, b"Name,Phone,Langue\nAna Ruiz,212 555 0143,pt-br\nBen Ott,646 555 0100,\n").body
    assert kept["mapping"]["Langue"] == "language"
    work_off(desk.admin, kept, source_id=desk.source_id)
    told = {lead["first_name"]: lead["language"] for lead in desk.admin.every("/api/leads")}
    assert told == {"Ana": "pt-BR", "Ben": None}


def test_merge_takes_the_language_of_the_duplicate(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture(language="fr")
    desk.admin.post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]})
    assert desk.lead(survivor)["language"] == "fr"


def test_erasure_removes_the_language(desk: Desk):
    lead = desk.capture(language="fr")
    assert desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "They asked."}).status == 200
    assert desk.sql("SELECT language FROM leads WHERE id = :id", id=lead["id"]) == [(None,)]
