"""Events that cancel the pending steps of a rule. Messages to the lead stop by default. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from app.core.type_aliases import JsonObject
from app.engine.events.events import EventName, expand_event_name
from app.engine.models import Kind
from app.engine.step_kind import STEP_KINDS

DEFAULT_STOPS: Final = (
    EventName.LEAD_REPLIED,
    EventName.LEAD_OPTED_OUT,
    EventName.LEAD_CONVERTED,
    EventName.LEAD_LOST,
)


def stop_events(written: str | Iterable[str] | None, kind: str, settings: JsonObject) -> tuple[str, ...]:
    """Return the events that cancel a step of this kind, in alphabetical order.

    `written` is the rule's `stop_on`; None if the rule has none. An empty list turns the default off.
    """
    listed = [written] if isinstance(written, str) else list(written or ())
    default = DEFAULT_STOPS if _stops_by_default(written, list(messages_in(kind, settings))) else ()
    return tuple(sorted({str(event) for name in listed for event in expand_event_name(name)} | {*map(str, default)}))


def messages_in(kind: str, settings: JsonObject) -> Iterator[JsonObject]:
    """Yield the settings of the messages to the lead that an action sends, also those in its branches."""
    if STEP_KINDS[kind].writes_to_lead:
        yield settings
    elif kind == Kind.BRANCH:
        for way in ("then", "else"):
            for action in settings.get(way, ()):
                for inner, inner_settings in action.items():
                    yield from messages_in(inner, inner_settings)


def _stops_by_default(written: object, messages: list[JsonObject]) -> bool:
    """Return whether the default applies. For transactional messages a list replaces the default."""
    if written is None:
        return bool(messages)
    return written != [] and any(not message.get("transactional") for message in messages)
