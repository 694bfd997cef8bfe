"""Checks of `relance doctor`. Each check reports its finding and, if it failed, the fix."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from app.config import Environment, get_settings
from app.core.files.disk_space import data_disks, full_disks
from app.ops.doctor.broker_checks import check_broker
from app.ops.doctor.check import Check
from app.ops.doctor.database_checks import check_database
from app.ops.doctor.message_checks import check_mail_server
from app.ops.doctor.replica_check import check_replica
from app.ops.doctor.stream_check import check_stream
from app.ops.stack.connectivity import first_line

NEEDED_IN_PRODUCTION = {
    "PUBLIC_URL": "set the address of the API as users reach it; links in e-mails lead to this host only",
    "MAIL_FROM": "set the sender of e-mails; mail servers refuse the default",
}

Group = Callable[[], Iterator[Check]]


def run_checks(groups: Sequence[Group] | None = None) -> Iterator[Check]:
    """Run every check. Groups run at the same time; inside a group, earlier checks explain failures of later ones."""
    chosen = groups or GROUPS
    with ThreadPoolExecutor(len(chosen)) as pool:
        for found in pool.map(_run, chosen):
            yield from found


def _run(group: Group) -> list[Check]:
    """Return the results of a group. An unexpected error is a result too, so that the other groups are shown."""
    results: list[Check] = []
    try:
        results.extend(group())
    except Exception as error:  # noqa: BLE001  (whatever fails, the operator needs the other checks)
        name = getattr(group, "__name__", "test mail").removeprefix("check_").strip("_")
        results.append(
            Check(name, f"{type(error).__name__}: {first_line(error)}", "see the log, and report this error")
        )
    return results


def _disk() -> Iterator[Check]:
    settings = get_settings()
    found = ", ".join(map(str, data_disks(settings)))
    limit = f"free space on it: below {settings.min_free_disk_mb} MB (MIN_FREE_DISK_MB) `/readyz` is not ready"
    yield Check("disk", found, limit if full_disks(settings) else "")


def _settings() -> Iterator[Check]:
    if get_settings().relance_env is Environment.PRODUCTION:
        yield from _unset_in_production()


def _unset_in_production() -> Iterator[Check]:
    """Yield the settings with a default that suits a trial only."""
    for name, advice in NEEDED_IN_PRODUCTION.items():
        if not os.environ.get(name):
            yield Check(name, "is not set", advice)


GROUPS: Sequence[Group] = (
    check_database,
    check_replica,
    check_broker,
    _disk,
    check_mail_server,
    check_stream,
    _settings,
)
