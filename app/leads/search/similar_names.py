"""Search of leads with a similar name, for a name with a typo. The first letters of the last name must be right."""

from collections.abc import Sequence
from typing import Final

from rapidfuzz.fuzz import ratio
from sqlalchemy import Text, cast, func, select, union_all
from sqlalchemy.orm import Session

from app.core.db import AnyRow
from app.identity.actor import Actor
from app.leads.contact.names import normalise_name
from app.leads.models import Lead
from app.leads.search.by_text.find import FoundLead
from app.leads.search.by_text.query import Match, TextQuery, Why
from app.leads.search.lookup import visible_to

MOST_NAMES: Final = 300  # compared: the newest leads with the same first letters
KEY: Final = 3  # letters of the last name in the index
MOST_SPLITS: Final = 4  # ways to split a name of many words
LIKE_ENOUGH: Final = 75  # of 100; a search may return a few extra leads

Split = tuple[str, str]  # first names, last name


def similar_names(session: Session, actor: Actor, query: TextQuery) -> list[FoundLead]:
    """Return leads whose name is similar to the query, the most similar first, then the newest."""
    if not query.text.replace(" ", "").isalpha() or len(query.text) < KEY:
        return []
    splits = _splits(query.text)
    found = []
    for lead in _best_matches(_candidates(session, actor, splits), splits):
        name = f"{lead.first_name} {lead.last_name}".strip()
        found.append(FoundLead(lead.id, name, Match(Why.SIMILAR_NAME, name, [])))
    return found


def _candidates(session: Session, actor: Actor, splits: Sequence[Split]) -> list[AnyRow]:
    """Load the names to compare, newest leads first."""
    newest = select(Lead.id, Lead.first_name, Lead.last_name).where(*visible_to(actor))
    newest = newest.order_by(Lead.id.desc().nulls_last()).limit(MOST_NAMES)
    keys = {func.left(func.lower(cast(last, Text)), KEY): last for _, last in splits}
    parts = [newest.where(Lead.name_key == key).subquery() for key in keys]
    found = {row.id: row for row in session.execute(union_all(*(select(part) for part in parts)))}
    return sorted(found.values(), key=lambda row: row.id, reverse=True)


def _splits(name: str) -> list[Split]:
    """Return the possible (first names, last name) splits: the last name may have one to four words."""
    words = name.split()
    places = range(max(0, len(words) - MOST_SPLITS), len(words))
    return [(" ".join(words[:place]), " ".join(words[place:])) for place in places]


def _best_matches(found: Sequence[AnyRow], splits: Sequence[Split]) -> list[AnyRow]:
    """Sort by similarity. The sort is stable, so equal leads stay newest first."""
    ways = [(normalise_name(first), normalise_name(last)) for first, last in splits]
    scored = [(max(_similarity(lead, *way) for way in ways), lead) for lead in found]
    return [lead for score, lead in sorted(scored, key=lambda one: -one[0]) if score >= LIKE_ENOUGH]


def _similarity(lead: AnyRow, first: str, last: str) -> float:
    """Compare the beginnings of the names, because users may type only a part."""
    own_first, own_last = normalise_name(lead.first_name), normalise_name(lead.last_name)
    similarity = ratio(last, own_last[: len(last)])
    return min(similarity, ratio(first, own_first[: len(first)])) if first else similarity
