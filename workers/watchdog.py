"""Heartbeats for a supervisor, in the protocol of systemd's watchdog (sd_notify)."""

import os
import socket
from contextlib import suppress

INTERVAL = 5.0  # seconds
MESSAGE = b"WATCHDOG=1"


def notify() -> None:
    """Send one heartbeat to NOTIFY_SOCKET. Does nothing without a supervisor, and never blocks."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(OSError):
        sender.setblocking(False)
        sender.sendto(MESSAGE, address.replace("@", "\0", 1) if address.startswith("@") else address)
