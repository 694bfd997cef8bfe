"""One row of each kind in a clinic, for tests that call every route."""

from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from sqlalchemy import select

from app.clock import now
from app.core.db import insert_many, new_id, transaction
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import SignIn
from app.messaging.inbound.texts.items import ReceivedText
from app.messaging.inbound.texts.models import InboundText
from app.messaging.inbound.texts.receive import receive_text
from app.messaging.models import Notification
from tests.support.desk import Desk
from tests.support.enrolling import WAITING
from tests.support.importing import send
from tests.support.inbound import receive, with_attachment
from tests.support.notices import Browser

PHONE = "+12125550143"
AWAY = {f"{name}_at": (now() + timedelta(days=days)).isoformat() for name, days in (("starts", 1), ("ends", 2))}
WEB_FORM = {"name": "x", "allowed_origins": [], "fields": [{"name": "phone"}]}


def ids_of_each_kind(desk: Desk) -> dict[str, str]:
    """Create a row of each kind. Return the ids by the name of the path parameter."""
    lead = desk.capture(phone=PHONE)
    rule = {"name": "x", "strategy": "round_robin", "members": [{"user_id": desk.admin.id}]}
    job = desk.admin.post(
        "/api/followups/bulk",
        {"lead_ids": [lead["id"]], "followup": {"type": "CALL", "title": "x", "due_in_minutes": 60}},
    )
    patient = str(uuid4())
    became = desk.capture(phone=PHONE)
    desk.admin.post(f"/api/leads/{became['id']}/convert", {"converted_to_patient_id": patient})
    template = {"name": "x", "title": "x", "type": "CALL", "due_in": "1 day"}
    text = {"slug": "x", "name": "x", "variants": [{"subject": "x", "body": "x"}]}
    message = desk.admin.post("/api/message-templates", text).body
    form = {**WEB_FORM, "source_id": desk.source_id}
    gateway = {"name": "x", "purpose": "webhook", "url": "http://127.0.0.1:9/"}
    mailbox = {"name": "x", "host": "127.0.0.1", "port": 9, "security": "none", "username": "x", "password": "x"}
    settings = {"host": "127.0.0.1", "port": 9, "security": "none", "sender_address": "a@clinic.example"}
    account = {"name": "x", "kind": "smtp", "settings": settings}
    field = {"key": "x", "label": "x", "type": "text"}
    sequence = desk.admin.post("/api/sequences", WAITING).body
    nurture = {"name": "x", "sequence": sequence["name"], "score_from": 2, "score_to": 6}
    desk.admin.post(f"/api/sequences/{sequence['id']}/enrollments", {"lead_ids": [lead["id"]]})
    mail = receive(desk.clinic_id, with_attachment("x.txt", b"x"))
    hook = {"name": "x", "provider": "postmark", "secret": "seven green umbrellas"}
    return {
        "inbound_text_id": unmatched_text(desk.clinic_id),
        "inbound_email_id": str(mail.id),
        "sha256": sha256(b"x").hexdigest(),
        "hook_id": desk.admin.post("/api/inbound-hooks", hook).body["id"],
        "lead_id": lead["id"],
        "task_id": desk.plan(lead)["id"],
        "step_id": desk.steps(lead)[0]["id"],
        "source_id": desk.source_id,
        "stage_id": desk.admin.every("/api/pipeline-stages")[0]["id"],
        "key_id": desk.admin.post("/api/api-keys", {"name": "x", "scopes": ["lead:read"]}).body["id"],
        "notification_id": _notification(desk),
        "job_id": job.body["id"],
        "import_id": send(desk.admin, b"Name,Phone,Source\nAna Ruiz,+12125550143,Other\n").body["id"],
        "team_id": desk.admin.post("/api/teams", {"name": "x"}).body["id"],
        "role_id": desk.admin.post("/api/roles", {"slug": "x", "name": "x", "grants": {}}).body["id"],
        "user_id": desk.admin.id,
        "absence_id": desk.admin.post(f"/api/users/{desk.admin.id}/out-of-office", AWAY).body["id"],
        "rule_id": desk.admin.post("/api/assignment-rules", rule).body["id"],
        "follow_up_rule_id": desk.admin.every("/api/follow-up-rules")[0]["id"],
        "opportunity_id": lead["id"],
        "customer_id": patient,
        "activity_id": desk.plan(lead)["id"],
        "entry_id": desk.admin.post(f"/api/leads/{lead['id']}/activities", {"type": "NOTE", "notes": "x"}).body["id"],
        "view_id": desk.admin.post("/api/followups/views", {"name": "x", "filters": {}}).body["id"],
        "saved_report_id": desk.admin.post(
            "/api/leads/analytics/saved-reports", {"name": "x", "report": "total-leads"}
        ).body["id"],
        "lead_view_id": desk.admin.post("/api/leads/views", {"name": "x", "filters": {}}).body["id"],
        "template_id": desk.admin.post("/api/task-templates", template).body["id"],
        "message_template_id": message["id"],
        "version_id": message["version_id"],
        "field_id": desk.admin.post("/api/custom-fields", field).body["id"],
        **_webhook(desk),
        "gateway_id": desk.admin.post("/api/gateways", gateway).body["id"],
        "destination_id": desk.admin.post("/api/me/destinations", Browser().subscription("http://127.0.0.1:9/")).body[
            "id"
        ],
        "session_id": second_sign_in(desk),
        "mailbox_id": desk.admin.post("/api/mailboxes", mailbox).body["id"],
        "account_id": desk.admin.post("/api/sending-accounts", account).body["id"],
        "form_id": desk.admin.post("/api/web-forms", form).body["id"],
        "sequence_id": sequence["id"],
        "nurture_id": desk.admin.post("/api/nurtures", nurture).body["id"],
        "enrollment_id": desk.admin.every(f"/api/leads/{lead['id']}/enrollments")[0]["id"],
    }


def second_sign_in(desk: Desk) -> str:
    """Create another sign-in of the admin and return its id."""
    user_id, made_at = UUID(desk.admin.id), now()
    row = SignIn(id=new_id(), user_id=user_id, refresh_id=new_id(), created_at=made_at)
    row.expires_at = made_at + timedelta(days=1)
    with transaction() as session:
        session.add(row)
        return str(row.id)


def unmatched_text(clinic_id: UUID) -> str:
    """Receive a text message of an unknown number, and return its id."""
    given = ReceivedText(str(uuid4()), "sms", "+12125550199", "x")
    with transaction() as session:
        receive_text(session, Actor.system(load_context(session, clinic_id)), new_id(), given)
        newest = select(InboundText.id).where(InboundText.provider_id == given.provider_id)
        return str(session.scalars(newest).one())


def _notification(desk: Desk) -> str:
    made = {
        "id": new_id(),
        "clinic_id": desk.clinic_id,
        "user_id": desk.admin.id,
        "channel": "in_app",
        "template": "x",
        "subject": "x",
        "body": "x",
        "state": "failed",
        "attempts": 0,
        "created_at": now(),
    }
    with transaction() as session:
        insert_many(session, Notification, [made])
    return str(made["id"])


def _webhook(desk: Desk) -> dict[str, str]:
    hook = desk.admin.post("/api/webhooks", {"url": "http://127.0.0.1:9/"}).body["id"]
    return {"webhook_id": hook, "delivery_id": desk.admin.post(f"/api/webhooks/{hook}/test").body["id"]}
