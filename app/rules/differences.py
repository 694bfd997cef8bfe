"""What differs between two texts of a rule, place by place. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.http.schema import pointer

_NOTHING: Final = object()


def differences(before: Any, after: Any) -> list[dict[str, Any]]:
    """Each place that is not alike: its JSON pointer, what stood there (`before`) and what does now (`after`).

    What was added has no `before`, what was removed has no `after`. In the order of their pointers.
    """
    return sorted(_differences(before, after, ()), key=lambda one: str(one["pointer"]))


def _differences(before: Any, after: Any, place: tuple[object, ...]) -> Iterator[dict[str, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(key, _NOTHING), after.get(key, _NOTHING), (*place, key))
    elif _are_lists(before, after):
        for i in range(max(len(before), len(after))):
            yield from _differences(_at(before, i), _at(after, i), (*place, i))
    elif before != after:
        told = {"before": before, "after": after}
        yield {"pointer": pointer(*place), **{name: one for name, one in told.items() if one is not _NOTHING}}


def _are_lists(*values: Any) -> bool:
    return all(isinstance(value, Sequence) and not isinstance(value, str) for value in values)


def _at(values: Sequence[Any], i: int) -> Any:
    return values[i] if i < len(values) else _NOTHING
