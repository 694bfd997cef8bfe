"""Whether a person or a program wrote a mail: on a corpus of 720 mails, and sign by sign."""

from collections import Counter
from datetime import timedelta

import pytest

from app.messaging.inbound.parsing.auto_replies import Author, Origin, origin_of
from app.messaging.inbound.parsing.parse import parse_email
from app.messaging.inbound.parsing.reply_text import new_text
from tests.support.inbound import mail
from tests.support.mail_corpus import corpus

HOUR = timedelta(hours=1)


def read(raw: bytes, *, is_answer: bool = True, after: timedelta | None = HOUR) -> Origin:
    found = parse_email(raw)
    return origin_of(found, new_text(found), is_answer=is_answer, after=after)


def test_most_mails_of_the_corpus_are_read_right_and_few_wait_for_a_user():
    letters = corpus()
    counts = Counter(
        (letter.by_program, read(letter.raw, is_answer=letter.is_answer, after=letter.after).author)
        for letter in letters
    )
    programs, people = (sum(counts[kind, author] for author in Author) for kind in (True, False))

    assert len(letters) >= 600
    assert min(programs, people) >= 250
    assert counts[True, Author.PERSON] <= 0.02 * programs
    assert counts[True, Author.PROGRAM] >= 0.9 * programs
    assert counts[False, Author.PROGRAM] <= 0.005 * people
    assert counts[False, Author.PERSON] >= 0.95 * people


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Hello", "Abwesenheitsnotiz: Hello", "Réponse automatique : Hello",
        "Respuesta automática: Hello",
        "Resposta automática: Hello", "Risposta automatica: Hello", "Automatisch antwoord: Hello", "Autosvar: Hello",
        "Odpowiedź automatyczna: Hello", "自動返信: Hello", "Out of Office Re: Hello", "AUTOMATIC REPLY: hello",
    ],
)  # fmt: skip
def test_subjects_of_automatic_replies_count_in_many_languages(subject: str):
    assert read(mail("Bis Montag.", subject=subject)) == (Author.PROGRAM, ("subject",))


LIST = {"list_id": "<staff.firm.example>", "list_unsubscribe": "<mailto:leave@firm.example>"}


@pytest.mark.parametrize("headers", [LIST, {"return_path": "<>"}, {"precedence": "bulk"}])
def test_headers_of_lists_are_weak_in_an_answer_and_decide_elsewhere(headers: dict[str, str]):
    assert read(mail("Yes, Friday is fine.", **headers)).author is Author.PERSON
    assert read(mail("News of May.", subject="News", **headers), is_answer=False, after=None).author is Author.PROGRAM


@pytest.mark.parametrize("headers", [{"feedback_id": "1.us-east-1.x=:AmazonSES"}, {"x_auto_response_suppress": "All"}])
def test_headers_of_offices_are_weak_everywhere(headers: dict[str, str]):
    assert read(mail("Yes, Friday is fine.", **headers)).author is Author.PERSON
    assert read(mail("Do you treat adults?", subject="Hello", **headers), is_answer=False).author is Author.PERSON


def test_an_absence_in_the_words_of_a_person_waits_for_a_user():
    raw = mail("I am out of the office until Monday.", subject="Hello")

    assert read(raw).author is Author.UNSURE
    assert read(raw, after=timedelta(seconds=5)).author is Author.PROGRAM
    assert read(mail("I am out of the office until Monday. Can you call me on my mobile?")).author is Author.PERSON


def test_a_mail_without_signs_is_of_a_person():
    assert read(mail("Yes, please.")) == (Author.PERSON, ())
    assert read(mail("Yes.", auto_submitted="no", x_autoreply="no", precedence="normal"), after=None).signs == ()
    assert read(mail("Yes, please.", subject="Hello"), after=timedelta(seconds=1)).author is Author.PERSON
    assert read(mail("Yes, please.", auto_submitted="auto-replied")) == (Author.PROGRAM, ("auto-submitted",))
