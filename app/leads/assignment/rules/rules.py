"""Assignment rules as value objects. Pure: no database access."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from app.core.type_aliases import JsonObject
from app.leads.assignment.models import Strategy

MOST_COUNTED: Final = 1000  # open leads of one user; higher counts are capped

# Keys: source_id, source_category, postal_code, treatment_interest. A missing key fails its condition.
LeadFacts = JsonObject


@dataclass(frozen=True, slots=True)
class Member:
    """Member of a rule. `ceiling` limits their open leads of all kinds; None means no limit."""

    user_id: UUID
    weight: int = 1
    ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions on a lead. An empty condition holds for every lead."""

    source_ids: frozenset[UUID] = frozenset()
    source_categories: frozenset[str] = frozenset()
    postal_prefixes: tuple[str, ...] = ()
    treatment_interests: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        """Read the JSON of a rule's row."""
        return cls(
            source_ids=frozenset(map(UUID, data.get("source_ids", ()))),
            source_categories=frozenset(data.get("source_categories", ())),
            postal_prefixes=tuple(map(normalise_postal_code, data.get("postal_prefixes", ()))),
            treatment_interests=frozenset(data.get("treatment_interests", ())),
        )

    def failing(self, lead: LeadFacts) -> list[str]:
        """Return the names of failing conditions: `source`, `postal_code`, `treatment_interest`."""
        holds = {
            "source": self._matches_source(lead),
            "postal_code": self._matches_postal_code(lead),
            "treatment_interest": self._matches_interest(lead),
        }
        return [name for name, is_met in holds.items() if not is_met]

    def _matches_source(self, lead: LeadFacts) -> bool:
        if not self.source_ids and not self.source_categories:
            return True
        return lead.get("source_id") in self.source_ids or lead.get("source_category") in self.source_categories

    def _matches_postal_code(self, lead: LeadFacts) -> bool:
        return not self.postal_prefixes or normalise_postal_code(lead.get("postal_code") or "").startswith(
            self.postal_prefixes
        )

    def _matches_interest(self, lead: LeadFacts) -> bool:
        wanted = self.treatment_interests
        return not wanted or not wanted.isdisjoint(lead.get("treatment_interest") or ())


@dataclass(frozen=True, slots=True)
class Rule:
    """Assignment rule. `id` is None for rules built in code, such as the default rules."""

    id: UUID | None
    name: str
    strategy: Strategy
    members: tuple[Member, ...]
    conditions: Conditions = Conditions()
    fallback_id: UUID | None = None

    @property
    def users_to_count(self) -> set[UUID]:
        """Members with open leads that must be counted."""
        least_loaded_rule = self.strategy is Strategy.CAPACITY
        return {member.user_id for member in self.members if least_loaded_rule or member.ceiling is not None}

    @property
    def max_counted(self) -> int:
        """Maximum number of open leads of one user to count: a higher number changes no decision."""
        if self.strategy is Strategy.CAPACITY:
            return MOST_COUNTED
        return max((member.ceiling or 0 for member in self.members), default=0)

    @property
    def user_ids(self) -> set[UUID]:
        """Users that the rule may choose, including the fallback."""
        return {member.user_id for member in self.members} | ({self.fallback_id} if self.fallback_id else set())


def rule_from_row(row: Any) -> Rule:
    """Read an `AssignmentRule`, or a row with its columns."""
    members = (Member(UUID(one["user_id"]), one["weight"], one["ceiling"]) for one in row.members)
    return Rule(
        row.id,
        row.name,
        Strategy(row.strategy),
        tuple(members),
        Conditions.from_json(row.conditions),
        row.fallback_id,
    )


def least_loaded_rule(user_ids: Iterable[UUID], ceilings: Mapping[UUID, int] | None = None) -> Rule:
    """Return a rule for every lead that chooses the user with the fewest open leads below their ceiling."""
    known = ceilings or {}
    members = (Member(user_id, ceiling=known.get(user_id)) for user_id in user_ids)
    return Rule(None, "", Strategy.CAPACITY, tuple(members))


def ceilings_of(rules: Iterable[Rule]) -> Mapping[UUID, int]:
    """Return the lowest ceiling of each member, which limits automatic assignment to that user."""
    ceilings: dict[UUID, int] = {}
    for rule in rules:
        for member in rule.members:
            if member.ceiling is not None:
                ceilings[member.user_id] = min(member.ceiling, ceilings.get(member.user_id, member.ceiling))
    return ceilings


def normalise_postal_code(code: str) -> str:
    """Normalise a postal code for comparison: `sw1a 2aa` becomes `SW1A2AA`."""
    return code.replace(" ", "").replace("-", "").upper()


MOST_RULES: Final = 100
