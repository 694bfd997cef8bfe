"""Texts of the preference page and of the footer, in all languages: the file `page_texts.yaml`."""

from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import yaml

from app.core.validation import language_tags


class PageTexts(NamedTuple):
    """The texts in one language."""

    name: str  # of the language
    title: str
    intro: str  # with {clinic}
    email: str
    phone: str
    language: str
    save: str
    stop_all: str
    saved: str
    unsubscribed: str
    not_found: str
    footer: str


@cache
def all_texts() -> dict[str, PageTexts]:
    """Return the texts by language tag."""
    content = (files(__package__) / "page_texts.yaml").read_text("utf-8")
    return {language: PageTexts(**texts) for language, texts in yaml.safe_load(content).items()}


def page_language(*preferred: str | None) -> str:
    """Return the tag of the first preferred language, or of its parent, that has texts."""
    return next(tag for tag in (*language_tags.fallbacks(*preferred), _FALLBACK) if tag in all_texts())


def texts_for(*preferred: str | None) -> PageTexts:
    """Return the texts in the first preferred language that has them."""
    return all_texts()[page_language(*preferred)]


_FALLBACK: Final = language_tags.DEFAULT
