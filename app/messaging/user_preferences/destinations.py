"""Destinations of a user: Slack and Teams webhooks, and push subscriptions of browsers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.clock import now
from app.core.db import is_among, new_id
from app.core.http_client.targets import NotAllowed, resolve_allowed
from app.core.optimistic_locking import SeenVersions, require_version
from app.core.pagination import Page, page
from app.core.type_aliases import JsonObject
from app.core.validation.check_all import check_all
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.identity.actor import Actor
from app.identity.clinics import bump_rules_version
from app.messaging.channels import slack, teams, web_push
from app.messaging.models import Notification
from app.messaging.user_preferences.models import URL_INDEX, NoticeDestination
from app.security.encrypted_fields import blind_indexes

MAX_DESTINATIONS: Final = 20  # of a user
WEB_PUSH: Final = web_push.CHANNEL.name

_URL_CHECKS: Final[Mapping[str, Callable[[str], None]]] = {
    slack.CHANNEL.name: slack.check_url,
    teams.CHANNEL.name: teams.check_url,
}


class TooManyDestinations(Conflict):
    """You already have the maximum number of destinations."""


class ShownDestination(NamedTuple):
    """A destination without its secrets, and the result of its last test."""

    id: UUID
    channel: str
    name: str | None
    host: str
    created_at: object
    updated_at: object
    version: int
    test: Notification | None


def require_user(actor: Actor) -> UUID:
    """Return the caller's user id. Raises Forbidden for an API key."""
    if actor.user_id is None:
        raise Forbidden("An API key gets no notices.")
    return actor.user_id


def list_destinations(session: Session, actor: Actor, query: JsonObject) -> Page:
    """Return the caller's destinations, oldest first. Their URLs and keys are not in it."""
    mine = select(NoticeDestination).where(NoticeDestination.user_id == require_user(actor))
    found = page(session, mine, [(NoticeDestination.id, "asc")], query)
    tests = _tests(session, [row.test_id for row in found.items if row.test_id])
    return replace(found, items=[_view(row, tests.get(row.test_id)) for row in found.items])


def read_destination(session: Session, actor: Actor, destination_id: UUID) -> ShownDestination:
    """Return one of the caller's destinations. Raises NotFound."""
    row = find_destination(session, actor, destination_id)
    return _view(row, _tests(session, [row.test_id] if row.test_id else []).get(row.test_id))


def find_destination(session: Session, actor: Actor, destination_id: UUID, *, lock: bool = False) -> NoticeDestination:
    """Return the row of one of the caller's destinations. Raises NotFound."""
    mine = select(NoticeDestination).where(
        NoticeDestination.id == destination_id, NoticeDestination.user_id == require_user(actor)
    )
    row = session.scalars(mine.with_for_update() if lock else mine).one_or_none()
    if row is None:
        raise NotFound
    return row


def add_destination(session: Session, actor: Actor, data: JsonObject) -> ShownDestination:
    """Add a destination; `data` as loaded by DestinationIn. One with the same URL is replaced.

    A push subscription belongs to a browser, so other users of the clinic lose it. Raises Invalid,
    TooManyDestinations.
    """
    user_id, values = require_user(actor), _values(data)
    check_destination(session, actor, data)
    bump_rules_version(session, actor.clinic.id)  # also locks the clinic's row, so that destinations are counted right
    row = _same(session, actor, values) or _new(session, actor)
    row.user_id, row.channel = user_id, values["channel"]
    return _save(session, row, values)


def change_destination(
    session: Session, actor: Actor, destination_id: UUID, data: JsonObject, *, seen: SeenVersions = None
) -> ShownDestination:
    """Set the given values; `data` as loaded by DestinationChange. Raises NotFound, ChangedMeanwhile, Invalid."""
    check_change(session, actor, data, destination_id=destination_id)
    bump_rules_version(session, actor.clinic.id)
    row = find_destination(session, actor, destination_id, lock=True)
    require_version(row, seen)
    return _save(session, row, data)


def remove_destination(session: Session, actor: Actor, destination_id: UUID, *, seen: SeenVersions = None) -> None:
    """Delete a destination. Messages that wait for it are suppressed. Raises NotFound, ChangedMeanwhile."""
    bump_rules_version(session, actor.clinic.id)
    row = find_destination(session, actor, destination_id, lock=True)
    require_version(row, seen)
    session.delete(row)


def check_destination(_: Session, __: Actor, data: JsonObject, /, **___: object) -> None:
    """Check that the URL belongs to the channel and may be called, and the keys of a subscription. Raises Invalid."""
    if data.get("channel") == WEB_PUSH:
        check_all(lambda: _check_url(WEB_PUSH, data["endpoint"], "/endpoint"), lambda: _check_keys(data["keys"]))
    elif data.get("channel"):
        _check_url(data["channel"], data["url"], "/url")


def check_change(session: Session, actor: Actor, data: JsonObject, /, *, destination_id: UUID) -> None:
    """Check the new URL, if there is one. Raises Invalid, NotFound."""
    if "url" not in data:
        return
    row = find_destination(session, actor, destination_id)
    if row.channel == WEB_PUSH:
        raise Invalid.at("/url", "A push subscription has no URL. Register it anew.")
    _check_url(row.channel, data["url"], "/url")


def _check_url(channel: str, url: str, pointer: str) -> None:
    try:
        if channel in _URL_CHECKS:
            _URL_CHECKS[channel](url)
        resolve_allowed(url)
    except NotAllowed as refusal:
        raise Invalid.at(pointer, f"It {refusal}.") from None


def _check_keys(keys: JsonObject) -> None:
    try:
        web_push.read_keys(keys["p256dh"], keys["auth"])
    except web_push.BadSubscription as refusal:
        name, _, words = str(refusal).partition(": ")
        raise Invalid.at(f"/keys/{name}", words) from None


def _values(data: JsonObject) -> JsonObject:
    """Return the columns of a new destination."""
    url = data["endpoint"] if data["channel"] == WEB_PUSH else data["url"]
    return {"channel": data["channel"], "name": data.get("name"), "url": url, **data.get("keys", {})}


def _same(session: Session, actor: Actor, values: JsonObject) -> NoticeDestination | None:
    """Return the caller's destination with this URL. Other users' subscriptions of the browser are deleted."""
    indexes = blind_indexes(actor.clinic.id, URL_INDEX, values["url"])
    same = [
        NoticeDestination.clinic_id == actor.clinic.id,
        NoticeDestination.channel == values["channel"],
        is_among(NoticeDestination.url_blind, indexes),
    ]
    if values["channel"] == WEB_PUSH:
        session.execute(delete(NoticeDestination).where(*same, NoticeDestination.user_id != actor.user_id))
    mine = select(NoticeDestination).where(*same, NoticeDestination.user_id == actor.user_id)
    return session.scalars(mine).one_or_none()


def _new(session: Session, actor: Actor) -> NoticeDestination:
    mine = select(func.count()).where(NoticeDestination.user_id == actor.user_id)
    if (session.scalar(mine) or 0) >= MAX_DESTINATIONS:
        raise TooManyDestinations
    row = NoticeDestination(id=new_id(), clinic_id=actor.clinic.id, created_at=now(), version=0)
    session.add(row)
    return row


def _save(session: Session, row: NoticeDestination, values: JsonObject) -> ShownDestination:
    with session.no_autoflush:
        for name, value in values.items():
            setattr(row, name, value)
        row.updated_at = now()
        row.version += 1
    session.flush()
    return _view(row, None)


def _tests(session: Session, ids: list[UUID]) -> Mapping[UUID | None, Notification]:
    found = session.scalars(select(Notification).where(Notification.id.in_(ids))) if ids else ()
    return {test.id: test for test in found}


def _view(row: NoticeDestination, test: Notification | None) -> ShownDestination:
    host = urlsplit(row.url or "").hostname or ""
    return ShownDestination(row.id, row.channel, row.name, host, row.created_at, row.updated_at, row.version, test)
