"""The gate's checks, in the order they are asked.

Each answers for one moment: None, the touch is allowed then; else an instant before which it is not, `FOREVER` where it
never will be.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from app.engine.models import Reason
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy import moments
from app.messaging.contact_policy.facts import Known, Touch
from app.messaging.contact_policy.moments import FOREVER, Answer, later

Looks: TypeAlias = Callable[[Touch, Known, datetime], Mapping[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One question, the reason that is shown where it says no, and what it looked at, for who wants to know."""

    reason: Reason
    refuses: Callable[[Touch, Known, datetime], Answer]
    looks_at: Looks
    _: KW_ONLY
    spares_awaited: bool = False


def _for_good(reason: Reason, holds: Callable[[Touch, Known], bool], looks_at: Looks, **more: bool) -> Check:
    return Check(reason, lambda touch, known, _: FOREVER if holds(touch, known) else None, looks_at, **more)


def _for_now(reason: Reason, refuses: Callable[[Touch, Known, datetime], Answer], looks_at: Looks) -> Check:
    return Check(reason, refuses, looks_at, spares_awaited=True)


def _is_invalid(touch: Touch, _: Known) -> bool:
    reach = CHANNELS.for_leads(touch.channel)
    return reach is not None and not reach.is_valid(touch.address)


def _has_replied(touch: Touch, known: Known) -> bool:
    return touch.stops_at_reply and known.replied_at is not None and known.replied_at > touch.planned_at


def _is_used_up(touch: Touch, known: Known) -> bool:
    cap = known.policy.per_sequence_cap
    return cap is not None and touch.series is not None and len(_of_series(touch, known)) >= cap


def _of_series(touch: Touch, known: Known) -> list[datetime]:
    return [gone.at for gone in known.gone if gone.series == touch.series]


def _known(name: str) -> Looks:
    return lambda _, known, __: {name: getattr(known, name)}


def _rule(name: str) -> Looks:
    return lambda _, known, __: {name: getattr(known.policy, name)}


def _rule_here(name: str) -> Looks:
    return lambda _, known, at: {name: getattr(known.policy, name), "there": _walls(known, at)}


def _rule_and_gone(name: str) -> Looks:
    return lambda _, known, __: {name: getattr(known.policy, name), "gone": [gone.at for gone in known.gone]}


def _walls(known: Known, at: datetime) -> dict[str, str]:
    """What the clocks show where the lead may be."""
    return {zone.key: at.astimezone(zone).isoformat(timespec="minutes") for zone in known.zones}


CHECKS: Final = (
    _for_good(Reason.RESTRICTED, lambda _, known: known.restricted_at is not None, _known("restricted_at")),
    _for_good(Reason.OPTED_OUT, lambda _, known: known.opted_out_at is not None, _known("opted_out_at")),
    _for_good(
        Reason.OPTED_OUT_OF_CHANNEL,
        lambda touch, known: touch.channel in known.opted_out_channels,
        lambda touch, known, _: {"channel": touch.channel, "opted_out_channels": list(known.opted_out_channels)},
    ),
    _for_good(
        Reason.NO_ADDRESS,
        lambda touch, _: not touch.address,
        lambda touch, _, __: {"has_address": bool(touch.address)},
    ),
    _for_good(Reason.SUPPRESSED, lambda _, known: known.is_suppressed, _known("is_suppressed")),
    _for_good(
        Reason.INVALID_ADDRESS,
        _is_invalid,
        lambda touch, known, _: {"is_valid": not _is_invalid(touch, known)},
    ),
    _for_good(
        Reason.REPLIED,
        _has_replied,
        lambda touch, known, _: {
            "stops_at_reply": touch.stops_at_reply,
            "planned_at": touch.planned_at,
            "replied_at": known.replied_at,
        },
    ),
    _for_good(
        Reason.SEQUENCE_CAP,
        _is_used_up,
        lambda touch, known, _: {
            "per_sequence_cap": known.policy.per_sequence_cap,
            "series": touch.series,
            "gone": _of_series(touch, known),
        },
        spares_awaited=True,
    ),
    Check(Reason.THROTTLED, lambda _, known, at: later(known.throttled_until, at), _known("throttled_until")),
    _for_now(
        Reason.OUTSIDE_HOURS,
        moments.quiet,
        lambda _, known, at: {"quiet": known.calendar.quiet, "there": _walls(known, at)},
    ),
    _for_now(Reason.WEEKEND, moments.weekend, _rule_here("weekends")),
    _for_now(Reason.HOLIDAY, moments.holiday, _rule_here("holidays")),
    _for_now(Reason.OUTSIDE_BUSINESS_HOURS, moments.business_hours, _rule("business_hours_only")),
    _for_now(Reason.DAILY_CAP, moments.daily_cap, _rule_and_gone("daily_cap")),
    _for_now(Reason.WEEKLY_CAP, moments.weekly_cap, _rule_and_gone("weekly_cap")),
    _for_now(Reason.MINIMUM_INTERVAL, moments.interval, _rule_and_gone("minimum_interval")),
    _for_now(
        Reason.ANOTHER_TOUCH,
        moments.another_touch,
        lambda touch, known, _: {
            "window": known.policy.window,
            "priority": touch.priority,
            "rivals": sorted(moments.rivals(touch, known)),
        },
    ),
)
