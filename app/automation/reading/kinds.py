"""The kinds of definition, and the model of each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from app.automation.language.base import Strict
from app.automation.language.nurtures import Nurture
from app.automation.language.rules import Rule
from app.automation.language.sequences import Sequence


class DefinitionKind(StrEnum):
    RULE = "rule"
    SEQUENCE = "sequence"
    NURTURE = "nurture"


MODELS: Final[Mapping[DefinitionKind, type[Strict]]] = {
    DefinitionKind.RULE: Rule,
    DefinitionKind.SEQUENCE: Sequence,
    DefinitionKind.NURTURE: Nurture,
}
