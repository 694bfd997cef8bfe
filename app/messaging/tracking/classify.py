"""Classification of a hit: person, machine or unsure, with the reason. Pure functions over the hit and those near it.

A scanner often looks like a browser, but it follows several links, at once, for many recipients. That is known only
after further hits. A hit of a fresh message is therefore settled when its burst would be over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from app.messaging.tracking.models import HitClass, HitKind, HitReason

TOO_SOON: Final = timedelta(seconds=10)  # after sending; scanners look before the mailbox has the message
FRESH: Final = timedelta(minutes=30)  # after sending; most scanners come within this time
BURST: Final = timedelta(seconds=30)  # hits that belong together
TWO_LINKS_WITHIN: Final = timedelta(seconds=4)
MANY_LINKS: Final = 3  # within BURST
AFTER_OPEN_WITHIN: Final = timedelta(seconds=2)
FLOOD: Final = 10  # further hits of one message within BURST, from the same network
CROWD_WITHIN: Final = timedelta(minutes=1)
CROWD: Final = 4  # leads

# One of these decides by itself, in this order.
_STRONG: Final = (
    HitReason.HEAD,
    HitReason.PREFETCH,
    HitReason.SCANNER_AGENT,
    HitReason.NO_AGENT,
    HitReason.PRIVACY_PROXY,
)
# One of these makes a hit unsure, two make it a machine's.
_WEAK: Final = (
    HitReason.NO_PAGE_WANTED,
    HitReason.ODD_FETCH,
    HitReason.OLD_BROWSER,
    HitReason.UNKNOWN_PROGRAM,
    HitReason.NO_LANGUAGE,
    HitReason.DATA_CENTRE,
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A hit, with what is needed to classify it. `network` is None once it is deleted, or for a privacy signal."""

    id: UUID
    clinic_id: UUID
    kind: HitKind
    at: datetime
    sent_at: datetime
    notification_id: UUID
    lead_id: UUID
    link_id: UUID | None = None
    network: bytes | None = None
    signals: frozenset[HitReason] = frozenset()


class Verdict(NamedTuple):
    """The class of a hit and the reason for it."""

    hit_class: HitClass
    reason: HitReason


def classify(hit: Hit, others: Sequence[Hit]) -> Verdict:
    """Return the class of a hit. `others`: hits of the same message, or from the same network, near it in time."""
    if reason := _machine_by_itself(hit) or _machine_by_others(hit, others):
        return Verdict(HitClass.MACHINE, reason)
    if HitReason.IMAGE_PROXY in hit.signals:
        return Verdict(HitClass.UNSURE, HitReason.IMAGE_PROXY)
    if hit.kind is HitKind.OPEN and HitReason.PRIVACY_SIGNAL in hit.signals:
        return Verdict(HitClass.UNSURE, HitReason.PRIVACY_SIGNAL)
    if weak := _weak(hit):
        return Verdict(HitClass.UNSURE, weak[0])
    return Verdict(HitClass.PERSON, HitReason.BROWSER)


def settles_at(hit: Hit) -> datetime:
    """Return when the class of a hit is final: at once, unless it may be the first of a burst.

    A scanner that comes long after sending, for example because the message was forwarded, follows all links at once.
    """
    if _machine_by_itself(hit):
        return hit.at
    if hit.at < hit.sent_at + FRESH:
        return hit.at + BURST
    return hit.at + TWO_LINKS_WITHIN if hit.kind is HitKind.CLICK else hit.at


def _machine_by_itself(hit: Hit) -> HitReason | None:
    if strong := next((one for one in _STRONG if one in hit.signals), None):
        return strong
    if hit.at < hit.sent_at + TOO_SOON:
        return HitReason.TOO_SOON
    is_proxy = HitReason.IMAGE_PROXY in hit.signals  # its headers and its address say nothing about the reader
    return HitReason.ODD_HEADERS if len(_weak(hit)) > 1 and not is_proxy else None


def _weak(hit: Hit) -> list[HitReason]:
    return [one for one in _WEAK if one in hit.signals]


def _machine_by_others(hit: Hit, others: Sequence[Hit]) -> HitReason | None:
    of_message = [one for one in others if one.notification_id == hit.notification_id]
    if hit.kind is HitKind.CLICK and _is_one_of_several_links(hit, of_message):
        return HitReason.SEVERAL_LINKS
    same_network = [one for one in others if hit.network is not None and one.network == hit.network]
    mine = [one for one in same_network if one.notification_id == hit.notification_id]
    if hit.kind is HitKind.CLICK and _is_right_after_open(hit, mine):
        return HitReason.AFTER_OPEN
    if len(_within(mine, hit, BURST)) >= FLOOD:
        return HitReason.FLOOD
    if any(_machine_by_itself(one) or _is_one_of_several_links(one, of_message) for one in _within(mine, hit, BURST)):
        return HitReason.WITH_MACHINE
    return HitReason.MANY_RECIPIENTS if _leads(hit, same_network) >= CROWD else None


def _is_one_of_several_links(hit: Hit, of_message: Sequence[Hit]) -> bool:
    """Return whether two links were followed at once, or several ones one after the other."""
    clicks = [one for one in of_message if one.link_id is not None]
    if hit.kind is not HitKind.CLICK or all(one.link_id == hit.link_id for one in clicks):
        return False
    at_once = {hit.link_id, *(one.link_id for one in _within(clicks, hit, TWO_LINKS_WITHIN))}
    near = {hit.link_id, *(one.link_id for one in _within(clicks, hit, BURST))}
    return len(at_once) > 1 or len(near) >= MANY_LINKS


def _is_right_after_open(hit: Hit, same_network: Iterable[Hit]) -> bool:
    opens = (one for one in same_network if one.kind is HitKind.OPEN)
    return any(timedelta(0) <= hit.at - one.at <= AFTER_OPEN_WITHIN for one in opens)


def _leads(hit: Hit, same_network: Iterable[Hit]) -> int:
    # A mail provider's image proxy fetches for all of its users.
    seen = (one for one in _within(same_network, hit, CROWD_WITHIN) if HitReason.IMAGE_PROXY not in one.signals)
    return len({hit.lead_id, *(one.lead_id for one in seen)})


def _within(hits: Iterable[Hit], hit: Hit, time: timedelta) -> list[Hit]:
    return [one for one in hits if one.id != hit.id and abs(one.at - hit.at) <= time]
