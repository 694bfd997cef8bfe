"""Sentiment of texts: the label, and the words that decided it."""

import pytest

from app.leads.timeline.sentiment import Sentiment
from app.messaging.inbound.sentiment.detect import detect_sentiment, lexicon


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("Thank you, that sounds good!", "positive", ("thank you", "sounds good")),
        ("That was terrible and the front desk was rude.", "negative", ("terrible", "rude")),
        ("I am not happy with this.", "negative", ("not happy",)),
        ("We are not really very interested", "negative", ("not really very interested",)),
        ("I don\u2019t love it", "negative", ("don't love",)),
        ("Not bad at all", "neutral", ()),
        ("No problem, thanks", "positive", ("thanks",)),
        ("Great staff, but the price is too expensive and it was a waste", "negative", ("too expensive", "waste")),
        ("My wire is poking and it hurts, thank you", "urgent", ("wire is poking", "hurts")),
        ("It is not urgent. Thanks", "positive", ("thanks",)),
        ("Can we come on Tuesday at ten?", "neutral", ()),
        ("Goodness knows", "neutral", ()),
    ],
)
def test_words_decide_the_label(text: str, label: str, words: tuple[str, ...]):
    found = detect_sentiment(text)
    assert found is not None
    assert (found.label, found.words) == (Sentiment(label), words)


@pytest.mark.parametrize(("text", "language"), [("", "en"), ("  \n", "en"), ("Merci beaucoup", "fr")])
def test_no_label_without_text_or_lexicon(text: str, language: str):
    assert detect_sentiment(text, language) is None


def test_lexicon_is_small_and_well_formed():
    entries, longest = lexicon()
    assert 80 < len(entries) < 300
    assert longest <= 5
    assert all(words == words.lower().strip() for words in entries)
