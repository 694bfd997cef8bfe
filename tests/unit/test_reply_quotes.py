"""New text of replies: quotes, program lines and armour in seven languages, from the bytes of real mails."""

import pytest

from app.messaging.inbound.parsing.parse import parse_email
from app.messaging.inbound.parsing.reply_text import new_text

NEW = "Yes, Tuesday at ten works.\n\nThank you!"
QUOTE = "> Hello Mia,\n> shall we talk?\n"
WORDS = "Hello Mia,\nshall we talk?\n"
ADDRESS = "<hello@clinic.example>"
RULE = "_" * 32


def read(text: str, charset: str = "utf-8") -> str:
    """Return the new text of a mail with this text."""
    head = f"From: mia@people.example\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode()
    return new_text(parse_email(head + text.replace("\n", "\r\n").encode(charset)))


@pytest.mark.parametrize(
    "introduction",
    [
        f"Le mar. 10 mars 2026 à 11:00, Bright Smiles {ADDRESS} a\nécrit :",
        f"Le mar. 10 mars 2026 à 11:00, Bright Smiles\n{ADDRESS} a écrit :",
        "Le 10 mars 2026 à 11:00, Bright Smiles <\nhello@clinic.example> a écrit :",
        "Le mardi 10 mars 2026, Bright\nSmiles a écrit :",
        "El mar, 10 mar 2026 a las 11:00, Bright Smiles (<\nhello@clinic.example>) escribió:",
        f"El mar, 10 mar 2026 a las 11:00, Bright Smiles\n({ADDRESS}) escribió:",
        f"El mar, 10 mar 2026 a las 11:00, Bright Smiles ({ADDRESS})\nescribió:",
        f"Am Di., 10. März 2026 um 11:00 Uhr schrieb Bright Smiles\n{ADDRESS}:",
        f"Il giorno mar 10 mar 2026 alle ore 11:00 Bright Smiles\n{ADDRESS} ha scritto:",
        f"Em ter., 10 de mar. de 2026 às 11:00, Bright Smiles\n{ADDRESS} escreveu:",
        f"Op di 10 mrt 2026 om 11:00 schreef Bright Smiles\n{ADDRESS}:",
        f"On Tue, Mar 10, 2026 at 11:00 AM Bright Smiles\n{ADDRESS} wrote:",
    ],
)
def test_folded_introductions_are_cut_above_and_below_the_answer(introduction: str):
    assert read(f"{NEW}\n\n{introduction}\n\n{QUOTE}") == NEW
    assert read(f"{NEW}\n\n{introduction}\n\n{WORDS}") == NEW  # without marks before the quoted lines
    assert read(f"{introduction}\n\n{QUOTE}\n{NEW}\n") == NEW
    assert read(f"{introduction}\n{QUOTE}\n{NEW}\n\n-- \nMia Keller\n") == NEW


HEADERS = {
    "en": ("From: ", "Sent: ", "To: ", "Subject: ", "Original Message"),
    "de": ("Von: ", "Gesendet: ", "An: ", "Betreff: ", "Ursprüngliche Nachricht"),
    "fr": ("De : ", "Envoyé : ", "À : ", "Objet : ", "Message d'origine"),
    "es": ("De: ", "Enviado el: ", "Para: ", "Asunto: ", "Mensaje original"),
    "it": ("Da: ", "Inviato: ", "A: ", "Oggetto: ", "Messaggio originale"),
    "pt": ("De: ", "Enviado: ", "Para: ", "Assunto: ", "Mensagem original"),
    "nl": ("Van: ", "Verzonden: ", "Aan: ", "Onderwerp: ", "Oorspronkelijk bericht"),
}


@pytest.mark.parametrize("language", HEADERS)
def test_headers_of_outlook_begin_the_quoted_message(language: str):
    *labels, words = HEADERS[language]
    values = (f"Bright Smiles {ADDRESS}", "10.03.2026 11:00", "Mia Keller", "Your visit")
    block = "\n".join(f"{label}{value}" for label, value in zip(labels, values, strict=True))
    bold = "\n".join(f"*{label.strip()}* {value}" for label, value in zip(labels, values, strict=True))
    for quoted in (block, bold, f"{RULE}\n{block}", f"-----{words}-----\n{block}", f"Sent from my iPhone\n\n{block}"):
        assert read(f"{NEW}\n\n{quoted}\n\n{WORDS}") == NEW
    assert read(f"{block}\n\n{WORDS}")  # nothing else is there


@pytest.mark.parametrize(
    "line",
    [
        *("Sent from my iPhone", "Sent from Outlook for Android", "Sent from Yahoo Mail on Android"),
        *("Get Outlook for Android<https://aka.ms/AAb9ysg>", "Get Outlook for iOS"),
        *("Envoyé de mon iPhone", "Envoyé depuis mon iPhone", "Envoyé à partir de Outlook pour Android"),
        *("Obtenir Outlook pour Android<https://aka.ms/AAb9ysg>", "Télécharger Outlook pour Android"),
        *("Enviado desde mi iPhone", "Obtener Outlook para iOS", "Enviado do meu iPhone"),
        *("Obter o Outlook para Android", "Inviato da iPhone", "Ottieni Outlook per Android"),
        *("Von meinem iPhone gesendet", "Gesendet von Outlook für iOS", "Outlook für Android herunterladen"),
        *("Verzonden vanaf mijn iPhone", "Outlook voor Android downloaden"),
    ],
)
def test_lines_of_mail_programs_are_cut(line: str):
    assert read(f"{NEW}\n\n{line}\n") == NEW
    assert read(f"{NEW}\n\n{line}\n\nOn Tue, Mar 10, 2026 Bright Smiles {ADDRESS} wrote:\n\n{QUOTE}") == NEW


def test_answers_between_quoted_lines_stay():
    quoted = f"On Tue, Mar 10, 2026 Bright {ADDRESS} wrote:\n> When?\nTuesday.\n> Where?\nAt your place.\n"
    assert read(quoted) == "Tuesday.\nAt your place."


@pytest.mark.parametrize("quoted", ["", f"\n\nOn Tue, Mar 10, 2026 Bright Smiles {ADDRESS} wrote:\n{QUOTE}"])
def test_armour_of_pgp_is_cut(quoted: str):
    signature = "-----BEGIN PGP SIGNATURE-----\n\niQEzBAEBCAAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n"
    assert read(f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{NEW}{quoted}\n{signature}") == NEW


@pytest.mark.parametrize(
    "words",
    [
        "From: my mother I heard about you.\nTo: see you would be great.",
        "I got Outlook for Android working",
        "On 10 March I can come:\nmorning or afternoon",
        "My dentist wrote:\nplease call her",
        "What I want:\n- brackets\n- a date",
    ],
)
def test_words_of_the_sender_stay(words: str):
    assert read(words) == words


@pytest.mark.parametrize("declared", ["iso-8859-1", "latin1", "ISO_8859-1"])
def test_characters_of_windows_declared_as_latin_1_are_read(declared: str):
    head = f"From: mia@people.example\r\nContent-Type: text/plain; charset={declared}\r\n\r\n".encode()
    assert new_text(parse_email(head + "C’est “parfait” – 950 €, à bientôt…".encode("cp1252"))) == (
        "C’est “parfait” – 950 €, à bientôt…"
    )
