"""Health of an embedded server, as its supervisor sees it."""

from enum import StrEnum


class Health(StrEnum):
    ANSWERS = "answers"  # also with an error, for example while the disk is full
    MUTE = "mute"  # its process runs but does not answer: stopped by a signal, or hung
    ENDED = "ended"
