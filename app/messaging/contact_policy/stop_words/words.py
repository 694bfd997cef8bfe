"""Stop words, and the words that may stand around them, in six languages. Pure.

A word of `STOP` counts with or without accents, in any case and spacing. Every clinic obeys all languages: a lead may
write in another one. Words that mean something else in another language are left out, such as the Italian `fine`.
Sources: CTIA, the keywords that Twilio, Vonage and Sinch obey, and the TCPA (47 CFR 64.1200(a)(10)).
Words of `STOP_IN_TEXTS` are the carriers' words for text messages. In an e-mail they may be about an appointment.
Phrases are separated by `|`, words by spaces.
"""

from collections.abc import Mapping
from typing import Final

STOP: Final[Mapping[str, str]] = {
    "en": "stop|stop all|stopall|opt out|optout|opt me out|unsubscribe|unsubscribe me",
    "fr": "arrêt|arrêter|arrêtez|désabonner|désabonnez moi|me désabonner|désabonnement|désinscrire|me désinscrire"
    "|désinscrivez moi|désinscription|stopper|stoppez",
    "es": "alto|baja|parar|pare|paren|detener|basta|no más|desuscribir|desuscribirme|dar de baja|darme de baja"
    "|deme de baja|denme de baja",
    "de": "stopp|stoppen|abmelden|mich abmelden|abbestellen|austragen|abmeldung",
    "pt": "parar|pare|parem|sair|descadastrar|me descadastrar|descadastrem me|parar mensagens",
    "it": "ferma|fermate|fermare|fermatevi|basta|cancellami|cancellatemi|disiscrivi|disiscrivimi|disiscrivetemi"
    "|disiscrivermi|arresta",
}
STOP_IN_TEXTS: Final = (
    "quit|end|revoke|cancel|cancelar|remover|annulla|cancella|rimuovi|kündigen|kündigung|beenden|halt|résilier"
)
START: Final = "start|unstop|yesstart|optin|opt in|subscribe"

# They mean something else in the middle of a message.
ONLY_ALONE: Final = "alto|baja|parar|pare|paren|basta|sair|ferma|arrêt|no más|detener"

# What is stopped. Words for one kind of message count only in a message of this kind.
MESSAGES: Final = (
    "message|messages|messaging|list|lista|liste|contact|contacting|subscription|subscriptions|reminders|ads|spam"
    "|marketing|abonnement"
    "|mensajes|mensaje|suscripción|suscripciones|publicidad|propaganda|nachrichten|werbung|mensagens|inscrição"
    "|assinatura|subscrição|publicidade|messaggi|iscrizione|l'iscrizione|pubblicità|publicité|pub"
)
EMAILS: Final = (
    "email|emails|e mail|e mails|emailing|mail|mails|mailing|mailings|newsletter|newsletters|courriel|courriels"
    "|d'e mails"
    "|l'e mail|correo|correos|boletín|mailing list|verteiler|infolettre"
)
TEXTS: Final = "text|texts|texting|text messages|sms|textos|whatsapp"

# Politeness, greetings and small words around a stop word. They change nothing about the request.
AROUND: Final[Mapping[str, str]] = {
    "en": "please|pls|plz|kindly|thanks|thank you|thank u|thx|ty|many thanks|thank you for your understanding"
    "|thank you very much|now|right now|at once"
    "|immediately|today|already|it|this|these|those|the|your|my|me|all|any|sending|from|to|and|just|ok|okay|hello"
    "|hi|hey"
    "|good morning|good afternoon|good evening|dear sir or madam|dear all|regards|kind regards|best regards|best"
    "|best wishes"
    "|sincerely|yours sincerely|yours faithfully|cheers|asap",
    "fr": "s'il vous plaît|s'il te plaît|s il vous plait|svp|stp|merci|merci beaucoup|merci d'avance"
    "|merci de votre compréhension|merci pour votre compréhension|de|du|les|vos|la|à la"
    "|ces|tout|tous|aux|maintenant|immédiatement|bonjour|bonsoir|salut|madame|monsieur|madame monsieur|cordialement"
    "|bien cordialement|bien à vous|cdlt",
    "es": "por favor|porfavor|gracias|muchas gracias|gracias por su comprensión|ya|ahora|inmediatamente|los|las|el"
    "|mi|mis|sus|todo|todos|de|del|a"
    "|hola|buenos días|buenas tardes|buenas noches|buenas|saludos|un saludo|atentamente|cordialmente",
    "de": "bitte|danke|vielen dank|vielen dank für ihr verständnis|danke für ihr verständnis|vielen dank im voraus"
    "|danke schön|dankeschön|herzlichen dank|sofort|jetzt|umgehend|alle|alles|die|den|das|ihre"
    "|ihren|mit|von|vom|hallo|guten tag|guten morgen|guten abend|sehr geehrte damen und herren"
    "|mit freundlichen grüßen"
    "|freundliche grüße|viele grüße|liebe grüße|beste grüße|mfg|lg|vg|gruß|grüße|unverzüglich",
    "pt": "favor|obrigado|obrigada|muito obrigado|muito obrigada|agora|já|imediatamente|os|as|o|minha|meu|suas"
    "|seus|da|das|dos|olá"
    "|oi|bom dia|boa tarde|boa noite|atenciosamente|cumprimentos|com os melhores cumprimentos|abraço|att",
    "it": "per favore|perfavore|per piacere|per cortesia|grazie|grazie mille|prego|vi prego|subito|adesso|ora|le|i"
    "|il|mia|mio"
    "|tutto|tutti|dalla|ciao|buongiorno|buonasera|salve|saluti|cordiali saluti|distinti saluti|un saluto",
}
# A line that begins so may greet a person by name.
GREETINGS: Final = frozenset(
    [
        "hello",
        "hi",
        "hey",
        "dear",
        "good",
        "morning",
        "bonjour",
        "bonsoir",
        "salut",
        "cher",
        "chere",
        "madame",
        "monsieur",
        "hola",
        "buenos",
        "buenas",
        "estimado",
        "estimada",
        "estimados",
        "hallo",
        "guten",
        "sehr",
        "liebe",
        "lieber",
        "ola",
        "oi",
        "bom",
        "boa",
        "caro",
        "cara",
        "prezado",
        "prezada",
        "ciao",
        "buongiorno",
        "buonasera",
        "gentile",
        "salve",
        "egregio",
        "spettabile",
    ]
)
# Words in small letters in a name, a title or an address below a message.
IN_NAMES: Final = frozenset(
    [
        "of",
        "the",
        "and",
        "for",
        "at",
        "in",
        "de",
        "del",
        "della",
        "di",
        "da",
        "do",
        "dos",
        "das",
        "du",
        "des",
        "la",
        "le",
        "les",
        "von",
        "van",
        "der",
        "den",
        "zu",
        "und",
        "et",
        "y",
        "e",
        "i",
        "dr",
        "med",
        "dent",
        "tel",
        "fon",
        "phone",
        "mobile",
        "mobil",
        "fax",
    ]
)
