"""Names of the parts of a definition: each may occur once."""

from collections import Counter
from collections.abc import Iterator, Mapping

from app.automation.language.types.errors import Line


def repeated(parts: object, key: str, word: str) -> Iterator[Line]:
    """Yield a mistake for each name that an earlier part has."""
    names = [name_of(part) for part in parts] if isinstance(parts, list) else []
    twice = {name for name, times in Counter(map(str, names)).items() if times > 1}
    for i, name in enumerate(names):
        if name is not None and str(name) in twice and name in names[:i]:
            yield Line((key, i, "name"), f"{name!r} is taken by an earlier {word}")


def name_of(part: object) -> object:
    return part.get("name") if isinstance(part, Mapping) else None
