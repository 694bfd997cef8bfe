"""The sending account of a message: the named one, or the default of its channel. Pure."""

from collections.abc import Sequence
from typing import Protocol, TypeVar


class AccountChoice(Protocol):
    """The columns of an account that decide whether a message uses it."""

    @property
    def name(self) -> str: ...
    @property
    def channels(self) -> Sequence[str]: ...
    @property
    def default_for(self) -> Sequence[str]: ...
    @property
    def is_active(self) -> bool: ...


Chosen = TypeVar("Chosen", bound=AccountChoice)


def choose_account(accounts: Sequence[Chosen], channel: str, name: str | None) -> Chosen | None:
    """Return the clinic's active account with this name that serves the channel.

    Without a name: the active default of the channel, or its only active account. None if there is none.
    """
    active = [one for one in accounts if one.is_active and channel in one.channels]
    if name is not None:
        return next((one for one in active if one.name == name), None)
    fitting = [one for one in active if channel in one.default_for] or active
    return fitting[0] if len(fitting) == 1 else None


def why_none(accounts: Sequence[AccountChoice], channel: str, name: str | None) -> str:
    """Return why `choose_account` finds no account, for admins."""
    if name is not None:
        known = next((one for one in accounts if one.name == name), None)
        if known is None:
            return f"The clinic has no sending account {name!r}."
        is_other = channel not in known.channels
        return f"The sending account {name!r} {f'does not serve {channel}' if is_other else 'is inactive'}."
    if any(one.is_active and channel in one.channels for one in accounts):
        return f"The clinic has several sending accounts for {channel}: name one, or make one the default."
    return f"The clinic has no active sending account for {channel}."
