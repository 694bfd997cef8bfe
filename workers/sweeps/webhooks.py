"""Webhook endpoints with due calls: retries, and calls that a killed worker did not finish."""

from typing import Final

from sqlalchemy.orm import Session

from app import clock
from app.messaging.webhooks.due import wake_due_endpoints

NAME: Final = "call_due_webhooks"


def call_due_webhooks(session: Session) -> int:
    """Plan a step for each endpoint with due calls and no pending step. Returns their number."""
    return wake_due_endpoints(session, now=clock.now())
