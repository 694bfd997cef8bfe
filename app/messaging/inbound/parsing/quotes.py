"""Quoted messages and lines of mail programs in plain text, in the languages that clinics write in. Pure."""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final

LONGEST_ATTRIBUTION: Final = 3  # lines: mail programs fold it at 76 characters
_MOST_CHARACTERS: Final = 300  # of an attribution

_PGP_BEGIN: Final = "-----BEGIN PGP SIGNED MESSAGE-----"
_PGP_SIGNATURE: Final = "-----BEGIN PGP SIGNATURE-----"
_PGP_END: Final = "-----END PGP SIGNATURE-----"

# `On … wrote:`, `Le … a écrit :`. Some languages have the name after the verb.
_BEGINNINGS: Final = "On|Le|El|Am|Il|Em|Op|A|Den|Dnia|W dniu|Il giorno"
_VERBS: Final = r"wrote|a écrit|escribió|schrieb|ha scritto|escreveu|schreef|va escriure|skrev|napisał\(?a?\)?"
_FIRST_LINE: Final = re.compile(rf"[>*\s]*(?:{_BEGINNINGS})\b.*\d")
_ATTRIBUTION: Final = re.compile(rf"[>*\s]*(?:{_BEGINNINGS})\b.*\d.*\b(?:{_VERBS})\b.*:\s*\*?$", re.IGNORECASE)

# `-----Original Message-----`, and the headers of the quoted message below it or below a line.
_RULE: Final = re.compile(
    r"[>\s]*-{3,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d.origine|Message original|Mensaje original"
    r"|Messaggio originale|Mensagem original|Oorspronkelijk bericht|Forwarded message|Weitergeleitete Nachricht"
    r"|Message transféré|Mensaje reenviado)\s*-{3,}\s*$",
    re.IGNORECASE,
)
_HEADERS: Final = {
    "from": "From|Von|De|Da|Van",
    "sent": "Sent|Date|Gesendet|Datum|Envoyé|Enviado(?: el| em)?|Fecha|Data|Inviato|Verzonden",
    "to": "To|An|À|Para|A|Aan",
    "subject": "Subject|Betreff|Objet|Asunto|Oggetto|Assunto|Onderwerp",
}
_HEADER_LINES: Final = {
    name: re.compile(rf"[>\s]*\*?(?:{labels})\s*:\*?\s*\S", re.IGNORECASE) for name, labels in _HEADERS.items()
}
_LINE: Final = re.compile(r"\s*[_-]{5,}\s*$")

_PROGRAMS: Final = (
    r"iPhone|iPad|iOS|Android|Outlook|Galaxy|Samsung|Yahoo|Gmail|Proton ?Mail|BlackBerry|Huawei|Xiaomi|Windows|Mail"
    r"|smartphone|mobile|móvil|Handy|telefoon"
)
_PROGRAM_LINE: Final = re.compile(
    r"\s*(?:"
    r"(?:Get|Download|Obtenir|Télécharger|Obtener|Descargar|Ottieni|Scarica|Obter|Baixar)(?: o)? Outlook"
    r" (?:for|pour|para|per) \w+"
    r"|(?:Holen Sie sich )?Outlook (?:für|voor) \w+(?: herunterladen| beziehen| downloaden)?"
    r"|(?:Sent|Envoyé|Enviado|Inviato|Verzonden|Gesendet|Skickat|Sendt)"
    r" (?:from|with|via|using|de|depuis|à partir|desde|con|do|da|dal|com|vanaf|van|met|mit|von|från|fra)\b"
    rf".*\b(?:{_PROGRAMS})(?:\b.{{0,30}})?|(?:Von|Mit) meinem .{{0,20}}\b(?:{_PROGRAMS})\b.{{0,20}} gesendet"
    r")\s*(?:<[^>]*>|\([^)]*\))?\.?\s*$",
    re.IGNORECASE,
)


def without_quotes(text: str) -> str:
    """Return the text without quoted messages, what introduces them, and PGP armour.

    Quoted lines and their introduction are left out, so that an answer below them stays. Everything after headers of a
    quoted message, or after an introduction without quoted lines, is the quoted message.
    """
    lines = _without_armour(text.splitlines())
    own: list[str] = []
    number = 0
    while number < len(lines):
        if own and _begins_message(lines[number:]):
            break
        if length := _attribution_length(lines[number:]):
            following = next((line for line in lines[number + length :] if line.strip()), "")
            if any(line.strip() for line in own) and not following.lstrip().startswith(">"):
                break
            number += length
        else:
            if not lines[number].lstrip().startswith(">"):
                own.append(lines[number])
            number += 1
    while own and (not own[-1].strip() or _LINE.match(own[-1])):
        own.pop()
    return "\n".join(own)


def is_program_line(line: str) -> bool:
    """Return whether a mail program wrote the line, such as `Sent from my iPhone`."""
    return len(line) < _MOST_CHARACTERS and bool(_PROGRAM_LINE.match(line))


def _without_armour(lines: Sequence[str]) -> list[str]:
    """Return the lines of a mail without the parts of a PGP signature around them."""
    if _PGP_BEGIN not in (line.strip() for line in lines[:20]):
        return list(lines)
    start = next(number for number, line in enumerate(lines) if line.strip() == _PGP_BEGIN)
    headers = list(takewhile(lambda line: line.strip(), lines[start + 1 :]))
    signed = list(takewhile(lambda line: line.strip() != _PGP_SIGNATURE, lines[start + 1 + len(headers) :]))
    after = [number for number, line in enumerate(lines) if line.strip() == _PGP_END]
    return [*lines[:start], *signed, *(lines[after[-1] + 1 :] if after else ())]


def _begins_message(lines: Sequence[str]) -> bool:
    """Return whether a quoted message begins here: a rule, or at least three of its headers, the sender first."""
    if _RULE.match(lines[0]):
        return True
    if not _HEADER_LINES["from"].match(lines[0]):
        return False
    block = list(takewhile(lambda line: line.strip(), lines[:6]))
    found = {name for name, header in _HEADER_LINES.items() if any(header.match(line) for line in block)}
    return len(found) > 2 and "sent" in found  # noqa: PLR2004  (of four)


def _attribution_length(lines: Sequence[str]) -> int:
    """Return the number of lines that introduce a quote, folded or not; 0: none begins here."""
    if not _FIRST_LINE.match(lines[0]):
        return 0
    for length in range(1, LONGEST_ATTRIBUTION + 1):
        joined = " ".join(line.strip() for line in lines[:length])
        if len(joined) < _MOST_CHARACTERS and _ATTRIBUTION.match(joined):
            return length
    return 0
