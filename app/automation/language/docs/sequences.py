"""The page about sequences and nurtures. Pure."""

from functools import partial

from app.automation.language.docs.tables import Table, actions, page, parts_of
from app.automation.language.nurtures import Nurture
from app.automation.language.sequences import (
    SEQUENCE_ACTIONS,
    Sequence,
    SequenceBranch,
    SequenceMessage,
    SequenceTask,
    StepParts,
    Trigger,
    Variant,
    Wait,
)

_OWN = (SequenceMessage, SequenceTask, SequenceBranch, Wait)  # all other step kinds are as in rules


def sequences_page() -> str:
    """Return the whole page, in Markdown."""
    tables: dict[str, Table] = {
        "sequence": partial(parts_of, Sequence),
        "enroll": partial(parts_of, Trigger),
        "step": partial(parts_of, StepParts),
        "kinds": _kinds,
        "actions": partial(actions, _OWN),
        "variant": partial(parts_of, Variant),
        "nurture": partial(parts_of, Nurture),
    }
    return page("sequences", tables)


def _kinds() -> list[str]:
    as_in_rules = [f"`{model.kind}`" for model in SEQUENCE_ACTIONS if model not in _OWN]
    return [f"As in [rules](rules.md#actions): {', '.join(as_in_rules)}. Different, or only in sequences:"]
