"""Messages to the lead of a simulated world: the gate decides, as ever; what it lets through went, and counts."""

from collections.abc import Callable
from functools import partial

from app.automation.simulation.endings import Done, Ending, PutOff
from app.automation.simulation.state import Sent, SimulatedStep
from app.automation.simulation.world import World
from app.engine.events.events import Event, EventName
from app.engine.models import Kind
from app.leads.facts.events import lead_event
from app.messaging.contact_policy.contact_attempts import priority_of, touch_of
from app.messaging.contact_policy.contact_facts import Writing, address_for, known_of
from app.messaging.contact_policy.facts import Ahead, Gone, Touch
from app.messaging.contact_policy.gate import Allow, Never, Until, judge
from app.messaging.contact_policy.history import History


def send_message(world: World, step: SimulatedStep, tell: Callable[[Event], None]) -> Ending:
    """Send the step's message now, put it off, or not at all; `tell` hears that it was sent."""
    channel = step.params["channel"]
    touch = touch_of(step, channel, address_for(world.lead, channel), planned_at=step.created_at)
    writing = Writing(world.lead, world.setting.clinic, touch)
    match judge(touch, known_of(writing, _history(world, step), is_suppressed=channel in world.suppressed), world.now):
        case Never(reason):
            return reason
        case Until(instant, reason):
            return PutOff(instant, reason)
        case Allow():
            return _send(world, step, touch, tell)


def _history(world: World, step: SimulatedStep) -> History:
    ahead = [Ahead(other.due_at, priority_of(other)) for other in world.pending if _is_another(other, step)]
    return History(world.went, ahead)


def _is_another(other: SimulatedStep, step: SimulatedStep) -> bool:
    return other.kind is Kind.SEND_MESSAGE and other is not step


def _send(world: World, step: SimulatedStep, touch: Touch, tell: Callable[[Event], None]) -> Ending:
    world.went.append(Gone(world.now, touch.series))
    world.sent.append(Sent(touch.channel, step.cause.get("enrollment_id")))
    about = {"channel": touch.channel, "template": step.params["template"]}
    sent = lead_event(EventName.MESSAGE_SENT, world.lead, world.now, about=about, subject_id=step.id, key="")
    return Done(about, partial(tell, sent))
