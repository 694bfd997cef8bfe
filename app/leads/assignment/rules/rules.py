"""Assignment rules as data: which leads, shared out among whom. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from app.leads.assignment.models import Strategy

MOST_COUNTED: Final = 1000  # open leads of one person; who has more counts as having so many

Lead = Mapping[str, Any]  # source_id, source_category, postal_code, treatment_interest; what is missing matches nothing


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who takes part in a rule: how much of it, and up to how many open leads of all kinds."""

    user_id: UUID
    weight: int = 1
    ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a lead has to be like. One that names nothing holds for every lead."""

    source_ids: frozenset[UUID] = frozenset()
    source_categories: frozenset[str] = frozenset()
    postal_prefixes: tuple[str, ...] = ()
    treatment_interests: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """From a rule's row."""
        return cls(
            source_ids=frozenset(map(UUID, kept.get("source_ids", ()))),
            source_categories=frozenset(kept.get("source_categories", ())),
            postal_prefixes=tuple(map(plain_postal, kept.get("postal_prefixes", ()))),
            treatment_interests=frozenset(kept.get("treatment_interests", ())),
        )

    def failing(self, lead: Lead) -> list[str]:
        """The names of what does not hold for this lead: `source`, `postal_code`, `treatment_interest`."""
        holds = {
            "source": self._knows_source(lead),
            "postal_code": self._is_near(lead),
            "treatment_interest": self._is_of_interest(lead),
        }
        return [name for name, it_does in holds.items() if not it_does]

    def _knows_source(self, lead: Lead) -> bool:
        if not self.source_ids and not self.source_categories:
            return True
        return lead.get("source_id") in self.source_ids or lead.get("source_category") in self.source_categories

    def _is_near(self, lead: Lead) -> bool:
        return not self.postal_prefixes or plain_postal(lead.get("postal_code") or "").startswith(self.postal_prefixes)

    def _is_of_interest(self, lead: Lead) -> bool:
        wanted = self.treatment_interests
        return not wanted or not wanted.isdisjoint(lead.get("treatment_interest") or ())


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `id` is None for one that nobody wrote down: sharing out what somebody leaves behind."""

    id: UUID | None
    name: str
    strategy: Strategy
    members: tuple[Member, ...]
    conditions: Conditions = Conditions()
    fallback_id: UUID | None = None

    @property
    def counted(self) -> set[UUID]:
        """Those of whom it matters how many open leads they have."""
        by_load = self.strategy is Strategy.CAPACITY
        return {member.user_id for member in self.members if by_load or member.ceiling is not None}

    @property
    def counts_to(self) -> int:
        """How many open leads of one person are worth counting: beyond it, nothing changes."""
        if self.strategy is Strategy.CAPACITY:
            return MOST_COUNTED
        return max((member.ceiling or 0 for member in self.members), default=0)

    @property
    def everybody(self) -> set[UUID]:
        """Whoever the rule may choose."""
        return {member.user_id for member in self.members} | ({self.fallback_id} if self.fallback_id else set())


def read_rule(row: Any) -> Rule:
    """The rule of an `AssignmentRule`, or of a row with its columns."""
    members = (Member(UUID(one["user_id"]), one["weight"], one["ceiling"]) for one in row.members)
    return Rule(
        row.id,
        row.name,
        Strategy(row.strategy),
        tuple(members),
        Conditions.from_json(row.conditions),
        row.fallback_id,
    )


def by_load(user_ids: Iterable[UUID], ceilings: Mapping[UUID, int] | None = None) -> Rule:
    """Whatever the lead: to whichever of these has the fewest open leads, and no more than their ceiling."""
    known = ceilings or {}
    members = (Member(user_id, ceiling=known.get(user_id)) for user_id in user_ids)
    return Rule(None, "", Strategy.CAPACITY, tuple(members))


def ceilings_of(rules: Iterable[Rule]) -> Mapping[UUID, int]:
    """The lowest ceiling of each member: no more than so many open leads find their way to them by themselves."""
    ceilings: dict[UUID, int] = {}
    for rule in rules:
        for member in rule.members:
            if member.ceiling is not None:
                ceilings[member.user_id] = min(member.ceiling, ceilings.get(member.user_id, member.ceiling))
    return ceilings


def plain_postal(code: str) -> str:
    """A postal code as it is compared: `sw1a 2aa` and `SW1A2AA` are the same."""
    return code.replace(" ", "").replace("-", "").upper()


MOST_RULES: Final = 100
