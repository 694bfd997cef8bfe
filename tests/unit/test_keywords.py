"""Keywords in text messages: only a message that is the keyword alone counts."""

import pytest

from app.messaging.contact_policy.keywords import Keyword, keyword_of

STOP = ["stop", "STOP", " Stop. ", "s t o p", "quit", "end", "Revoke!", "opt out", "OPT-OUT", "cancel", "unsubscribe"]


@pytest.mark.parametrize("words", [*STOP, "StopAll", '"stop"', "stop\n"])
def test_stop_in_any_case_and_spacing(words: str):
    assert keyword_of(words) is Keyword.STOP


@pytest.mark.parametrize("words", ["START", "unstop", ["Start", "please"][0]])
def test_start(words: str):
    assert keyword_of(words) is Keyword.START


@pytest.mark.parametrize(
    "words",
    [
        None,
        "",
        "  ",
        "please stop by tomorrow",
        "We cancel the 3 o'clock",
        "stopp",
        "ßtop",
        "стоп stop",
        "st" + "o" * 50,
    ],
)
def test_other_words_are_no_keyword(words: str | None):
    assert keyword_of(words) is None
