"""The API for mail that arrives: lists, unmatched mail, attachments, conversations and answers."""

import hashlib
from typing import Any
from uuid import uuid4

import pytest

from app.clock import now
from app.config import get_settings
from app.core.db import transaction
from app.identity.models import Role
from app.messaging.inbound.addresses import return_addresses
from app.messaging.models import Notification
from tests.support.desk import Caller, Desk
from tests.support.inbound import ADDRESS, mail, receive, with_attachment
from workers.sweeps import retention

LEAD = "mia@lead.example"


def sent_message(desk: Desk, lead_id: str, **columns: Any) -> Notification:
    """Insert a message that was sent to the lead."""
    given = {
        "channel": "email", "template": "hello", "subject": "Hello", "body": "Hello Mia", "state": "sent",
        "created_at": now(), "sent_at": now(), "attempts": 1, **columns,
    }  # fmt: skip
    with transaction() as session:
        note = Notification(clinic_id=desk.clinic_id, lead_id=lead_id, **given)
        note.id = note.id or uuid4()
        note.address = LEAD
        session.add(note)
    return note


def reply_to(note: Notification) -> str:
    return str(return_addresses(ADDRESS, note.id, for_bounces=True).reply_to)


def listed(caller: Caller, **query: Any) -> list[str]:
    return [one["id"] for one in caller.every("/api/inbound-emails", **query)]


def test_mail_is_listed_filtered_and_shown(desk: Desk):
    lead = desk.capture(email=LEAD)
    note = sent_message(desk, lead["id"])
    reply = str(receive(desk.clinic_id, mail("Yes.\n\nOn Tue, X wrote:\n> Hello", to=reply_to(note))).id)
    unknown = str(receive(desk.clinic_id, mail(sender="ana@new.example")).id)
    bulk = str(receive(desk.clinic_id, mail(sender="ana@new.example", precedence="bulk"), via="ses").id)
    admin = desk.admin
    assert listed(admin, limit=1) == [bulk, unknown, reply]
    assert listed(admin, classification="reply,unmatched") == [unknown, reply]
    assert listed(admin, lead_id=lead["id"]) == [reply]
    assert listed(admin, via="ses") == [bulk]
    shown = admin.get(f"/api/inbound-emails/{reply}").body
    assert (shown["body"], shown["sender"], shown["matched_by"]) == ("Yes.", LEAD, "address")
    assert "> Hello" in shown["full_text"]
    assert shown["notification_id"] == str(note.id)


def test_scope_limits_mail_to_the_callers_leads(desk: Desk):
    lead = desk.capture(email=LEAD, assigned_to_id=desk.coordinator.id)
    note = sent_message(desk, lead["id"])
    reply = receive(desk.clinic_id, mail(to=reply_to(note)))
    unknown = receive(desk.clinic_id, mail(sender="ana@new.example"))
    sales = desk.caller("sales")  # type: ignore[arg-type]
    assert listed(sales) == []
    for got in (reply, unknown):
        assert sales.get(f"/api/inbound-emails/{got.id}").status == 404
    assert listed(desk.doctor) == [str(unknown.id), str(reply.id)]


def test_unmatched_mail_is_assigned_to_a_lead(desk: Desk):
    lead = desk.capture()
    got = receive(desk.clinic_id, mail("Call me", sender="other@home.example"))
    path = f"/api/inbound-emails/{got.id}"
    assert desk.doctor.post(f"{path}/assign", {"lead_id": lead["id"]}).status == 403
    answer = desk.front_desk.post(f"{path}/assign", {"lead_id": lead["id"]})
    assert (answer.status, answer.body["classification"], answer.body["matched_by"]) == (200, "reply", "user")
    [entry] = [one for one in desk.admin.every(f"/api/leads/{lead['id']}/activities") if one["type"] == "EMAIL"]
    assert (entry["id"], entry["direction"], entry["notes"]) == (answer.body["activity_id"], "INBOUND", "Call me")
    assert desk.admin.get(f"/api/leads/{lead['id']}").body["replied_at"]
    assert desk.admin.post(f"{path}/assign", {"lead_id": lead["id"]}).status == 409
    assert listed(desk.admin, classification="unmatched") == []


def test_unmatched_mail_becomes_a_lead(desk: Desk):
    got = receive(desk.clinic_id, mail("Hello", sender="Ana <ana@new.example>"))
    path = f"/api/inbound-emails/{got.id}/assign"
    assert desk.admin.post(path, {}).pointers == ["/lead_id"]
    new = {"first_name": "Ana", "source_id": str(uuid4())}
    assert desk.admin.post(path, {"create_lead": new}).pointers == ["/create_lead/source_id"]
    made = desk.admin.post(path, {"create_lead": {**new, "source_id": desk.source_id}}, key="once").body
    again = desk.admin.post(path, {"create_lead": {**new, "source_id": desk.source_id}}, key="once").body
    assert made == again
    lead = desk.admin.get(f"/api/leads/{made['lead_id']}").body
    assert (lead["email"], lead["capture_channel"]) == ("ana@new.example", "EMAIL")


def test_unmatched_mail_is_ignored(desk: Desk):
    got = receive(desk.clinic_id, mail(sender="ana@new.example"))
    for _ in range(2):
        assert desk.front_desk.post(f"/api/inbound-emails/{got.id}/ignore").body["ignored_at"]
    assert listed(desk.admin, classification="unmatched", is_ignored="false") == []
    assert listed(desk.admin, classification="unmatched", is_ignored="true") == [str(got.id)]


def test_attachments_are_downloaded_while_the_raw_mail_is_kept(desk: Desk):
    content = b"\x00\x01 a picture"
    got = receive(desk.clinic_id, with_attachment("Zähne.png", content))
    path = f"/api/inbound-emails/{got.id}"
    [reference] = desk.admin.get(path).body["attachments"]
    assert (reference["name"], reference["size"], reference["is_blocked"]) == ("Zähne.png", len(content), False)
    file = desk.admin.get(f"{path}/attachments/{reference['sha256']}")
    assert (file.status, file.body, file.headers["Content-Type"]) == (200, content, "application/octet-stream")
    assert file.headers["Content-Disposition"] == "attachment; filename*=UTF-8''Z%C3%A4hne.png"
    assert desk.admin.get(f"{path}/attachments/{'0' * 64}").status == 404
    desk.sql("UPDATE inbound_raw_emails SET received_at = received_at - make_interval(days => 31)")
    with transaction() as session:
        assert retention.delete_old_raw_emails(session) == 1
    assert desk.admin.get(f"{path}/attachments/{reference['sha256']}").status == 410
    assert desk.admin.get(path).body["full_text"] is None
    assert get_settings().raw_email_days == 30


@pytest.mark.parametrize("name", ["invoice.exe", "form.HTML", "a.js"])
def test_programs_are_not_downloaded(desk: Desk, name: str):
    got = receive(desk.clinic_id, with_attachment(name, b"MZ"))
    path = f"/api/inbound-emails/{got.id}/attachments/{hashlib.sha256(b'MZ').hexdigest()}"
    assert desk.admin.get(path).status == 409


def test_user_answers_in_the_thread(desk: Desk):
    lead = desk.capture(email=LEAD)
    note = sent_message(desk, lead["id"])
    original = mail("Which day?", to=reply_to(note), subject="Hello", message_id="<q1@x.example>", references="<a@b>")
    got = receive(desk.clinic_id, original)
    path = f"/api/leads/{lead['id']}/messages"
    answer = desk.coordinator.post(
        path, {"channel": "email", "body": "Friday.", "in_reply_to": str(got.id)}, key="once"
    )
    assert (answer.status, answer.body["state"], answer.body["subject"]) == (201, "pending", "Re: Hello")
    assert answer.body["written_by"] == desk.coordinator.id
    [row] = desk.sql("SELECT * FROM notifications WHERE id = :id", id=answer.body["id"])
    assert row.headers == {"Auto-Submitted": "", "In-Reply-To": "<q1@x.example>", "References": "<a@b> <q1@x.example>"}
    [step] = desk.steps(lead, kind="deliver")
    assert step["begun_by"] == "user"
    talk = desk.doctor.every(path, limit=1)
    assert [(one["direction"], one["text"]) for one in talk] == [
        ("OUTBOUND", "Friday."),
        ("INBOUND", "Which day?"),
        ("OUTBOUND", "Hello Mia"),
    ]
    assert (talk[1]["state"], talk[1]["answers_id"]) == ("reply", str(note.id))
    directions = [one["direction"] for one in desk.admin.every(f"/api/leads/{lead['id']}/activities", type="EMAIL")]
    assert directions == ["INBOUND", "OUTBOUND"]


def test_message_of_a_user_respects_opt_outs(desk: Desk):
    lead = desk.capture(email=LEAD)
    path = f"/api/leads/{lead['id']}/messages"
    body = {"channel": "email", "subject": "Hello", "body": "Hello"}
    assert desk.admin.post(path, {"channel": "email", "body": "x"}).pointers == ["/subject"]
    assert desk.admin.post(path, {**body, "in_reply_to": str(uuid4())}).pointers == ["/in_reply_to"]
    desk.admin.post(f"/api/leads/{lead['id']}/opt-out")
    refused = desk.admin.post(path, body)
    assert (refused.status, refused.body["reason"]) == (409, "opted_out")
    without = desk.capture(email=None, phone="+12125550143")
    refused = desk.admin.post(f"/api/leads/{without['id']}/messages", body)
    assert (refused.status, refused.body["reason"]) == (409, "no_address")
    assert refused.body["detail"] == "The lead has no address for this channel."


def test_settings_are_replaced_and_edited(desk: Desk):
    path = "/api/settings/inbound-email"
    shown = desk.doctor.get(path)
    assert shown.body == {
        "address": None, "takes_bounces": True, "unknown_senders": "list", "source_id": None, "match_days": 30,
        "unsure_replies": "resume",
        "version": 1,
    }  # fmt: skip
    changed = desk.admin.put(path, {"address": "Hello@Clinic.example"}, seen=shown.headers["ETag"])
    assert (changed.status, changed.body["address"]) == (200, ADDRESS)
    assert desk.admin.put(path, {}, seen=shown.headers["ETag"]).status == 412
    edited = desk.admin.patch(path, {"unknown_senders": "lead", "source_id": desk.source_id}).body
    assert (edited["address"], edited["unknown_senders"], edited["version"]) == (ADDRESS, "lead", 3)
    assert desk.coordinator.put(path, {}).status == 403


@pytest.mark.parametrize(
    "address",
    ["hello", "hello+x@clinic.example", "a" * 22 + "@clinic.example", "hello@localhost", "a b@c.example", "@"],
)
def test_unusable_address_is_refused(desk: Desk, address: str):
    assert desk.admin.put("/api/settings/inbound-email", {"address": address}).pointers == ["/address"]


def test_domain_is_an_address(desk: Desk):
    changed = desk.admin.put("/api/settings/inbound-email", {"address": "@inbox.clinic.example"})
    assert changed.body["address"] == "@inbox.clinic.example"
    made = return_addresses("@inbox.clinic.example", uuid4(), for_bounces=True)
    assert [str(one).partition("+")[0] for one in (made.reply_to, made.return_path)] == ["reply", "bounce"]


def test_webhooks_are_managed_and_show_no_secret(desk: Desk):
    given = {"name": "mail", "provider": "mailgun", "secret": "key-1234"}
    assert desk.admin.post("/api/inbound-hooks", {"name": "x", "provider": "ses"}).pointers == ["/topic"]
    made = desk.admin.post("/api/inbound-hooks", given)
    assert made.status == 201
    assert "secret" not in made.body
    assert made.body["url"].endswith(f"/api/inbound/mailgun/{made.body['id']}")
    assert desk.admin.post("/api/inbound-hooks", given).status == 409
    path = f"/api/inbound-hooks/{made.body['id']}"
    shown = desk.admin.get(path)
    changed = desk.admin.patch(path, {"is_active": False}, seen=shown.headers["ETag"])
    assert (changed.status, changed.body["is_active"]) == (200, False)
    assert [one["name"] for one in desk.admin.every("/api/inbound-hooks")] == ["mail"]
    assert desk.coordinator.get(path).status == 403
    [row] = desk.sql("SELECT to_jsonb(h)::text AS stored FROM inbound_hooks h")
    assert "key-1234" not in row.stored
    assert desk.admin.delete(path).status == 204
    assert desk.admin.get(path).status == 404


# --- the list of conversations ---


def conversations(caller: Caller, **query: Any) -> list[tuple[str, bool]]:
    return [(one["first_name"], one["is_answered"]) for one in caller.every("/api/conversations", **query)]


def test_conversations_list_the_leads_that_wrote_and_whether_a_person_answered(desk: Desk):
    mia = desk.capture(first_name="Mia", email=LEAD)
    ben = desk.capture(first_name="Ben", email="ben@lead.example", phone="+12125550191")
    desk.capture(first_name="Silent", phone="+12125550192")
    receive(desk.clinic_id, mail("Which day?", to=reply_to(sent_message(desk, mia["id"]))))
    receive(desk.clinic_id, mail("No.", sender="ben@lead.example", to=reply_to(sent_message(desk, ben["id"]))))
    sent_message(desk, mia["id"], body="Still there?", template="check-in")  # a message of a rule is no answer
    assert conversations(desk.admin, is_answered="false", limit=1) == [("Ben", False), ("Mia", False)]
    [shown] = desk.admin.get("/api/conversations", q="mia").body["items"]
    assert shown["last_message"]["text"] == "Still there?"
    written = {"channel": "email", "subject": "A day", "body": "Friday?"}
    assert desk.admin.post(f"/api/leads/{mia['id']}/messages", written).status == 201
    assert conversations(desk.admin, is_answered="false") == [("Ben", False)]
    assert conversations(desk.admin, is_answered="true") == [("Mia", True)]
    [shown] = desk.admin.get("/api/conversations", q="mia").body["items"]
    assert (shown["last_message"]["direction"], shown["last_message"]["text"]) == ("OUTBOUND", "Friday?")


def test_call_by_a_person_answers_and_scope_limits_conversations(desk: Desk):
    sam = desk.hire(Role.SALES)
    own = desk.capture(first_name="Own", assigned_to_id=sam.id, email=LEAD)
    other = desk.capture(
        first_name="Other", phone="+12125550193", email="o@lead.example", assigned_to_id=desk.coordinator.id
    )
    for lead, sender in ((own, LEAD), (other, "o@lead.example")):
        receive(desk.clinic_id, mail("Hi", sender=sender, to=reply_to(sent_message(desk, lead["id"]))))
    assert conversations(sam) == [("Own", False)]
    call = {"type": "PHONE_CALL", "direction": "OUTBOUND", "outcome": "spoke"}
    assert desk.admin.post(f"/api/leads/{own['id']}/activities", call).status == 201
    assert conversations(sam) == [("Own", True)]


def wrote(desk: Desk, **lead: Any) -> dict[str, Any]:
    """Return a new lead that has answered a message."""
    made = desk.capture(email=LEAD, **lead)
    receive(desk.clinic_id, mail("Which day?", to=reply_to(sent_message(desk, made["id"]))))
    return made


def test_conversation_is_done_until_the_lead_writes_again(desk: Desk):
    mia = wrote(desk, first_name="Mia")
    path = f"/api/conversations/{mia['id']}"
    [shown] = desk.coordinator.get("/api/conversations", is_done="false").body["items"]
    assert shown["is_done"] is False
    done = desk.coordinator.post(f"{path}/done", {"replied_at": shown["replied_at"]})
    assert (done.status, done.body["is_done"]) == (200, True)
    assert (conversations(desk.admin, is_done="false"), conversations(desk.admin, is_done="true")) == (
        [],
        [("Mia", False)],
    )
    receive(desk.clinic_id, mail("Hello?", to=reply_to(sent_message(desk, mia["id"]))))
    assert conversations(desk.admin, is_done="false") == [("Mia", False)]
    late = desk.coordinator.post(f"{path}/done", {"replied_at": shown["replied_at"]})
    assert (late.status, late.body["code"]) == (409, "wrote-again")


def test_done_conversation_is_opened_again_by_a_user(desk: Desk):
    mia = wrote(desk, first_name="Mia")
    path = f"/api/conversations/{mia['id']}"
    assert desk.coordinator.post(f"{path}/done", {}).body["is_done"] is True
    assert desk.coordinator.post(f"{path}/reopen").body["is_done"] is False
    assert conversations(desk.admin, is_done="false") == [("Mia", False)]
    changed = [entry for entry in desk.admin.every("/api/audit", subject_id=mia["id"]) if entry["act"] == "update"]
    assert "conversations.reopen_conversation" in [entry["operation"] for entry in changed]


def test_conversation_is_marked_only_with_access_to_its_lead(desk: Desk, other_desk: Desk):
    silent, mia = desk.capture(first_name="Silent", phone="+12125550192"), wrote(desk, first_name="Mia")
    assert desk.admin.post(f"/api/conversations/{silent['id']}/done", {}).status == 409
    path = f"/api/conversations/{mia['id']}/done"
    answers = (desk.doctor.post(path, {}), desk.caller(Role.SALES).post(path, {}), other_desk.admin.post(path, {}))
    assert [answer.status for answer in answers] == [403, 404, 404]


def test_merged_conversation_is_open_if_one_of_both_was(desk: Desk):
    mia, other = wrote(desk, first_name="Mia"), desk.capture(first_name="Mia", phone="+12125550194")
    assert desk.admin.post(f"/api/conversations/{mia['id']}/done", {}).status == 200
    assert desk.admin.post(f"/api/leads/{other['id']}/merge", {"lead_id": mia["id"]}).status == 200
    assert conversations(desk.admin, is_done="true") == [("Mia", False)]
