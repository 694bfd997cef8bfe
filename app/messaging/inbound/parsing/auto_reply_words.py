"""Words of automatic replies, as `plain_words` writes them: without accents, apostrophes and punctuation.

Sources: the subjects that Outlook, Gmail, Lotus Notes, Zimbra and GMX write in each language, and the usual wording of
absences.
"""

from typing import Final

from app.security.folded_text import plain_words

_SUBJECTS: Final = """
automatic reply|automatic response|auto reply|autoreply|auto response|autoresponder|vacation reply|automated reply
automated response|absence notice
automatische antwort|abwesenheitsnotiz|abwesenheitsnachricht|abwesenheitsassistent|automatische rückantwort
automatische e mail antwort|eingangsbestätigung
réponse automatique|message d'absence|notification d'absence
respuesta automática|mensaje automático|respuesta de ausencia|autorespuesta
resposta automática|mensagem automática|resposta de ausência
risposta automatica|messaggio automatico
automatisch antwoord|afwezigheidsbericht|afwezigheidsassistent
automatisk svar|autosvar|automatiskt svar|fraværsmelding
odpowiedź automatyczna|automatyczna odpowiedź|autoodpowiedź
automaattinen vastaus|автоматический ответ|автоответ|автоматична відповідь|otomatik yanit
自動返信|自動応答|自动回复|自動回覆|자동 회신|자동 응답|automatická odpověď|automatikus válasz
răspuns automat|αυτόματη απάντηση
"""
# Subjects of programs that people write, too: "Out of office: Hello", but also "Absence of my son".
_ABSENCE_SUBJECTS: Final = """
out of office|out of the office|ooo|away from office|on vacation|i am out of|im out of
abwesend|ich bin nicht im büro|absence du bureau|absent du bureau|absent e|absence
fuera de la oficina|fuera de oficina|ausente|fora do escritório|ausência temporária|estou ausente
fuori ufficio|fuori sede|assente|assenza dall'ufficio|afwezig|niet aanwezig
frånvaro|fravær|ikke på kontoret|inte på kontoret|poza biurem|nieobecność|poissa|ofis dişinda
"""
# A person may write this, too.
_AWAY: Final = """
i am out of the office|im out of the office|i am out of office|im out of office|currently out of the office
will be out of the office|out of the office until|out of office until|i am away until|im away until
i am currently away
away from my desk|away from the office|away on holiday|away on leave|on annual leave|on vacation until
on holiday until
on parental leave|on maternity leave|on sick leave|limited access to e mail|limited access to email
limited access to my email
no access to my email|will return on|i will be back on|ill be back on|when i return|upon my return|upon return
after my return
for urgent matters|in urgent cases|if your matter is urgent|if it is urgent please contact
ich bin nicht im büro|ich bin derzeit nicht im büro|ich bin zur zeit nicht im büro|nicht im büro|nicht im hause
ich bin abwesend
bin ich nicht erreichbar|bin ich nicht im büro|ich bin im urlaub|bin bis|wieder erreichbar|ab dem wieder für sie da
in dringenden fällen|wird nicht weitergeleitet|werden nicht weitergeleitet|in elternzeit
je suis absent|je suis absente|je suis actuellement absent|je suis actuellement absente|absent du bureau
absente du bureau
je serai absent|je serai absente|je serai de retour|de retour le|en congé jusquau|en congés jusquau|en congé maternité
en vacances jusquau|je prendrai connaissance de votre message|en cas d'urgence|pour toute urgence
estoy fuera de la oficina|estaré fuera de la oficina|fuera de la oficina hasta|estoy de vacaciones
estaré ausente|me encuentro fuera
me encuentro ausente|de vacaciones hasta|regreso el|regresaré el|volveré el|en caso de urgencia|para asuntos urgentes
acceso limitado al correo|a mi regreso
estou ausente|estarei ausente|fora do escritório|estou de férias|estarei de férias|de férias até|retorno dia
retornarei em
retornarei no dia|em caso de urgência|acesso limitado ao e mail|acesso limitado aos e mails
sono fuori ufficio|sono assente|sarò assente|sarò fuori ufficio|sono in ferie|in ferie fino|rientrerò il
sarò di ritorno
in caso di urgenza|per urgenze|accesso limitato alla posta
ik ben afwezig|ik ben niet aanwezig|niet op kantoor|afwezig tot|met vakantie|met verlof|ik ben terug op|bij spoed
jag är inte på kontoret|jag är på semester|åter den|jeg er ikke på kontoret|på ferie til|tilbake den|jag är bortrest
jestem poza biurem|jestem na urlopie|przebywam na urlopie|w pilnych sprawach|jestem nieobecny|jestem nieobecna
я в отпуске|я отсутствую|буду отсутствовать|нахожусь в отпуске|ofis dişindayim|olen poissa
"""
# Only programs write this.
_BY_A_PROGRAM: Final = """
this is an automatic reply|this is an automated reply|this is an automated response|this is an automated message
this is an automatic response|this is an auto generated|this is an automatically generated
automatically generated email|automatically generated e mail|automatically generated message|auto generated email
auto generated message|this mailbox is not monitored|mailbox is not monitored|inbox is not monitored
unmonitored mailbox|your ticket has been created|ticket has been created
dies ist eine automatische antwort|diese e mail wurde automatisch|automatisch generierte|automatisch erstellt
automatisch erzeugte
ceci est une réponse automatique|ceci est un message automatique|message généré automatiquement
esta es una respuesta automática|este es un mensaje automático|mensaje generado automáticamente
esta é uma resposta automática|esta é uma mensagem automática|mensagem gerada automaticamente
questa è una risposta automatica|questo è un messaggio automatico|messaggio generato automaticamente
dit is een automatisch antwoord|dit is een automatisch bericht|automatisch gegenereerd
detta är ett automatiskt svar|dette er et automatisk svar|to jest automatyczna odpowiedź
wiadomość wygenerowana automatycznie
это автоматический ответ|bu otomatik bir yanittir|tämä on automaattinen vastaus
これは自動返信|このメールは自動|自动回复|自動回覆
"""
# A person may write one of these; a mail with two kinds of them is of a program.
_RECEIVED: Final = """
your message has been received|we have received your message|we have received your email
we have received your request|your request has been received|your email is important to us
your e mail is important to us
wir haben ihre nachricht erhalten|wir haben ihre e mail erhalten|ihre nachricht ist eingegangen
nous avons bien reçu votre message|nous avons bien reçu votre demande
hemos recibido su mensaje|hemos recibido su correo|hemos recibido su solicitud
recebemos sua mensagem|recebemos o seu e mail|abbiamo ricevuto il suo messaggio|abbiamo ricevuto la sua richiesta
wij hebben uw bericht ontvangen
"""
_NO_ANSWER: Final = """
do not reply to this email|do not reply to this e mail|do not reply to this message|do not respond to this email
please do not reply|bitte antworten sie nicht auf diese|ne pas répondre à ce message|merci de ne pas répondre
no responda a este correo|no responda a este mensaje|não responda a este e mail|não responda a esta mensagem
si prega di non rispondere|non rispondere a questa
"""
_LEFT: Final = """
is no longer with the company|no longer works at|no longer employed|this email address is no longer in use
this address is no longer in use|address is no longer monitored|has left the company
nicht mehr im unternehmen|nicht mehr für das unternehmen tätig|ne fait plus partie|ya no trabaja|não trabalha mais
non lavora più
"""
_DAYS: Final = """
monday tuesday wednesday thursday friday saturday sunday tomorrow
montag dienstag mittwoch donnerstag freitag samstag sonntag morgen
lundi mardi mercredi jeudi vendredi samedi dimanche demain
lunes martes miércoles jueves viernes sábado domingo mañana
segunda terça quarta quinta sexta amanhã
lunedì martedì mercoledì giovedì venerdì sabato domenica domani
"""


def _phrases(lines: str) -> tuple[str, ...]:
    return tuple(plain_words(phrase) for line in lines.strip().splitlines() for phrase in line.split("|"))


SUBJECTS: Final = _phrases(_SUBJECTS)  # beginnings
ABSENCE_SUBJECTS: Final = _phrases(_ABSENCE_SUBJECTS)  # beginnings
AWAY: Final = _phrases(_AWAY)
BY_A_PROGRAM: Final = _phrases(_BY_A_PROGRAM)
KINDS: Final = tuple(_phrases(lines) for lines in (_RECEIVED, _NO_ANSWER, _LEFT))
DAYS: Final = frozenset(plain_words(_DAYS).split())
