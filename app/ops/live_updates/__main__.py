"""Run the part `stream`: `python -m app.ops.live_updates`."""

import asyncio
import resource
import signal
import sys

import structlog

from app.config import get_settings
from app.core.telemetry import logs
from app.ops.embedded import WrongSetting
from app.ops.live_updates.feed import Feed
from app.ops.live_updates.messages import CloseReason
from app.ops.live_updates.receiver import Receiver, listen
from app.ops.live_updates.store import Store
from app.ops.live_updates.streams import Streams
from workers.watchdog import INTERVAL, notify

log = structlog.get_logger()


def main() -> None:
    """Write live events until a signal. Without a store it waits, so that its supervisor does not restart it."""
    logs.configure()
    raise_file_limit()
    try:
        asyncio.run(serve())
    except WrongSetting as error:
        sys.exit(f"relance: {error}")


def raise_file_limit() -> None:
    """Allow as many open files as the system lets this process have: each stream is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve() -> None:
    """Serve streams until SIGTERM or SIGINT, then close them."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    streams = Streams()
    tasks = [asyncio.create_task(_send_heartbeats())]
    if url := get_settings().counter_store:
        feed = Feed(Store(url), streams)
        listener = listen()
        tasks += map(asyncio.create_task, (feed.run(), feed.keep_alive(), Receiver(streams, feed).run(listener)))
        log.info("live_updates.started")
    else:
        log.warning("live_updates.off", because="there is no Valkey or Redis: set COUNTERS_URL")
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    streams.close({}, CloseReason.STOPPING)
    await asyncio.sleep(0)  # lets the last events be written
    for task in tasks:
        if task.done():
            task.result()  # raises what ended it
        task.cancel()


async def _send_heartbeats() -> None:
    while True:
        notify()
        await asyncio.sleep(INTERVAL)


if __name__ == "__main__":
    main()
