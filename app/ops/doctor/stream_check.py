"""Check of the part `stream`, which writes live updates."""

import socket
from collections.abc import Iterator

from app.config import get_settings
from app.core.live_events.caller import ACCEPTED, PING, socket_path
from app.ops.doctor.check import TIMEOUT, Check
from app.ops.doctor.local_processes import advice_for_silent

START = "run `relance serve stream`; until then there are no live updates (503), and clients have to load data again"


def check_stream() -> Iterator[Check]:
    """Ask the process that writes live updates whether it takes callers. It runs on the host of the API."""
    if not get_settings().counter_store:
        yield Check("stream", "off: there is no Valkey or Redis (COUNTERS_URL)")
    elif error := _error():
        yield Check("stream", f"STREAM_SOCKET: {error}", advice_for_silent("stream", START))
    else:
        yield Check("stream", "takes callers")


def _error() -> str | None:
    """Return why the process does not answer; None if it does."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(socket_path())
            connection.sendall(PING)
            return None if connection.recv(len(ACCEPTED)) == ACCEPTED else "it answers in another way"
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return error.strerror or type(error).__name__
