"""Calls of the audit log and gateways with sample values."""

from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.audit import search as audit
from app.messaging.gateways import status_events
from app.messaging.gateways.models import ReceiptStatus
from tests.support.large_clinic import LargeClinic, now


def audit_log(session: Session, large: LargeClinic, query: Any) -> Any:
    return audit.list_entries(session, large.actor, {"from_": now() - timedelta(days=31), "to": now(), **query})


def process_gateway_event(session: Session, large: LargeClinic) -> None:
    gateway = status_events.find_gateway(session, large.other["gateway"])
    delivered = {"message_id": large.other["note"], "status": ReceiptStatus.DELIVERED, "at": now()}
    assert status_events.process_events(session, gateway, "a call", [delivered])["taken"] == 1
