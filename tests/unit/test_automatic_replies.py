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


def read(raw: bytes, *, is_answer: bool = True, after: timedelta | None = HOUR, is_request: bool = False) -> Origin:
    found = parse_email(raw)
    return origin_of(found, new_text(found), is_answer=is_answer, after=after, asks_to_stop=lambda: is_request)


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


@pytest.mark.parametrize(
    "subject",
    [
        "Ooops, wrong time", "Oooh thank you!", "Absence of my son", "Absence mardi 1er decembre", "Ausente el martes",
        "Assente martedi", "Abwesend am Dienstag", "On vacation until July, then braces?", "Absent mindedness",
    ],
)  # fmt: skip
def test_subjects_of_people_that_begin_like_those_of_programs_are_of_people(subject: str):
    assert read(mail("See you then.", subject=subject)).author is Author.PERSON
    assert read(mail("See you then.", subject=subject), is_answer=False, after=None).author is Author.PERSON


@pytest.mark.parametrize(
    "text",
    [
        "My wife no longer works at the school, so please use my insurance.",
        "We have received your request for the forms and will bring them on Tuesday",
        "Please do not reply to this email, call my mobile.",
        "Nous avons bien reçu votre message, je viens demain.",
        "Mi marido ya no trabaja allí.",
    ],
)
@pytest.mark.parametrize("subject", ["Re: Hello", "Hello", "Absence"])
@pytest.mark.parametrize("after", [None, timedelta(minutes=1), HOUR])
def test_words_that_people_write_too_decide_nothing_alone(text: str, subject: str, after: timedelta | None):
    for is_answer in (True, False):
        raw = mail(text, subject=subject)
        assert read(raw, is_answer=is_answer, after=after).author is not Author.PROGRAM
    assert read(mail(f"{text} Is that fine?", subject=subject)).author is Author.PERSON


def test_two_kinds_of_words_of_programs_are_of_a_program():
    raw = mail("Your request has been received. Please do not reply to this email.", subject="Hello")
    assert read(raw).author is Author.PROGRAM


def test_a_question_speaks_against_a_subject_of_programs_and_the_address_of_a_page_does_not():
    away = "Out of office: Friday"
    assert read(mail("Can we do Tuesday instead?", subject=away)).author is Author.UNSURE
    assert read(mail("See https://firm.example/?page=1", subject=away)).author is Author.PROGRAM


def test_a_request_for_no_more_messages_is_never_lost_to_weak_signs():
    weak = {"list_id": "<x.firm.example>", "return_path": "<>", "feedback_id": "1:x", "x_auto_response_suppress": "All"}
    raw = mail("Please remove me from your list.", **weak)
    assert read(raw, after=timedelta(seconds=5), is_request=True).author is not Author.PROGRAM
