"""Keywords in messages: only a message that is the keyword alone counts."""

import pytest

from app.messaging.contact_policy.keywords import Keyword, asks_to_stop, keyword_line, keyword_of

STOP = ["stop", "STOP", " Stop. ", "s t o p", "quit", "end", "Revoke!", "opt out", "OPT-OUT", "cancel", "unsubscribe"]


@pytest.mark.parametrize("words", [*STOP, "StopAll", '"stop"', "stop\n"])
def test_stop_in_any_case_and_spacing(words: str):
    assert keyword_of(words) is Keyword.STOP


@pytest.mark.parametrize(
    "words",
    [
        *("ARRET", "arrêt", "ALTO", "baja", "Stopp", "PARAR", "pare!", "Sair", "Abmelden", "kündigen", "Désabonner"),
        *("CANCELAR", "basta", "Disiscrivi", "dar de baja", "no más"),
    ],
)
def test_stop_in_six_languages(words: str):
    assert keyword_of(words) is Keyword.STOP


@pytest.mark.parametrize(
    "text",
    [
        "Please remove me from your list.", "Don't contact me again", "Bitte keine weiteren E-Mails!",
        "Ne m'écrivez plus, merci.", "Por favor no me envíen más correos", "Parem de me mandar mensagens",
        "Vi prego, cancellatemi", "I want no more of this",
        "Take me off this list, will you", "Ich möchte keine Nachrichten mehr.", "Je souhaite me désabonner",
    ],
)  # fmt: skip
def test_longer_requests_in_six_languages(text: str):
    assert asks_to_stop(text)
    assert keyword_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        None, "", "Please stop by tomorrow.", "I cannot stop thinking about it", "Call me at the end of the week",
        "Kein Problem, bis Montag", "No puedo el lunes", "Ne vous inquiétez pas", "Please cancel my visit on Friday",
    ],
)  # fmt: skip
def test_other_messages_are_no_request(text: str | None):
    assert not asks_to_stop(text)


def test_line_of_a_mail_that_may_be_a_keyword():
    assert keyword_line("STOP\n\nMia Keller", "Re: Hello") == "STOP"
    assert keyword_line("", "Re: AW: Unsubscribe") == "Unsubscribe"
    assert (
        keyword_of(keyword_line("Stop\n\nby the way, I would like to know more about the costs of it all", "Hi"))
        is None
    )


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
        "fine",
        "ßtop",
        "стоп stop",
        "st" + "o" * 50,
    ],
)
def test_other_words_are_no_keyword(words: str | None):
    assert keyword_of(words) is None
