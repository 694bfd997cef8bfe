"""The gate's checks, in the order they are asked.

Each answers for one moment: None, the touch is allowed then; else an instant before which it is not, `FOREVER` where it
never will be.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, Final

from app.automation.models import Reason
from app.notifications import gate_moments as moments
from app.notifications.channels.letter import BadAddress, address_of
from app.notifications.gate_facts import Gone, Known, Touch
from app.notifications.gate_moments import FOREVER, Answer, later
from app.notifications.models import LeadChannel


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One question, and the reason that is shown where it says no."""

    reason: Reason
    refuses: Callable[[Touch, Known, datetime], Answer]
    looks_at: Callable[[Touch, Known], Mapping[str, Any]]
    _: KW_ONLY
    spares_awaited: bool = False


def _forever(holds: bool) -> Answer:
    return FOREVER if holds else None


def _is_invalid(touch: Touch) -> bool:
    if touch.channel != LeadChannel.EMAIL:
        return False
    try:
        address_of(touch.address)
    except BadAddress:
        return True
    return False


def _has_replied(touch: Touch, known: Known) -> bool:
    return touch.stops_at_reply and known.replied_at is not None and known.replied_at > touch.planned_at


def _of_series(touch: Touch, known: Known) -> list[Gone]:
    return [gone for gone in known.gone if gone.series == touch.series] if touch.series else []


def _sequence_cap(touch: Touch, known: Known, _: datetime) -> Answer:
    cap = known.policy.per_sequence_cap
    return _forever(cap is not None and len(_of_series(touch, known)) >= cap)


def _policy(*names: str) -> Callable[[Touch, Known], Mapping[str, Any]]:
    return lambda _, known: {name: getattr(known.policy, name) for name in names}


def _gone(*names: str) -> Callable[[Touch, Known], Mapping[str, Any]]:
    said = _policy(*names)
    return lambda touch, known: {**said(touch, known), "gone": [gone.at for gone in known.gone]}


CHECKS: Final = (
    Check(
        Reason.RESTRICTED,
        lambda _, known, __: _forever(known.restricted_at is not None),
        lambda _, known: {"restricted_at": known.restricted_at},
    ),
    Check(
        Reason.OPTED_OUT,
        lambda _, known, __: _forever(known.opted_out_at is not None),
        lambda _, known: {"opted_out_at": known.opted_out_at},
    ),
    Check(
        Reason.OPTED_OUT_OF_CHANNEL,
        lambda touch, known, _: _forever(touch.channel in known.opted_out_channels),
        lambda touch, known: {"channel": touch.channel, "opted_out_channels": list(known.opted_out_channels)},
    ),
    Check(
        Reason.NO_ADDRESS,
        lambda touch, _, __: _forever(not touch.address),
        lambda touch, _: {"has_address": bool(touch.address)},
    ),
    Check(
        Reason.SUPPRESSED,
        lambda _, known, __: _forever(known.is_suppressed),
        lambda _, known: {"is_suppressed": known.is_suppressed},
    ),
    Check(
        Reason.INVALID_ADDRESS,
        lambda touch, _, __: _forever(_is_invalid(touch)),
        lambda touch, _: {"is_valid": not _is_invalid(touch)},
    ),
    Check(
        Reason.REPLIED,
        lambda touch, known, _: _forever(_has_replied(touch, known)),
        lambda touch, known: {
            "stops_at_reply": touch.stops_at_reply,
            "planned_at": touch.planned_at,
            "replied_at": known.replied_at,
        },
    ),
    Check(
        Reason.SEQUENCE_CAP,
        _sequence_cap,
        lambda touch, known: {
            "per_sequence_cap": known.policy.per_sequence_cap,
            "series": touch.series,
            "gone": [gone.at for gone in _of_series(touch, known)],
        },
        spares_awaited=True,
    ),
    Check(
        Reason.THROTTLED,
        lambda _, known, at: later(known.throttled_until, at),
        lambda _, known: {"throttled_until": known.throttled_until},
    ),
    Check(
        Reason.OUTSIDE_HOURS,
        moments.quiet,
        lambda _, known: {"quiet": known.calendar.quiet, "zones": [zone.key for zone in known.zones]},
        spares_awaited=True,
    ),
    Check(
        Reason.WEEKEND,
        moments.weekend,
        lambda touch, known: {**_policy("weekends")(touch, known), "zones": [zone.key for zone in known.zones]},
        spares_awaited=True,
    ),
    Check(Reason.HOLIDAY, moments.holiday, _policy("holidays"), spares_awaited=True),
    Check(Reason.OUTSIDE_BUSINESS_HOURS, moments.business_hours, _policy("business_hours_only"), spares_awaited=True),
    Check(Reason.DAILY_CAP, moments.daily_cap, _gone("daily_cap"), spares_awaited=True),
    Check(Reason.WEEKLY_CAP, moments.weekly_cap, _gone("weekly_cap"), spares_awaited=True),
    Check(Reason.MINIMUM_INTERVAL, moments.interval, _gone("minimum_interval"), spares_awaited=True),
    Check(
        Reason.ANOTHER_TOUCH,
        moments.another_touch,
        lambda touch, known: {
            "window": known.policy.window,
            "priority": touch.priority,
            "rivals": sorted(moments.rivals(touch, known)),
        },
        spares_awaited=True,
    ),
)
