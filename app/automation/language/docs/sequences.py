"""Reference page of sequences and nurtures. Pure."""

from functools import partial

from app.automation.language.actions import rule_actions
from app.automation.language.docs.tables import Table, actions, page, parts_of
from app.automation.language.nurtures import Nurture
from app.automation.language.sequences import Sequence, StepParts, Trigger, Variant, sequence_actions


def sequences_page() -> str:
    """Return the whole page, in Markdown."""
    in_rules, in_sequences = rule_actions(), sequence_actions()
    same = [kind for kind, model in in_sequences.items() if in_rules.get(kind) is model]
    different = {kind: model for kind, model in in_sequences.items() if kind not in same}
    tables: dict[str, Table] = {
        "sequence": partial(parts_of, Sequence),
        "enroll": partial(parts_of, Trigger),
        "step": partial(parts_of, StepParts),
        "kinds": partial(_kinds, same),
        "actions": partial(actions, different),
        "variant": partial(parts_of, Variant),
        "nurture": partial(parts_of, Nurture),
    }
    return page("sequences", tables)


def _kinds(same: list[str]) -> list[str]:
    listed = ", ".join(f"`{kind}`" for kind in same)
    return [f"As in [rules](rules.md#actions): {listed}. Different, or only in sequences:"]
