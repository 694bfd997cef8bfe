"""Free disk space of the folders in which this host keeps data."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder, and the free space and the size of its disk, in bytes."""

    folder: Path
    free: int
    size: int

    def __str__(self) -> str:
        return f"{self.free // MEGABYTE} MB free in {self.folder}"


def data_disks(settings: Settings) -> list[Disk]:
    """Return the disks of RELANCE_HOME and of the embedded servers in it, each disk once."""
    home = settings.relance_home.absolute()
    return list(_disks([home, home / "postgres" / "data", home / "valkey"]))


def full_disks(settings: Settings) -> list[Disk]:
    """Return the disks with less free space than MIN_FREE_DISK_MB."""
    limit = settings.min_free_disk_mb * MEGABYTE
    return [disk for disk in data_disks(settings) if disk.free < limit]


def _disks(folders: Iterable[Path]) -> Iterator[Disk]:
    seen: set[int] = set()
    for folder in folders:
        place = next(place for place in (folder, *folder.parents) if place.exists())
        device = place.stat().st_dev
        if device not in seen:
            seen.add(device)
            usage = shutil.disk_usage(place)
            yield Disk(place, usage.free, usage.total)
