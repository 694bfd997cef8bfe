"""`POST /api/search`: leads, timeline entries, messages, tasks and users, without personal data in URLs."""

from typing import Any

import pytest

from app.identity.models import Role
from app.leads.search.by_text.query import LONGEST_QUERY
from tests.support.desk import Caller, Desk
from tests.support.inbound import mail, receive

pytest_plugins = ["tests.support.desk"]

PEOPLE = {
    "ruiz": {"first_name": "Ana", "last_name": "Ruiz", "phone": "212-555-0143", "email": "Ana.Maria@People.org"},
    "ruizo": {"first_name": "Theo", "last_name": "Ruizo", "phone": "646-555-0100", "phone_alt": "212-555-0143"},
    "cruz": {"first_name": "Iñigo", "last_name": "de la Cruz", "phone": "+49 (0)170 5551234"},
    "li": {"first_name": "Wei", "last_name": "Li", "phone": "646-555-0102"},
    "obrien": {"first_name": "Zoé", "last_name": "O'Brien-Groß", "phone": "646-555-0103"},
    "levi": {"first_name": "דנה", "last_name": "לוי", "phone": "646-555-0104"},
    "wang": {"first_name": "伟", "last_name": "王", "phone": "646-555-0105"},
    "quinn": {"first_name": "Max", "last_name": "Quinn", "patient_first_name": "Lotte", "phone": "646-555-0106"},
}


@pytest.fixture
def lead_ids(desk: Desk) -> dict[str, str]:
    """The ids of the leads."""
    return {
        name: desk.capture(**{"patient_relationship": "SELF", "email": None} | person)["id"]
        for name, person in PEOPLE.items()
    }


def hits(caller: Caller, q: str, *kinds: str, **more: Any) -> list[dict[str, Any]]:
    answer = caller.post("/api/search", {"q": q, **({"kinds": [*kinds]} if kinds else {}), **more})
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.body["hits"]
    return found


def noted(desk: Desk, lead: dict[str, Any], notes: str) -> dict[str, Any]:
    """Write a note on the lead's timeline."""
    answer = desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": notes})
    assert answer.status == 201, answer.body
    entry: dict[str, Any] = answer.body
    return entry


def messaged(desk: Desk, lead: dict[str, Any], subject: str, *, state: str = "sent") -> str:
    """Write an e-mail to the lead, as if the workers had handed it over."""
    body = {"channel": "email", "subject": subject, "body": "Hello"}
    answer = desk.admin.post(f"/api/leads/{lead['id']}/messages", body)
    assert answer.status == 201, answer.body
    desk.sql("UPDATE notifications SET state = :state WHERE id = :id", state=state, id=answer.body["id"])
    return str(answer.body["id"])


def answered(desk: Desk, lead: dict[str, Any], subject: str) -> str:
    """Receive a mail of the lead."""
    return str(receive(desk.clinic_id, mail(sender=lead["email"], subject=subject)).id)


def marked(hit: dict[str, Any]) -> str:
    """Return the found text with its matched parts in brackets."""
    return "".join(f"[{part['text']}]" if part["is_match"] else part["text"] for part in hit["matched"])


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("(212) 555-0143", ["ruizo", "ruiz"]),
        ("+1 212.555.0143", ["ruizo", "ruiz"]),
        ("2125550143", ["ruizo", "ruiz"]),
        ("0143", ["ruizo", "ruiz"]),
        ("tel:+12125550143", ["ruizo", "ruiz"]),
        ("(212)5550143 ext 4", ["ruizo", "ruiz"]),
        ("212 555 0143 x12", ["ruizo", "ruiz"]),
        ("٢١٢ ٥٥٥ ٠١٤٣", ["ruizo", "ruiz"]),
        ("555-01", ["quinn", "wang", "levi", "obrien", "li", "ruizo", "ruiz"]),
        ("0170 555 1234", ["cruz"]),
        ("0049 170 5551", ["cruz"]),
        ("ANA.MARIA@people.org", ["ruiz"]),
        ("maria@peo", ["ruiz"]),
        ("eople", ["ruiz"]),
        ("ruiz", ["ruizo", "ruiz"]),
        ("UIZ", ["ruizo", "ruiz"]),
        ("ruiz an", ["ruiz"]),
        ("an rui", ["ruiz"]),
        ("ana 0143", ["ruiz"]),
        ("inigo de la cruz", ["cruz"]),
        ("CRUZ ÍÑIGO", ["cruz"]),
        ("li", ["li"]),
        ("w", ["li"]),
        ("obrien", ["obrien"]),
        ("o'brien", ["obrien"]),
        ("gross zoe", ["obrien"]),
        ("לוי", ["levi"]),
        ("王", ["wang"]),
        ("lotte", ["quinn"]),
        ("ruiz nobody", []),
        ("0143 nobody", []),
        ("9999", []),
    ],
)
def test_leads_are_found(desk: Desk, lead_ids: dict[str, str], typed: str, found: list[str]):
    names = {id_: name for name, id_ in lead_ids.items()}
    assert [names[hit["id"]] for hit in hits(desk.doctor, typed, "lead")] == found
    # `q` of the lists means the same.
    assert {names[lead["id"]] for lead in desk.doctor.every("/api/leads", q=typed)} == set(found)


@pytest.mark.parametrize(
    ("typed", "name"),
    [("juergen", "Jürgen"), ("JÜRGEN", "Juergen"), ("jurgen", "Jürgen"), ("juer", "Jürgen"), ("boess", "Böß")],
)
def test_umlauts_may_be_written_out_in_a_german_clinic(desk: Desk, typed: str, name: str):
    desk.sql("UPDATE clinics SET region = 'DE' WHERE id = :id", id=desk.clinic_id)
    lead = desk.capture(first_name=name, last_name="Haas", phone=None, email="j@people.org")
    [hit] = hits(desk.doctor, typed, "lead")
    assert (hit["id"], hit["why"], [part["text"] for part in hit["matched"] if part["is_match"]]) == (
        *(lead["id"], "name"),
        [name[: 3 if typed == "juer" else len(name)]],
    )


@pytest.mark.parametrize("typed", ["o\u1ffdneil", "\u0345 anna", "straße"])
def test_rare_letters_are_read_in_a_german_clinic(desk: Desk, typed: str):
    desk.sql("UPDATE clinics SET region = 'DE' WHERE id = :id", id=desk.clinic_id)
    assert hits(desk.doctor, typed, "lead") == []


@pytest.mark.parametrize(
    ("typed", "why", "text", "is_exact"),
    [
        ("212 555 0143", "phone", "[+12125550143]", True),
        ("55501", "phone", "+1212[55501]43", False),
        ("ana.maria@people.org", "email", "[Ana.Maria@people.org]", True),
        ("people", "email", "Ana.Maria@[people].org", False),
        ("uiz a", "name", "[A]na R[uiz]", False),
    ],
)
def test_hit_has_the_field_and_its_matched_part(desk: Desk, typed: str, why: str, text: str, is_exact: bool):
    lead = desk.capture(**PEOPLE["ruiz"])
    [hit] = hits(desk.doctor, typed, "lead")
    assert (hit["kind"], hit["id"], hit["lead_id"], hit["title"]) == ("lead", lead["id"], lead["id"], "Ana Ruiz")
    assert (hit["why"], marked(hit), hit["is_exact"]) == (why, text, is_exact)


def test_accents_and_patients_are_marked(desk: Desk, lead_ids: dict[str, str]):
    assert marked(hits(desk.doctor, "gros ZOE", "lead")[0]) == "[Zoé] O'Brien-[Groß]"
    [hit] = hits(desk.doctor, "lott", "lead")
    assert (hit["why"], hit["title"], marked(hit)) == ("patient_name", "Max Quinn", "[Lott]e Quinn")


def test_lead_is_found_by_its_external_id(desk: Desk):
    body = desk.lead_data(external_source="hubspot")
    lead = desk.admin.put("/api/leads/by-external-id/HS-99812", body).body
    assert [(hit["id"], hit["why"]) for hit in hits(desk.admin, "hs-9981", "lead")] == [(lead["id"], "external_id")]


def test_whole_number_comes_before_names_and_names_before_texts(desk: Desk):
    by_number = desk.capture(first_name="Otto", last_name="Kern", phone="212-555-0143")
    by_part = desk.capture(first_name="Eva", last_name="Lang", phone="+44 20 7946 0143", email="otto@people.org")
    assert [hit["id"] for hit in hits(desk.admin, "212-555-0143", "lead")] == [by_number["id"]]
    assert [hit["id"] for hit in hits(desk.admin, "otto", "lead")] == [by_number["id"], by_part["id"]]
    noted(desk, by_part, notes="Otto called")
    assert [hit["kind"] for hit in hits(desk.admin, "otto")] == ["lead", "lead", "note"]


def test_name_with_a_typo_finds_similar_names(desk: Desk, lead_ids: dict[str, str]):
    [hit] = hits(desk.doctor, "ana ruix", "lead")
    assert (hit["id"], hit["why"]) == (lead_ids["ruiz"], "similar_name")


def test_limit_is_for_each_kind(desk: Desk):
    ids = [desk.capture(phone=f"646-555-01{number:02}")["id"] for number in range(4)]
    answer = desk.doctor.post("/api/search", {"q": "ruiz", "limit": 3, "kinds": ["lead"]}).body
    assert ([hit["id"] for hit in answer["hits"]], answer["has_more"]) == (ids[:0:-1], True)
    assert desk.doctor.post("/api/search", {"q": "ruiz", "limit": 4, "kinds": ["lead"]}).body["has_more"] is False


def test_notes_are_found_by_the_beginning_of_their_words(desk: Desk):
    lead = desk.capture()
    entry = noted(desk, lead, notes="Möchte Zahnimplantate; the insurer answers on Monday.")
    for typed in ("zahnimpl", "MOCHTE", "insurer monday", "on"):
        [hit] = hits(desk.doctor, typed, "note")
        assert (hit["id"], hit["lead_id"], hit["lead_name"], hit["why"]) == (
            entry["id"],
            lead["id"],
            "Ana Ruiz",
            "notes",
        )
    assert marked(hits(desk.doctor, "insu", "note")[0]) == "Möchte Zahnimplantate; the [insu]rer answers on Monday."
    assert hits(desk.doctor, "nsurer", "note") == []
    assert hits(desk.doctor, "insurer tuesday", "note") == []


def test_long_note_is_shortened_around_the_match(desk: Desk):
    noted(desk, desk.capture(), notes=f"{'word ' * 200}needle {'word ' * 200}")
    shown = marked(hits(desk.doctor, "needle", "note")[0])
    assert "[needle]" in shown
    assert len(shown) < 200


def test_messages_are_found_by_the_words_of_their_subjects(desk: Desk):
    lead = desk.capture(email="ana@people.org")
    sent = messaged(desk, lead, "Your Zahnimplantate: the estimate")
    arrived = answered(desk, lead, "Re: Möchte Zahnimplantate")
    assert [(hit["id"], hit["direction"], marked(hit)) for hit in hits(desk.doctor, "zahnim", "message")] == [
        (arrived, "INBOUND", "Re: Möchte [Zahnim]plantate"),
        (sent, "OUTBOUND", "Your [Zahnim]plantate: the estimate"),
    ]
    [hit] = hits(desk.doctor, "estimate your")
    assert (hit["kind"], hit["why"], hit["title"], hit["lead_id"]) == ("message", "subject", "Ana Ruiz", lead["id"])
    assert [hit["id"] for hit in hits(desk.doctor, "MOCHTE", "message")] == [arrived]
    assert hits(desk.doctor, "ahnimplantate", "message") == []
    assert hits(desk.doctor, "zahnimplantate nobody", "message") == []


@pytest.mark.parametrize("state", ["pending", "sending", "suppressed"])
def test_message_that_was_not_handed_over_is_not_found(desk: Desk, state: str):
    messaged(desk, desk.capture(email="ana@people.org"), "Needle", state=state)
    assert hits(desk.admin, "needle") == []


def test_tasks_are_found_by_title_and_by_their_lead(desk: Desk):
    lead = desk.capture()
    task = desk.plan(lead, title="Ask for X-rays")
    [by_title] = hits(desk.doctor, "rays", "task")
    assert (by_title["id"], by_title["why"], by_title["lead_name"]) == (task["id"], "title", "Ana Ruiz")
    assert task["id"] in {hit["id"] for hit in hits(desk.doctor, "2125550143", "task") if hit["why"] == "lead"}


def test_users_are_found(desk: Desk):
    user = desk.hire(Role.SALES)
    [me] = desk.admin.every("/api/users", role="sales")
    [hit] = hits(desk.doctor, me["email"], "user")
    assert (hit["id"], hit["is_exact"], hit["lead_id"]) == (user.id, True, None)


def test_changes_are_found_at_once(desk: Desk):
    lead = desk.capture(first_name="Ana", last_name="Ruiz", phone="212-555-0143")
    path = f"/api/leads/{lead['id']}"
    desk.admin.patch(path, {"last_name": "Lindqvist"})
    assert hits(desk.admin, "ruiz", "lead") == []
    assert [hit["id"] for hit in hits(desk.admin, "indqvi", "lead")] == [lead["id"]]
    desk.admin.patch(path, {"phone": "646-555-0199"})
    assert hits(desk.admin, "0143", "lead") == []
    assert [hit["id"] for hit in hits(desk.admin, "50199", "lead")] == [lead["id"]]


def test_survivor_of_a_merge_has_the_keys_of_its_new_fields(desk: Desk):
    survivor = desk.capture(first_name="Ana", last_name="Ruiz", phone="212-555-0143", email=None)
    duplicate = desk.capture(first_name="Anna", last_name="Ruis", phone="212-555-0143", email="anna@people.org")
    desk.admin.post(f"/api/leads/{survivor['id']}/merge", {"lead_id": duplicate["id"]})
    assert [hit["id"] for hit in hits(desk.admin, "eople", "lead")] == [survivor["id"]]


def test_only_visible_rows_are_found(desk: Desk, other_desk: Desk):
    own = desk.capture(**PEOPLE["ruiz"])
    noted(desk, own, notes="Needle")
    messaged(desk, own, "Needle")
    answered(desk, own, "Re: Needle")
    desk.plan(own, title="Needle")
    rep = desk.hire(Role.SALES)
    for typed in ("ruiz", "0143", "212-555-0143", "ana.maria@people.org", "people", "needle"):
        assert hits(other_desk.admin, typed) == []
        assert hits(rep, typed) == []
    desk.admin.post(f"/api/leads/{own['id']}/assign", {"assigned_to_id": rep.id})
    assert {hit["kind"] for hit in hits(rep, "needle")} == {"note", "message", "task"}
    assert hits(rep, "0143", "lead")[0]["id"] == own["id"]


def test_notes_need_the_permission_for_private_fields(desk: Desk):
    noted(desk, desk.capture(), notes="Needle")
    marketing = desk.hire(Role.MARKETING_MANAGER)
    answer = marketing.post("/api/search", {"q": "needle"}).body
    assert (answer["hits"], answer["searched"]) == ([], ["lead", "message", "task", "user"])
    assert [hit["kind"] for hit in hits(desk.doctor, "needle")] == ["note"]


def test_leads_are_found_by_their_notes_with_the_permission_for_private_fields(desk: Desk):
    lead = desk.capture(first_name="Grace", last_name="O'Connor", notes="Grinds her teeth, twenty years ago: a brace")
    marketing = desk.hire(Role.MARKETING_MANAGER)
    for typed, marked in (("twenty years", ["twenty", "years"]), ("GRIND", ["Grind"])):
        [hit] = hits(desk.doctor, typed)
        assert (hit["kind"], hit["id"], hit["why"]) == ("lead", lead["id"], "notes")
        assert [one["text"] for one in hit["matched"] if one["is_match"]] == marked
        assert marketing.post("/api/search", {"q": typed}).body["hits"] == []
    assert [hit["id"] for hit in hits(desk.doctor, "twenty connor")] == [lead["id"]]
    assert hits(desk.doctor, "wenty") == []  # notes are found by the beginnings of their words
    listed = [caller.get("/api/leads", q="twenty years").body["items"] for caller in (desk.doctor, marketing)]
    assert [[one["id"] for one in items] for items in listed] == [[lead["id"]], []]


def test_hits_are_noted_as_read(desk: Desk):
    lead = desk.capture(email="ana@people.org")
    entry = noted(desk, lead, notes="Needle")
    sent, arrived = messaged(desk, lead, "Needle"), answered(desk, lead, "Needle")
    assert len(hits(desk.doctor, "needle")) == 3
    reads = [
        one for one in desk.admin.every("/api/audit", operation="search.search_everything") if one["act"] == "read"
    ]
    assert {(one["subject"], *one["ids"]) for one in reads} >= {
        ("activity", entry["id"]),
        ("lead", lead["id"]),
        ("notification", sent),
        ("inbound_email", arrived),
    }


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/q"]),
        ({"q": ""}, ["/q"]),
        ({"q": "   "}, ["/q"]),
        ({"q": "%"}, ["/q"]),
        ({"q": "*_? ' -- ;"}, ["/q"]),
        ({"q": "🦷"}, ["/q"]),
        ({"q": "x" * (LONGEST_QUERY + 1)}, ["/q"]),
        ({"q": "x" * 800}, ["/q"]),
        ({"q": "ruiz", "limit": 51}, ["/limit"]),
        ({"q": "ruiz", "kinds": []}, ["/kinds"]),
        ({"q": "ruiz", "kinds": ["invoice"]}, ["/kinds/0"]),
        ({"q": "ruiz", "name": "x"}, ["/name"]),
    ],
)
def test_invalid_search_is_refused(desk: Desk, body: Any, pointers: list[str]):
    assert desk.doctor.post("/api/search", body).pointers == pointers


@pytest.mark.parametrize(
    "typed",
    [
        "'; DROP TABLE leads; --",
        '" OR 1=1',
        "100%",
        "a\\b",
        "{1,2}",
        "ana🦷",
        "x " * 100,
        "9" * 200,
        "ﬁ",
        "١٢٣٤",
    ],
)
def test_unusual_text_finds_nothing_and_fails_nowhere(desk: Desk, typed: str):
    desk.capture(first_name="Zed", last_name="Yu", email=None)
    assert hits(desk.doctor, typed) == []
    assert desk.doctor.every("/api/leads", q=typed) == []


def test_program_finds_no_staff_unless_it_assigns_leads_or_manages_users(desk: Desk):
    name = desk.sql("SELECT name FROM users WHERE id = :id", id=desk.admin.id)[0].name

    assert hits(desk.program("lead:read"), name) == []
    for scope in ("lead:assign", "user:manage"):
        assert {hit["id"] for hit in hits(desk.program("lead:read", scope), name, "user")} >= {str(desk.admin.id)}
