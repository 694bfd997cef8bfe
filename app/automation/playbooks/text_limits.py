"""Limits of a text in YAML, counted while it is parsed: a short text can hold far more than a page shows.

`[` 20,000 times is a list in 20,000 levels, and aliases of aliases repeat a value a billion times.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from app.core.validation.validation_errors import InvalidPlaybook, Mistake

MOST_VALUES: Final = 20_000  # keys, values, lists and mappings, and those that aliases repeat
MOST_LEVELS: Final = 32  # of lists and mappings in each other


def require_moderate_size(events: Iterable[yaml.Event]) -> None:
    """Read the parser's events up to the first value that is too much. Raises InvalidPlaybook, ComposerError."""
    counter = _Counter()
    for event in events:
        counter.read(event)


@dataclass(slots=True)
class _Part:
    """A value, list or mapping: its anchor, the number of values in it, and how deep they are nested."""

    anchor: str | None
    values: int = 1
    levels: int = 0


@dataclass(slots=True)
class _Counter:
    """The values so far, the lists and mappings that are still open, and the parts that aliases may repeat."""

    values: int = 0
    open: list[_Part] = field(default_factory=list)
    anchors: dict[str, _Part] = field(default_factory=dict)

    def read(self, event: yaml.Event) -> None:
        match event:
            case yaml.CollectionStartEvent():
                part = _Part(event.anchor)
                self._count(part, event)
                self.open.append(part)
            case yaml.CollectionEndEvent():
                self._close(self.open.pop())
            case yaml.ScalarEvent() | yaml.AliasEvent():
                part = self._repeated(event) if isinstance(event, yaml.AliasEvent) else _Part(event.anchor)
                self._count(part, event)
                self._close(part)

    def _repeated(self, event: yaml.AliasEvent) -> _Part:
        """Return the part that an alias repeats. The anchor of an open part is not known yet."""
        if event.anchor not in self.anchors:
            raise _error("undefined alias: the part that it repeats must end before it", event)
        return self.anchors[event.anchor]

    def _count(self, part: _Part, event: yaml.Event) -> None:
        self.values += part.values
        if self.values > MOST_VALUES:
            raise InvalidPlaybook([Mistake("playbook", f"At most {MOST_VALUES:,} keys and values.")])
        if len(self.open) + part.levels > MOST_LEVELS:
            raise _error(f"it is nested in more than {MOST_LEVELS} levels", event)

    def _close(self, part: _Part) -> None:
        if part.anchor:
            self.anchors[part.anchor] = part
        if self.open:
            outer = self.open[-1]
            outer.values += part.values
            outer.levels = max(outer.levels, part.levels + 1)


def _error(problem: str, event: yaml.Event) -> yaml.composer.ComposerError:
    mark: Any = event.start_mark  # the library's types name the mark of its slow parser only
    return yaml.composer.ComposerError(None, None, problem, mark)
