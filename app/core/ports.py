"""Ports: calls with an implementation in a higher layer. `app.wiring` connects every one at process start."""

from collections.abc import Callable, Iterator
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class NotConnected(RuntimeError):
    """A port was called before `app.wiring.connect()`."""


class Port(Generic[P, R]):
    """One function that a lower layer calls and a higher layer implements."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._implementation: Callable[P, R] | None = None

    def connect(self, implementation: Callable[P, R]) -> None:
        """Use this implementation from now on."""
        self._implementation = implementation

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the implementation. Raises NotConnected."""
        if self._implementation is None:
            raise NotConnected(self._name)
        return self._implementation(*args, **kwargs)


class Listeners(Generic[P]):
    """Functions of higher layers that a lower layer calls, in the order in which they were connected."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._listeners: tuple[Callable[P, None], ...] | None = None

    def connect(self, *listeners: Callable[P, None]) -> None:
        """Call these listeners from now on, and no others."""
        self._listeners = listeners

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call every listener. Raises NotConnected."""
        for listener in self:
            listener(*args, **kwargs)

    def __iter__(self) -> Iterator[Callable[P, None]]:
        """Iterate over the listeners. Raises NotConnected."""
        if self._listeners is None:
            raise NotConnected(self._name)
        return iter(self._listeners)
