"""What the gate would say of the messages that a rule plans, when they are due: for a dry run, and for previews."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.engine.plan.plan import PlannedStep
from app.engine.step_kind import STEP_KINDS
from app.identity.clinic_context import ClinicContext
from app.messaging.contact_policy.contact_attempts import attempt_for_step
from app.messaging.contact_policy.contact_facts import AttemptContext, address_for, load_contact_facts
from app.messaging.contact_policy.gate import Allow, GateDecision, Never, Until, evaluate_gate, explain_gate


class Held(NamedTuple):
    """How many messages the gate would let nobody have, and how many it would put off, by reason."""

    blocked: Counter[str]
    put_off: Counter[str]


def held_back(
    session: Session, clinic: ClinicContext, messages: Sequence[tuple[Any, PlannedStep]], *, at: datetime
) -> Held:
    """Of these messages, each with its lead, as of when it is due, and with what went to its lead by `at`."""
    held = Held(Counter(), Counter())
    writings = [_writing(clinic, lead, step) for lead, step in messages]
    known = load_contact_facts(session, writings, now=at)
    for writing, facts, (_, step) in zip(writings, known, messages, strict=True):
        match evaluate_gate(writing.touch, facts, step.due_at):
            case Never(reason):
                held.blocked[reason] += 1
            case Until(_, reason):
                held.put_off[reason] += 1
    return held


def _writing(clinic: ClinicContext, lead: Any, step: PlannedStep) -> AttemptContext:
    channel = step.params["channel"]
    return AttemptContext(
        lead, clinic, attempt_for_step(step, channel, address_for(lead, channel), planned_at=step.due_at)
    )


def gates_of(
    session: Session, clinic: ClinicContext, lead: Any, steps: Sequence[PlannedStep]
) -> list[dict[str, Any] | None]:
    """Of each step in its order: the verdict and every check, as of its due time; None where nothing is sent."""
    return [_gate(session, clinic, lead, step) if STEP_KINDS[step.kind].writes_to_lead else None for step in steps]


def _gate(session: Session, clinic: ClinicContext, lead: Any, step: PlannedStep) -> dict[str, Any]:
    writing = _writing(clinic, lead, step)
    touch, [known] = writing.touch, load_contact_facts(session, [writing], now=step.due_at)
    findings = explain_gate(touch, known, step.due_at)
    return {
        **_told(evaluate_gate(touch, known, step.due_at)),
        "checks": [
            {"check": one.check, "is_asked": one.asked, **_told(one.verdict), "looked_at": dict(one.looked_at)}
            for one in findings
        ],
    }


def _told(verdict: GateDecision) -> dict[str, Any]:
    match verdict:
        case Never(reason):
            return {"verdict": "never", "reason": reason, "until": None}
        case Until(instant, reason):
            return {"verdict": "later", "reason": reason, "until": instant}
        case Allow():
            return {"verdict": "allowed", "reason": None, "until": None}
