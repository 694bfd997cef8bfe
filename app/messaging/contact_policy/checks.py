"""Checks of the contact gate, in the order of evaluation.

Each check decides about one moment. None: the contact is allowed. An instant: it is refused until then. `FOREVER`: it
is refused permanently.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from app.engine.models import Reason
from app.messaging.channels.registry import CHANNELS
from app.messaging.contact_policy import time_checks
from app.messaging.contact_policy.gate_input import ContactAttempt, ContactFacts
from app.messaging.contact_policy.time_checks import FOREVER, NotBefore, if_later

Explain: TypeAlias = Callable[[ContactAttempt, ContactFacts, datetime], Mapping[str, object]]


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One check: its reason, its decision, and a function for the facts that it used.

    `skipped_for_transactional`: the check only chooses a better moment, so transactional messages skip it.
    """

    reason: Reason
    refuses: Callable[[ContactAttempt, ContactFacts, datetime], NotBefore]
    explain: Explain
    _: KW_ONLY
    skipped_for_transactional: bool = False


def _permanent(
    reason: Reason, holds: Callable[[ContactAttempt, ContactFacts], bool], explain: Explain, **options: bool
) -> Check:
    return Check(reason, lambda attempt, facts, _: FOREVER if holds(attempt, facts) else None, explain, **options)


def _temporary(
    reason: Reason, refuses: Callable[[ContactAttempt, ContactFacts, datetime], NotBefore], explain: Explain
) -> Check:
    return Check(reason, refuses, explain, skipped_for_transactional=True)


def _has_invalid_address(attempt: ContactAttempt, _: ContactFacts) -> bool:
    for_leads = CHANNELS.for_leads(attempt.channel)
    return for_leads is not None and not for_leads.is_valid(attempt.address)


def _has_replied(attempt: ContactAttempt, facts: ContactFacts) -> bool:
    return attempt.stops_at_reply and facts.replied_at is not None and facts.replied_at > attempt.planned_at


def _outside_session(attempt: ContactAttempt, facts: ContactFacts, at: datetime) -> NotBefore:
    """Refuse a free text on a channel with sessions, unless the lead wrote on it shortly before."""
    length = CHANNELS.session(attempt.channel)
    if length is None or attempt.has_provider_template:
        return None
    return None if is_session_open(facts.last_inbound_at, length, at) else FOREVER


def is_session_open(last_inbound_at: datetime | None, length: timedelta, at: datetime) -> bool:
    """Return whether the lead's last message allows a free text at that moment."""
    return last_inbound_at is not None and at < last_inbound_at + length


def _has_reached_series_cap(attempt: ContactAttempt, facts: ContactFacts) -> bool:
    cap = facts.policy.per_sequence_cap
    return cap is not None and attempt.series is not None and len(_sent_in_series(attempt, facts)) >= cap


def _sent_in_series(attempt: ContactAttempt, facts: ContactFacts) -> list[datetime]:
    return [sent.at for sent in facts.sent if sent.series == attempt.series]


def _fact(name: str) -> Explain:
    return lambda _, facts, __: {name: getattr(facts, name)}


def _setting(name: str) -> Explain:
    return lambda _, facts, __: {name: getattr(facts.policy, name)}


def _setting_and_local_times(name: str) -> Explain:
    return lambda _, facts, at: {name: getattr(facts.policy, name), "there": _local_times(facts, at)}


def _setting_and_sent_times(name: str) -> Explain:
    return lambda _, facts, __: {name: getattr(facts.policy, name), "gone": [sent.at for sent in facts.sent]}


def _local_times(facts: ContactFacts, at: datetime) -> dict[str, str]:
    """Return the local time in each time zone that the lead may be in, by the zone's key."""
    return {zone.key: at.astimezone(zone).isoformat(timespec="minutes") for zone in facts.zones}


CHECKS: Final = (
    _permanent(Reason.RESTRICTED, lambda _, facts: facts.restricted_at is not None, _fact("restricted_at")),
    _permanent(Reason.OPTED_OUT, lambda _, facts: facts.opted_out_at is not None, _fact("opted_out_at")),
    _permanent(
        Reason.OPTED_OUT_OF_CHANNEL,
        lambda attempt, facts: attempt.channel in facts.opted_out_channels,
        lambda attempt, facts, _: {"channel": attempt.channel, "opted_out_channels": list(facts.opted_out_channels)},
    ),
    _permanent(
        Reason.NO_ADDRESS,
        lambda attempt, _: not attempt.address,
        lambda attempt, _, __: {"has_address": bool(attempt.address)},
    ),
    _permanent(Reason.SUPPRESSED, lambda _, facts: facts.is_suppressed, _fact("is_suppressed")),
    _permanent(
        Reason.INVALID_ADDRESS,
        _has_invalid_address,
        lambda attempt, facts, _: {"is_valid": not _has_invalid_address(attempt, facts)},
    ),
    _permanent(
        Reason.REPLIED,
        _has_replied,
        lambda attempt, facts, _: {
            "stops_at_reply": attempt.stops_at_reply,
            "planned_at": attempt.planned_at,
            "replied_at": facts.replied_at,
        },
    ),
    Check(
        Reason.OUTSIDE_SESSION,
        _outside_session,
        lambda attempt, facts, _: {
            "last_inbound_at": facts.last_inbound_at,
            "has_provider_template": attempt.has_provider_template,
        },
    ),
    _permanent(
        Reason.SEQUENCE_CAP,
        _has_reached_series_cap,
        lambda attempt, facts, _: {
            "per_sequence_cap": facts.policy.per_sequence_cap,
            "series": attempt.series,
            "gone": _sent_in_series(attempt, facts),
        },
        skipped_for_transactional=True,
    ),
    _temporary(Reason.AWAITS_DECISION, lambda _, facts, at: if_later(facts.decide_by, at), _fact("decide_by")),
    Check(Reason.THROTTLED, lambda _, facts, at: if_later(facts.throttled_until, at), _fact("throttled_until")),
    _temporary(
        Reason.OUTSIDE_HOURS,
        time_checks.quiet_hours,
        lambda _, facts, at: {"quiet": facts.calendar.quiet, "there": _local_times(facts, at)},
    ),
    _temporary(Reason.WEEKEND, time_checks.weekend, _setting_and_local_times("weekends")),
    _temporary(Reason.HOLIDAY, time_checks.holiday, _setting_and_local_times("holidays")),
    _temporary(Reason.OUTSIDE_BUSINESS_HOURS, time_checks.business_hours, _setting("business_hours_only")),
    _temporary(Reason.DAILY_CAP, time_checks.daily_cap, _setting_and_sent_times("daily_cap")),
    _temporary(Reason.WEEKLY_CAP, time_checks.weekly_cap, _setting_and_sent_times("weekly_cap")),
    _temporary(Reason.MINIMUM_INTERVAL, time_checks.minimum_interval, _setting_and_sent_times("minimum_interval")),
    _temporary(
        Reason.ANOTHER_TOUCH,
        time_checks.other_messages,
        lambda attempt, facts, _: {
            "window": facts.policy.window,
            "priority": attempt.priority,
            "rivals": sorted(time_checks.competing_messages(attempt, facts)),
        },
    ),
)
