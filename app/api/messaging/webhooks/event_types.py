"""The types of events that webhook endpoints receive, generated from the event names."""

from functools import cache
from typing import Final

from app.automation.language.docs.sentences import EVENTS
from app.core.type_aliases import JsonDict
from app.engine.events.events import EventName
from app.messaging.webhooks.payloads import example_of
from app.messaging.webhooks.subscriptions import TEST_EVENT

_OWN: Final = {
    "custom.<name>": "an integration reports the event (POST /api/events)",
    TEST_EVENT: "a user sends a test (POST /api/webhooks/{id}/test)",
}


@cache
def event_types() -> list[JsonDict]:
    """Return name, description and an example body for each type of event."""
    described = {**{str(name): EVENTS[name] for name in EventName}, **_OWN}
    return [
        {"name": name, "description": _sentence(words), "example": example_of(name)}
        for name, words in described.items()
    ]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
