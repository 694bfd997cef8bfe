"""`notify`: tell people of the clinic (simplepro-follow-up-automation.md, "Send notifications")."""

from collections.abc import Callable, Mapping, Sequence

from app.automation.models import Reason
from app.identity.models import Role
from workers.context import Person, StepContext
from workers.messages import to_users
from workers.outcomes import Done, Outcome, Skip


def decide(context: StepContext) -> Outcome:
    """Tell those that the rule names, on the channels it names."""
    people = _AUDIENCES[context.params.get("to", "coordinator")](context)
    if not people:
        return Skip(Reason.NOBODY_TO_TELL)
    effects = to_users(context, people)
    return Done({"notification_ids": [n["id"] for n in effects.notifications]}, effects=effects)


def _coordinator(context: StepContext) -> Sequence[Person]:
    return [context.coordinator] if context.coordinator else []


def _managers(context: StepContext) -> Sequence[Person]:
    return context.with_role(Role.MANAGER) or _admins(context)


def _admins(context: StepContext) -> Sequence[Person]:
    return context.with_role(Role.CLINIC_ADMIN)


_AUDIENCES: Mapping[str, Callable[[StepContext], Sequence[Person]]] = {
    "coordinator": _coordinator,
    "managers": _managers,
    "admins": _admins,
}
