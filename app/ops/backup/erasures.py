"""The list of erasures beside the backups, and their repetition after a restore."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import select

from app.core.db import transaction
from app.errors import RelanceError
from app.identity.actor import Actor
from app.identity.clinics import load_context
from app.identity.models import Clinic
from app.leads.privacy.erasures import repeat_erasures

BATCH: Final = 100


class UnreadableList(RelanceError):
    """The file is no list of erasures."""


def erase_again(file: Path) -> int:
    """Erase the leads of a list again, in small transactions. Returns how many. Raises UnreadableList."""
    ids = list(_lead_ids(file))
    with transaction() as session:
        actors = [Actor.system(load_context(session, one)) for one in session.scalars(select(Clinic.id))]
    done = 0
    for first in range(0, len(ids), BATCH):
        with transaction() as session:
            done += repeat_erasures(session, actors, ids[first : first + BATCH])
    return done


def _lead_ids(file: Path) -> Iterator[UUID]:
    for number, line in enumerate(file.read_text().splitlines(), 1):
        try:
            if line.strip():
                yield UUID(json.loads(line)["lead_id"])
        except (ValueError, KeyError, TypeError):
            raise UnreadableList(f"{file}, line {number}: not a line of `relance erasures list`") from None
