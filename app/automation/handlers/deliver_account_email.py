"""`deliver_account_email`: send an invitation or a password reset. Its queue takes no other messages."""

from dataclasses import replace

from app.automation.handlers import deliver
from app.engine.models import Kind
from app.engine.step_kind import ACCOUNTS

KIND = replace(deliver.KIND, name=Kind.DELIVER_ACCOUNT_EMAIL, has_lead=False, queue=ACCOUNTS)
