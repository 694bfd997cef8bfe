"""Sentiment of texts: the label, and the words that decided it."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from app.leads.timeline.sentiment import Sentiment
from app.messaging.inbound.sentiment.detect import detect_sentiment, lexicon
from app.messaging.inbound.sentiment.language import LANGUAGES, language_of


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("Thank you, that sounds good!", "positive", ("thank you", "sounds good")),
        ("That was terrible and the front desk was rude.", "negative", ("terrible", "rude")),
        ("I am not happy with this.", "negative", ("not happy",)),
        ("We are not really very interested", "negative", ("not really very interested",)),
        ("I don\u2019t love it", "negative", ("don't love",)),
        ("Not bad at all", "neutral", ()),
        ("Is there a problem if we come later?", "neutral", ()),
        ("No problem, thanks", "positive", ("thanks",)),
        ("Great staff, but the price is too expensive and it was a waste", "negative", ("too expensive", "waste")),
        ("My wire is poking and it hurts, thank you", "urgent", ("hurts", "wire poking")),
        ("It is not urgent. Thanks", "positive", ("thanks",)),
        ("Can we come on Tuesday at ten?", "neutral", ()),
    ],
)
def test_words_decide_the_label(text: str, label: str, words: tuple[str, ...]):
    found = detect_sentiment(text)
    assert found is not None
    assert (found.label, found.words) == (Sentiment(label), words)


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("C'est inacceptable, je suis très déçue", "negative", ("inacceptable", "decue")),
        ("Je ne suis pas contente du tout", "negative", ("pas contente",)),
        ("No estoy contenta con la atención", "negative", ("no estoy contenta",)),
        ("Ich bin sehr enttäuscht von Ihrem Service", "negative", ("enttauscht",)),
        ("Muito obrigado, ficou perfeito", "positive", ("muito obrigado", "perfeito")),
        ("Non sono soddisfatto, voglio un rimborso", "negative", ("non sono soddisfatto", "rimborso")),
        ("Mi hijo tiene mucho dolor", "urgent", ("dolor",)),
    ],
)
def test_language_of_the_text_decides_not_that_of_the_lead(text: str, label: str, words: tuple[str, ...]):
    found = detect_sentiment(text, "en-US")
    assert found is not None
    assert (found.label, found.words) == (Sentiment(label), words)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"),
        ("  \n", "en"),
        ("Goodness knows", "en"),  # no word of the list
        ("El martes a las diez nos viene mejor que el jueves", "es"),
        ("Dziękuję bardzo, jestem zadowolony", "en"),  # Polish
        ("Great, the next bill again. Thank you!", "en"),  # irony
        ("Bravo, encore un rendez-vous annulé", "fr"),
    ],
)
def test_no_label_without_text_lexicon_or_deciding_word(text: str, language: str):
    assert detect_sentiment(text, language) is None


def test_short_text_is_in_the_language_of_the_lead():
    found = detect_sentiment("Merci", "fr")
    assert found is not None
    assert found.label is Sentiment.POSITIVE
    assert detect_sentiment("Merci", "pl") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_lexicons_are_small_and_well_formed(language: str):
    known = lexicon(language)
    assert 80 < len(known.entries) < 300
    assert known.longest <= 5
    assert known.negations
    assert all(words == words.lower().strip() and words.isascii() for words in known.entries)


class Text(NamedTuple):
    language: str
    kind: str
    text: str


def texts(file: str) -> list[Text]:
    """Return the texts of a file. Lines such as `[fr complaint]` name the language and kind of those that follow."""
    found: list[Text] = []
    language = kind = ""
    for line in (Path(__file__).parent / "texts" / file).read_text().splitlines():
        if line.startswith("["):
            language, kind = line.strip("[]").split()
        elif line and not line.startswith("#"):
            found.append(Text(language, kind, line))
    return found


LABEL_OF = {"complaint": "negative", "happy": "positive", "emergency": "urgent", "question": "neutral"}


@pytest.mark.parametrize(
    ("file", "recall"),
    [
        ("messages.txt", {"negative": 0.7, "positive": 0.9, "urgent": 1, "neutral": 0.9}),
        ("later_messages.txt", {"negative": 0.5, "positive": 0.5, "urgent": 1, "neutral": 0.9}),
    ],
)
def test_labels_are_right_where_there_is_one(file: str, recall: dict[str, float]):
    """All leads are expected to write English. What is not sure has no label."""
    counts: Counter[tuple[str | None, str | None]] = Counter()
    for one in texts(file):
        found = detect_sentiment(one.text, "en-US")
        counts[LABEL_OF.get(one.kind), found.label.value if found else None] += 1
    for label, least in recall.items():
        right = counts[label, label]
        assert right >= least * sum(count for (wanted, _), count in counts.items() if wanted == label), label
        assert right == sum(count for (_, given), count in counts.items() if given == label), label


def test_other_languages_are_not_taken_for_one_with_a_lexicon():
    """Danish, Dutch and Polish ones. The lead's language, which decides about short texts, has no lexicon here."""
    others = [one.text for one in texts("messages.txt") if one.kind == "other"]
    assert [language_of(text, "pl") for text in others] == [None] * 30
    known = [one for one in texts("messages.txt") if one.kind != "other"]
    right = sum(language_of(one.text, "pl") == one.language for one in known)
    wrong = sum(language_of(one.text, "pl") not in {one.language, None} for one in known)
    assert (len(known), right >= 220, wrong) == (240, True, 0)


@pytest.mark.parametrize("module", ["app", "workers.app", "workers.runner"])
def test_detector_is_loaded_by_the_first_text_only(module: str):
    code = f"import sys, importlib; importlib.import_module({module!r}); sys.exit('gcld3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
