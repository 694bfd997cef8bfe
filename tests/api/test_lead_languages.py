"""A lead's language: told in whatever way a lead is, found by it, and known to rules."""

from typing import Any

import pytest

from tests.support.desk import Desk
from tests.support.importing import send, work_off

pytest_plugins = ["tests.support.desk"]


def test_it_is_kept_as_it_is_written_everywhere(desk: Desk):
    lead = desk.capture(language="FR-ca")
    assert lead["language"] == "fr-CA"
    assert desk.capture()["language"] is None
    changed = desk.admin.put(f"/api/leads/{lead['id']}", {"language": "es-419"}).body
    assert (changed["language"], desk.lead(lead)["language"]) == ("es-419", "es-419")
    assert desk.admin.put(f"/api/leads/{lead['id']}", {"language": None}).body["language"] is None
    theirs = desk.admin.put("/api/leads/by-external-id/7", desk.lead_data(language="de", external_source="crm"))
    assert theirs.body["language"] == "de"


@pytest.mark.parametrize("language", ["french", "fr_CA", "", 7])
def test_what_is_no_language_is_pointed_at(desk: Desk, language: Any):
    assert desk.admin.post("/api/leads", desk.lead_data(language=language)).pointers == ["/language"]
    assert desk.admin.get("/api/leads", language=str(language) or "x").pointers == ["/language"]


def test_leads_are_found_by_it(desk: Desk):
    french, _ = desk.capture(language="fr"), desk.capture(language="fr-CA")
    assert [lead["id"] for lead in desk.admin.every("/api/leads", language="FR")] == [french["id"]]


def test_a_file_of_leads_tells_it(desk: Desk):
    kept = send(desk.admin, b"Name,Phone,Langue\nAna Ruiz,212 555 0143,pt-br\nBen Ott,646 555 0100,\n").body
    assert kept["mapping"]["Langue"] == "language"
    work_off(desk.admin, kept, source_id=desk.source_id)
    told = {lead["first_name"]: lead["language"] for lead in desk.admin.every("/api/leads")}
    assert told == {"Ana": "pt-BR", "Ben": None}


def test_a_merge_learns_it_from_the_duplicate(desk: Desk):
    survivor, duplicate = desk.capture(), desk.capture(language="fr")
    desk.admin.post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]})
    assert desk.lead(survivor)["language"] == "fr"


def test_an_erasure_forgets_it(desk: Desk):
    lead = desk.capture(language="fr")
    assert desk.admin.post(f"/api/leads/{lead['id']}/erase", {"reason": "They asked."}).status == 200
    assert desk.sql("SELECT language FROM leads WHERE id = :id", id=lead["id"]) == [(None,)]
