"""Events in definitions: events that start a rule, that cancel its steps, and that end an enrollment."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypeAliasType

from app.automation.language.types.containers import Items
from app.automation.language.types.errors import problem
from app.automation.language.types.primitives import about
from app.core.type_aliases import JsonDict
from app.core.validation.validation_errors import not_known
from app.engine.events.events import CUSTOM_NAME, EVENT_ALIASES, LISTENABLE_EVENTS, STOP_REASONS, EventName

MOST_EVENTS: Final = 20
STOPPING: Final = (
    *STOP_REASONS,
    *(word for word, events in EVENT_ALIASES.items() if set(events) <= STOP_REASONS.keys()),
)
# Events that can end an enrollment: events that cancel steps, except those of tasks, and reports about messages.
ENDING: Final = (
    *(event for event in STOPPING if not event.startswith("task.")),
    *(EventName.MESSAGE_BOUNCED, EventName.MESSAGE_OPENED, EventName.MESSAGE_CLICKED),
)


@dataclass(frozen=True, slots=True)
class _OneEvent:
    """Validator: one of these events, or a custom event of an integrator."""

    allowed: Collection[str]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, name: object) -> object:
        if isinstance(name, str) and (name in self.allowed or CUSTOM_NAME.fullmatch(name)):
            return name
        raise problem(not_known(name, self.allowed))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonDict:
        shipped = {"type": "string", "enum": [str(name) for name in self.allowed]}
        return {"anyOf": [shipped, {"type": "string", "pattern": f"^{CUSTOM_NAME.pattern}$"}]}


Event = TypeAliasType(
    "Event",
    Annotated[
        str, _OneEvent(LISTENABLE_EVENTS), about("An event, or an integrator's own: `custom.<name>`.", "lead.created")
    ],
)
StoppingEvent = TypeAliasType(
    "StoppingEvent", Annotated[str, _OneEvent(STOPPING), about("An event that can cancel pending steps.")]
)
EndingEvent = TypeAliasType(
    "EndingEvent", Annotated[str, _OneEvent(ENDING), about("An event that can end an enrollment.")]
)

_SENTENCE: Final = "must be an event or a list of events"
Events = Annotated[list[Event], Items(_SENTENCE, most=MOST_EVENTS, least=1, or_one=True)]
StoppingEvents = Annotated[list[StoppingEvent], Items(_SENTENCE, most=MOST_EVENTS, or_one=True)]
EndingEvents = Annotated[list[EndingEvent], Items(_SENTENCE, most=MOST_EVENTS, or_one=True)]
