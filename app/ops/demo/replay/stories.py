"""The stories of the demo clinic's leads, as stories.yaml has them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import yaml

from app.core.type_aliases import JsonObject

WORKING_DAY: Final = timedelta(hours=9)  # opening hours of the demo clinic on a weekday
_TIMES: Final = frozenset({"before", "minutes", "evening"})


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a user, the lead or the clinic does, with its details, and when.

    Opening hours before the seeding, or time after the act before it. `evening`: after closing time of that day.
    """

    name: str
    value: Any
    before: timedelta | None
    after: timedelta
    details: JsonObject = field(default_factory=dict)
    evening: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """A lead and its acts, in order."""

    lead: JsonObject
    acts: Sequence[Act]


@lru_cache(maxsize=1)
def stories() -> Sequence[Story]:
    """Return the stories of all leads."""
    text = (files(__package__) / "stories.yaml").read_text(encoding="utf-8")
    return [Story(one["lead"], [_act(act) for act in one["acts"]]) for one in yaml.safe_load(text)]


def _act(given: JsonObject) -> Act:
    name = next(key for key in given if key not in _TIMES)
    return Act(
        name=name,
        value=given[name],
        before=WORKING_DAY * given["before"] if "before" in given else None,
        after=timedelta(minutes=given.get("minutes", 0)),
        details={key: value for key, value in given.items() if key not in {name, *_TIMES}},
        evening=given.get("evening", False),
    )
