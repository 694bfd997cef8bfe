"""What the gate would say of the messages that a rule plans, when they are due: for a dry run."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.automation.clinic import ClinicContext
from app.automation.models import Kind
from app.automation.plan import PlannedStep
from app.leads.known import Writing, address_for, load_known
from app.notifications.gate import Allow, Never, Until, Verdict, explain, judge
from app.notifications.touching import touch_of


def gates_of(
    session: Session, clinic: ClinicContext, lead: Any, steps: Sequence[PlannedStep]
) -> list[dict[str, Any] | None]:
    """Of each step in its order: the verdict and every check, as of its due time; None where nothing is sent."""
    return [_gate(session, clinic, lead, step) if step.kind is Kind.SEND_MESSAGE else None for step in steps]


def _gate(session: Session, clinic: ClinicContext, lead: Any, step: PlannedStep) -> dict[str, Any]:
    channel = step.params["channel"]
    touch = touch_of(step, channel, address_for(lead, channel), planned_at=step.due_at)
    [known] = load_known(session, [Writing(lead, clinic, touch)], now=step.due_at)
    findings = explain(touch, known, step.due_at)
    return {
        **_told(judge(touch, known, step.due_at)),
        "checks": [
            {"check": one.check, "is_asked": one.asked, **_told(one.verdict), "looked_at": dict(one.looked_at)}
            for one in findings
        ],
    }


def _told(verdict: Verdict) -> dict[str, Any]:
    match verdict:
        case Never(reason):
            return {"verdict": "never", "reason": reason, "until": None}
        case Until(instant, reason):
            return {"verdict": "later", "reason": reason, "until": instant}
        case Allow():
            return {"verdict": "allowed", "reason": None, "until": None}
