"""Parts of a score: points with words. They sum to the score exactly. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum
from typing import Final

from app.core.type_aliases import JsonDict, JsonObject
from app.leads.fields import HIGHEST_SCORE

LIMIT: Final = "limit"
ADJUSTMENT: Final = "adjustment"
RESERVED: Final = frozenset({LIMIT, ADJUSTMENT})  # names of parts that no table or model gives


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a score: the reason in words, and its points."""

    name: str
    words: str
    points: float


@dataclass(frozen=True, slots=True)
class Score:
    """A score from 0 to 100 with its parts. `model` is the one that computed it, `basis` the model with its version."""

    value: float
    parts: tuple[Part, ...]
    model: str
    basis: str
    adjustment: int = 0  # points given by persons and rules

    @property
    def shown(self) -> int:
        """The score as a whole number, as lists and rules see it."""
        return round(self.value)

    @property
    def computed(self) -> list[Part]:
        """The parts that the clinic's table or model gave: all but the adjustment and the limit."""
        return [part for part in self.parts if part.name not in RESERVED]

    def stored_parts(self) -> list[JsonDict]:
        """Return the parts as they are stored."""
        return [{"name": part.name, "words": part.words, "points": part.points} for part in self.parts]


def computed_parts(stored: Iterable[JsonObject]) -> list[Part]:
    """Return the stored parts that the clinic's table or model gave, as `Score.computed` does."""
    return [Part(**part) for part in stored if part["name"] not in RESERVED]


def adjustment_to(score: int, parts: Iterable[Part]) -> int:
    """Return the points that make these computed parts sum to the score."""
    return score - round(fsum(part.points for part in parts))


def score_of(parts: Iterable[Part], *, adjustment: int, model: str, basis: str) -> Score:
    """Return the score of these parts. A part `limit` keeps it between 0 and 100."""
    given = [*parts]
    if adjustment:
        given.append(Part(ADJUSTMENT, "Changed by a person or a rule", float(adjustment)))
    total = fsum(part.points for part in given)
    limited = min(max(total, 0.0), float(HIGHEST_SCORE))
    if limited != total:
        words = f"A score is at least 0 and at most {HIGHEST_SCORE}"
        given.append(Part(LIMIT, words, limited - total))
    return Score(limited, tuple(given), model, basis, adjustment)
