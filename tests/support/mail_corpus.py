"""A corpus of answers to a message of the clinic: 720 mails of people and of programs, each with its true author."""

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from itertools import product
from random import Random
from typing import NamedTuple

from app.messaging.inbound.parsing.parse import parse_email
from app.messaging.inbound.parsing.reply_text import new_text

SENT = "<0190a1b2-0000-7000-8000-000000000001@clinic.example>"


class Letter(NamedTuple):
    """A mail, whether a program wrote it, the time since the clinic's message, and whether its thread is known."""

    raw: bytes
    by_program: bool
    after: timedelta
    is_answer: bool


# Subject prefix, text: one row for each language and kind of program. `{}` is a name or a day.
ABSENCES = (
    ("Automatic reply: ", "Thank you for your e-mail. I am out of the office until {} with limited access to email."),
    (
        "Out of Office: ",
        "I am currently away from my desk and will return on {}. For urgent matters call the front desk.",
    ),
    (
        "Abwesenheitsnotiz: ",
        "Guten Tag, ich bin bis {} nicht im Büro. In dringenden Fällen wenden Sie sich an Frau Maier.",
    ),
    ("Automatische Antwort: ", "Ich bin im Urlaub und ab {} wieder erreichbar. Ihre Mail wird nicht weitergeleitet."),
    (
        "Réponse automatique : ",
        "Bonjour, je suis absente du bureau jusqu'au {}. Pour toute urgence, appelez le standard.",
    ),
    ("Absence du bureau ", "Je serai de retour le {} et prendrai connaissance de votre message à mon retour."),
    ("Respuesta automática: ", "Estoy de vacaciones hasta el {}. En caso de urgencia, llame a la recepción."),
    ("Fuera de la oficina: ", "Hola, me encuentro fuera de la oficina y regreso el {}."),
    ("Resposta automática: ", "Estou ausente e retornarei no dia {}. Em caso de urgência, ligue para a recepção."),
    ("Risposta automatica: ", "Sono fuori ufficio e rientrerò il {}. Per urgenze contattare la segreteria."),
    ("Automatisch antwoord: ", "Ik ben afwezig tot {}. Bij spoed kunt u mijn collega bellen."),
    ("Autosvar: ", "Jag är på semester och åter den {}."),
    ("Automatisk svar: ", "Jeg er ikke på kontoret og er tilbake den {}."),
    ("Odpowiedź automatyczna: ", "Jestem na urlopie do {}. W pilnych sprawach proszę dzwonić do biura."),
    ("Автоматический ответ: ", "Я в отпуске до {}. По срочным вопросам звоните в офис."),
    ("自動返信: ", "これは自動返信です。{}まで不在にしております。"),
)
RECEIPTS = (
    ("", "We have received your message and will answer within two working days. Your ticket has been created: {}."),
    ("[Ticket 4711] ", "Your request has been received. Please do not reply to this email."),
    ("Eingangsbestätigung: ", "Wir haben Ihre Nachricht erhalten und melden uns bis {}."),
    ("", "Nous avons bien reçu votre message. Ceci est un message automatique, merci de ne pas répondre."),
    ("", "Hemos recibido su mensaje. Por favor no responda a este correo."),
    ("", "Recebemos o seu e-mail. Esta é uma mensagem automática."),
    ("", "Abbiamo ricevuto il suo messaggio. Questo è un messaggio automatico."),
    ("", "Anna Kowalski no longer works at this company. Please write to info@firm.example."),
)
HEADERS = (
    {},
    {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"},
    {"X-Autoreply": "yes", "Precedence": "bulk"},
    {"X-Auto-Response-Suppress": "OOF, AutoReply", "Return-Path": "<>"},
    {"Precedence": "auto_reply"},
    {"Return-Path": "<>"},
)
DELAYS = (2, 14, 75, 400)  # seconds

ANSWERS = (
    "Yes, please. Friday at {} suits us.",
    "Hi, thanks for getting back to me. How much would it cost for my daughter?",
    "Could you call me after {}? My number has not changed.",
    "I have an appointment elsewhere now, sorry.",
    "Sounds good, see you then!",
    "What are your opening hours? I work until {}.",
    "Sorry for the late answer, I was on vacation. Is the offer still open?",
    "I am out of the office until {}, can you call me on my mobile instead?",
    "We got your message. My husband will call you tomorrow.",
    "Ja gerne, am {} würde es gut passen.",
    "Guten Tag, was kostet die Behandlung ungefähr?",
    "Danke für Ihre Nachricht. Bitte rufen Sie mich ab {} Uhr an.",
    "Oui, vendredi à {} me convient très bien.",
    "Bonjour, est-ce que la première consultation est gratuite ?",
    "Merci, je vous rappelle demain.",
    "Sí, el viernes a las {} nos viene bien.",
    "¿Cuánto cuesta el tratamiento para mi hijo?",
    "Gracias, prefiero que me llamen por la tarde.",
    "Sim, sexta-feira às {} está ótimo.",
    "Quanto custa o aparelho? Posso pagar em parcelas?",
    "Sì, venerdì alle {} va bene.",
    "Grazie, quanto dura il trattamento?",
    "Ja, vrijdag om {} is prima.",
    "Tack, det passar bra på fredag.",
    "Dziękuję, proszę o telefon po {}.",
    "Да, в пятницу в {} удобно.",
)
OFFICE = (
    {},
    {"X-Mailer": "Apple Mail (2.3774)"},
    {"X-Auto-Response-Suppress": "DR, RN, NRN, OOF, AutoReply"},
    {"Feedback-ID": "1.us-east-1.abc=:AmazonSES"},
    {"List-Unsubscribe": "<mailto:leave@firm.example>", "List-Id": "<staff.firm.example>"},
    {"Return-Path": "<>"},
    {"Precedence": "bulk"},
)
WAITS = (45, 260, 4000, 90_000)  # seconds
PREFIXES = ("Re: ", "RE: ", "AW: ", "Rép : ", "RV: ", "")


def corpus() -> list[Letter]:
    """Return the mails, those of programs first. They are the same at each call."""
    return [*_of_programs(Random(5)), *_of_people(Random(6))]


def _of_programs(dice: Random) -> Iterator[Letter]:
    texts = [*ABSENCES, *RECEIPTS]
    for number, ((prefix, text), headers, delay) in enumerate(product(texts, HEADERS, DELAYS)):
        if (number // len(DELAYS) + number) % len(DELAYS) >= 3 and headers:
            continue
        without_prefix = dice.random() < 0.15
        subject = f"{'Re: ' if without_prefix or not prefix else prefix}Your consultation"
        yield _letter(text.format(_day(dice)), subject, headers, timedelta(seconds=delay), dice, by_program=True)


def _of_people(dice: Random) -> Iterator[Letter]:
    for number, (text, headers, wait) in enumerate(product(ANSWERS, OFFICE, WAITS)):
        if number % 2:
            continue
        prefix = PREFIXES[number % len(PREFIXES)]
        yield _letter(
            text.format(_day(dice)),
            f"{prefix}Your consultation",
            headers,
            timedelta(seconds=wait),
            dice,
            by_program=False,
        )


def _letter(
    text: str, subject: str, headers: dict[str, str], after: timedelta, dice: Random, *, by_program: bool
) -> Letter:
    message = EmailMessage()
    message["From"], message["To"] = "Mia Keller <mia@lead.example>", "hello@clinic.example"
    message["Subject"], message["Message-ID"] = subject, f"<{dice.random()}@mail.lead.example>"
    is_answer = dice.random() < 0.85
    if is_answer:
        message["In-Reply-To"] = message["References"] = SENT
    for name, value in headers.items():
        if is_answer or by_program or name not in {"Precedence", "List-Id", "List-Unsubscribe", "Return-Path"}:
            message[name] = value
    if not by_program:
        text += dice.choice(("", "\n\nMia", "\n\nBest,\nMia Keller\n\nSent from my iPhone"))
        if dice.random() < 0.7:
            text += "\n\nOn Tue, Mar 10, 2026 at 9:00 Bright Smiles <hello@clinic.example> wrote:\n> Dear Mia,"
    message.set_content(text)
    return Letter(message.as_bytes(), by_program, after, is_answer)


def _day(dice: Random) -> str:
    return f"{dice.randint(9, 17)}:30"


def text_of(letter: Letter) -> str:
    """Return the new text of a mail of the corpus."""
    return new_text(parse_email(letter.raw))
