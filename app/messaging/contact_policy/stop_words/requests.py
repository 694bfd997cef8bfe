"""Sentences that ask for no more messages, in six languages. Pure.

Each language combines verbs (write, send, call), negations and objects (messages, me, my number) in its word order. A
user decides about each request, so a sentence counts even if its words could be meant otherwise, but not if it names a
time or another way: "don't call me before five" asks for no silence. Patterns are written for folded words, see
app/security/folded_text.py, with single spaces, and commas as words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from app.security.folded_text import plain_words

_SENTENCE_ENDS: Final = re.compile(r"[.!?;:()]+(?=\s|$)|\n\s*\n|\n(?=[A-ZÀ-ÖØ-Þ])")
_END: Final = r"(?= ?,| ?$)"  # of a clause


MOST_FILLERS: Final = 12  # words between a verb and its object
_FILLERS: Final = re.compile(r"(\(\?:[^()]*<FILL>[^()]*\))\*")


@dataclass(frozen=True, slots=True)
class _Language:
    """Patterns of one language. `words` are names of parts that patterns contain in angle brackets.

    `always` is a request whatever follows. `unless_limited` is one unless the sentence, or what follows it, matches
    `limits`: a time, or another way to contact the lead.
    """

    words: dict[str, str]
    always: str
    unless_limited: str
    limits: str


_ENGLISH: Final = _Language(
    {
        "MAIL": r"(?:e ?mails?|mails?|mailings?|messages?|texts?|text messages?|sms|newsletters?|phone calls?"
        "|calls?|spam"
        r"|ads?|advertis\w+|marketing|promotions?|notifications?|correspondence|communications?|reminders?|letters?)",
        "DOING": r"(?:e ?mailing|mailing|texting|messaging|contacting|calling|writing|spamming|bothering|harassing"
        r"|pestering|phoning|ringing|disturbing|reaching out)",
        "DO": r"(?:e ?mail|mail|text|message|contact|call|write|spam|bother|phone|ring|disturb|reach out"
        r"|get in touch|get in touch with)",
        "NOT": r"(?:dont|do not|never|not|no longer|nor)",
        "FILL": r"(?:any|more|further|of|the|these|those|this|that|your|such|anymore|all|other|another|promotional"
        r"|commercial|automated|automatic|unwanted|future|please|and|or|stupid|me|us|to)",
        "LIST": r"(?:(?:mailing|e ?mail|contact|contacts|marketing|distribution|sms|text|calling|newsletter"
        "|messaging)s? )?"
        r"(?:lists?|database|newsletters?|e ?mails?|mailings?|messages|texts|contacts|records|system)",
        "WHERE": r"(?: (?:from|off|out of|on) (?:all |any )?(?:of )?(?:your|this|the|these|that|all"
        "|any)(?: of your)? <LIST>"
        r"| (?:from|off) (?:here|this|it|there|everything)<END>| please| thanks| now| immediately|<END>)",
        "OTHER": r"(?:from|of) (?!(?:<FILL> )*(?:<MAIL>|<LIST>|you|it|them|here|everything|this|these|those)\b)",
    },
    always=r"""
(?<!not )(?<!not want to )(?<!dont want to )(?<!never )(?<!didnt )unsubscribe(?: me| us)?(?! (?:me |us )?<OTHER>| (?:my|him|her|them|our|the) (?!<MAIL>|address|number|<LIST>))
(?:want|wish|like|how (?:do|can) (?:i|we)|please|id like) (?:to )?(?:unsubscribe|opt out|be unsubscribed)(?! <OTHER>)
opt(?:ing)? (?:me |us )?out(?! <OTHER>)|opt me out
(?<!not )(?:remov|delet|eras|unlist|strik|exclud)(?:e|ing)? (?:me|us)<WHERE>
tak(?:e|ing) (?:me|us) off(?: please|<END>)|(?:want|like|wish|be|get) off (?:of )?(?:your|this|all) <LIST>
(?<!dont )(?<!do not )(?<!never )(?:taking|take|get|drop|leave|remove|removing|removed|strike) (?:me|us|my \w+(?: \w+)?) (?:off|from|out of) (?:of )?(?:your|this|the|all|any) <LIST>
(?:removed|taken|deleted) (?:from|off) (?:your|this|the|all|any) <LIST>
(?<!not )(?:remov|delet|eras|los)(?:e|ing) (?:all )?(?:of )?my (?:\w+ )?(?:e ?mail|e mail address|mail|address|addresses|number|name|data|details|information|info|contact)(?! from the (?:wait|schedule|appointment))
(?:deletion|removal|erasure) of (?:all )?my (?:\w+ )?(?:data|details|information|address|number)
<NOT> (?:want|wish|like) to (?:be|remain|stay) (?:on|in|part of) (?:your|this|the|any) <LIST>
leave (?:me|us) (?:alone|in peace)
(?<!dont )(?<!do not )(?<!never )(?:remov|delet|eras)(?:e|ing) (?:this|our) (?:\w+ )?(?:e ?mail|e mail address|mail|address|number|contact)
(?:said|told you to|said to|asked you to) stop<END>
(?:cease|stop)(?: all| any| further| your)* contact
(?:dont|do not|not to|never|must not)(?: ever| please)? <DO>(?: to)? (?:me|us)(?: \w+)? (?:again|any ?more|ever|any longer)
(?:revoke|withdraw) (?:my )?(?:consent|permission)
""",  # noqa: E501
    unless_limited=r"""
(?<!had to )(?<!will )(?<!dont )(?<!do not )(?<!never )(?:stop|you stopped|quit|cease|desist from|cease and desist from|refrain from|discontinue|end|cut out)(?: all| with| please)? (?:<DOING>|sending (?:me|us|these|those|this|out|emails?|to))(?! (?:him|her|them|it|people|patients|the (?:insurance|school|pharmacy|doctor))\b)
(?<!to )(?<!dont )(?<!do not )(?<!never )(?:stop|quit|cease|discontinue|end|cancel|halt|enough)(?: (?:all|with|of|sending|receiving|getting))*(?: <FILL>)* <MAIL>
(?:want|like|need|ask|asked|asking) (?:you|this|it|these|them|everything|the <MAIL>|all)(?: all)? to stop<END>
(?:dont|do not|you not|must not|to not|not to|^never|please never)(?: ever| please)? <DO>(?: to)? (?:me|us|this (?:number|address|e ?mail)|my (?:number|phone|e ?mail|address|account)|again|any ?more)
(?:dont|do not|never|not to|no longer) send(?:ing)?(?: <FILL>)* (?:<MAIL>|anything|stuff|things|more<END>)
(?:no|not any|without|zero) (?:more|further)(?: <FILL>)* <MAIL>
<NOT> (?:want|wish|like to|care|consent|agree|interested in)(?: to)?(?: (?:be )?(?:receive|receiving|get|getting|see|have|hear))?(?: <FILL>)* (?:<MAIL>|from (?:you|your \w+)|anything (?:else )?from you)
<NOT> (?:want|wish|like) to (?:receive|get|hear from) (?:these|this|them|you|those|anything)(?: \w+)?<END>
(?:prefer|rather) not (?:to )?(?:receive|get|hear|be)(?: <FILL>)* (?:<MAIL>|contacted|called|texted|from you)
<NOT> (?:want|wish|like|agree|consent) (?:to )?be(?:ing)? (?:contacted|e ?mailed|called|texted|messaged|written to|disturbed|bothered)
(?:want|need|like|wish)(?: <FILL>)* <MAIL> to (?:stop|end)<END>
(?:dont|do not|no longer) (?:want|wish) (?:you|anyone|your \w+) to <DO>(?: to)? (?:me|us)
""",  # noqa: E501
    limits=r"today|tomorrow|tonight|before|until|till|between|during|at work|at night|at home|at the office"
    r"|at the moment"
    r"|instead|rather|prefer|weekends?|mornings?|evenings?|afternoons?|oclock|\d+ ?(?:am|pm)|early|late|unless|except"
    r"|mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|this week|next week|after \d+|about the appointment"
    r"|text me|call me back",
)

_FRENCH: Final = _Language(
    {
        "MAIL": r"(?:de?)?(?:e ?mails?|mails?|messages?|courriels?|courriers?|sms|textos?|newsletters?|publicites?"
        "|pubs?"
        r"|appels?|infolettres?|sollicitations?|relances?|spams?|promotions?|rien)",
        "ME": r"(?:me |m ?|nous )",
        "DO": r"(?:(?:ecri(?!t\b)|contact|appel|relanc|sollicit|harcel|telephon|recontact|rappel|importun|spam)\w*"
        "|(?:derang|embet)(?:ez|er))",
        "SEND": r"(?:envoy|envoi|adress|expedi|transmett)\w*",
        "FILL": r"(?:aux?|de|d|du|des|vos|votre|les|la|le|ces|cette|l|tous|toutes|aucun|aucune|autres?|moi|a"
        "|me|jamais|plus)",
        "LIST": r"(?:de|des|du) ?(?:la |votre |vos |cette |ces |toutes |tous )*(?:les |vos )?(?:listes?|fichiers?"
        "|base|newsletter|mailings?|envois|diffusion|contacts|destinataires)",
    },
    always=r"""
(?:desinscri|desabonn)\w* ?(?:moi|nous)|(?:me|nous) (?:desinscri|desabonn)\w*|(?:etre|suis) (?:desinscrit|desabonne)\w*
(?:demande|souhaite|veux|voudrais|desire|attends)(?: \w+){0,3} (?:desinscription|desabonnement|ma desinscription)
(?:supprim|retir|enlev|effac|ray|radi|ote|sort)\w* (?:moi|nous)(?: svp| merci| <LIST>|<END>)
(?:me|nous|mon \w+|mes \w+|mon adresse \w*) ?(?:supprim|retir|enlev|effac|ray|radi|ote|sort)\w* <LIST>
(?:supprim|effac|retir|enlev)\w* (?:de vos \w+ )?(?:toutes )?(?:mon|mes|ma) (?:\w+ )?(?:adresses?|e ?mail|mail|courriel|numero|coordonnees|donnees|nom|telephone)
etre (?:supprim|retir|enlev|ray|radi|desabonn)\w* <LIST>|n ?entrez (?:plus|pas) en contact
(?:laissez|laisse|fichez|foutez) (?:moi|nous) (?:tranquille|en paix|la paix)
(?:resili|annul)\w* (?:mon |l ?)?abonnement a (?:la |votre )?newsletter
(?:retire|revoque) mon consentement
""",  # noqa: E501
    unless_limited=r"""
\bne (?:plus|pas)(?: jamais)? <ME>?<DO>
\bn ?<DO> plus|refuse(?: de)? (?:recevoir|etre contacte\w*)|suppression de (?:toutes )?mes (?:donnees|coordonnees)
\bne <ME><DO>(?: surtout)? (?:plus|pas|jamais)
\bne (?:plus|pas)(?: jamais)? <ME>?<SEND>(?: (?:<FILL> )*<MAIL>|<END>)
\b(?:ne <ME>|n ?)<SEND> (?:plus|pas|jamais)(?: (?:<FILL> )*<MAIL>|<END>)
d?(?:arret|cess|stop)\w* (?:de |d ?|svp )*<ME>?(?:<DO>|<SEND>)
d?(?:arret|cess|stop)\w*(?: <FILL>)* (?:<MAIL>|envois?|tout contact)
(?:^|merci |svp |veux |veut |voulons |, |souhaite )plus(?: <FILL>)* <MAIL>
(?:souhait|ve[ux]|voul|voudr|desir|aimer)\w*(?: ne)? (?:plus|pas)(?: <FILL>)*(?: rien)? (?:recevoir|avoir|lire)(?: (?:<FILL> )*<MAIL>|<END>)
(?:souhait|ve[ux]|voul|voudr|desir|aimer)\w*(?: ne)? (?:plus|pas)(?: <FILL>)* etre (?:contact|sollicit|appel|derang|relanc|importun)\w*
\bne (?:plus|pas) recevoir(?: <FILL>)*(?: <MAIL>|<END>)
""",  # noqa: E501
    limits=r"aujourdhui|demain|avant|apres|entre|pendant|au travail|au bureau|plutot|preference|matin|soir|midi"
    r"|weekend|week end|ce jour"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|\d+ ?h(?:eures?)?\d*|heures|sauf|jusqu\w+|cette semaine"
    r"|le moment",
)

_SPANISH: Final = _Language(
    {
        "MAIL": r"(?:correos?(?: electronicos?)?|e ?mails?|mails?|mensajes?|sms|llamadas?|publicidad|propaganda"
        "|newsletters?"
        r"|boletin\w*|whatsapps?|spam|comunicacion\w*|notificaciones|promociones)",
        "DO": r"(?:escrib(?:an?|as|ais)|contact(?:en?|es|eis)|llam(?:en?|es|eis)|molest(?:en?|es|eis)|marqu(?:en?"
        "|es)|texteen?)",
        "SEND": r"(?:envi|mand|remit)(?:en?|es|eis|an?|as)",
        "DOING": r"(?:enviar|mandar|escribir|llamar|contactar|molestar|remitir|marcar)",
        "FILL": r"(?:mas|de|sus|tus|los|las|el|la|este|estos|esta|estas|ningun|ninguna|por favor|tipo|otros?"
        "|otras?|vuestros?|vuestras?|su|nunca|recibir|tantos)",
        "LIST": r"de (?:todas )?(?:la|las|su|sus|tu|esta|este|estas|el|vuestra|los) (?:\w+ )?(?:listas?|base|bases"
        r"|lista de \w+|registros?|boletin|newsletter|contactos)",
    },
    always=r"""
(?:darme|darnos|deme|denme|dame|dadme|me den|me de|denos|dar) de baja(?! (?:el|la|mi|mis|del|de la|de mi|al|a mi) (?!lista|suscripcion|boletin|newsletter|correo|mail|e ?mail))
(?:quiero|solicito|pido|deseo|necesito)(?: (?:la|mi|darme|una|de))* baja(?! (?:laboral|medica|por|el|la|mi))|desuscrib\w+|desapunt(?:e|a|ar|en)me
(?:cancel|anul)\w+ (?:la |mi |esta )?suscripcion(?: (?:al|a la) (?:boletin|newsletter|lista))?<END>
\bno quiero saber(?: nada)?(?: mas)? de (?:ustedes|vosotros|uds|ud|usted)|(?:eliminacion|supresion|borrado) de (?:todos )?mis datos
(?:elimin|borr|quit|sac|saqu|suprim|retir|remuev|remov)\w*(?:me|nos)(?: <LIST>| por favor| ya|<END>)
(?:elimin|borr|quit|suprim|retir)\w* (?:todos )?(?:mi|mis) (?:\w+ )?(?:correo|e ?mail|mail|datos|numero|nombre|direccion|telefono|contacto|informacion)
(?:\bme )?(?<!no )(?:elimin|borr|quit|sac|saqu|suprim|retir)\w* <LIST>(?! de espera)
(?:dejenme|dejeme|dejame|dejadme) (?:en paz|tranquil\w)
(?:revoco|retiro) (?:mi|el) consentimiento
\bno (?:me|nos) <DO> (?:nunca )?(?:mas nunca|nunca mas|jamas)
""",  # noqa: E501
    unless_limited=r"""
\bno (?:(?:me|nos) )?(?:vuelvan? a <DOING>(?:me|nos)?|<DO>(?: mas)?)|\bno (?:<DOING>(?:me|nos)|se pongan? en contacto)
\bno (?:quiero|deseo|queremos)(?: seguir)? recib\w+(?: <FILL>)* (?:informacion|nada)
\bno (?:(?:me|nos) )?<SEND>(?: (?:<FILL> )*(?:<MAIL>|nada)| mas<END>|<END>)
\bno (?:quiero|deseo|queremos|quisiera|deseamos|me interesa)(?: <FILL>)*(?: seguir recibiendo| recibir)?(?: <FILL>)* <MAIL>
\bno (?:quiero|deseo|queremos|quisiera) que (?:me|nos) (?:<DO>|<SEND> (?:<FILL> )*<MAIL>)
(?:^|, |por favor )no mas <MAIL>|basta de(?: <FILL>)* <MAIL>
(?<!no )(?:dejen?|deja|dejad|dejar|paren?|cesen?) (?:ya )?de <DOING>(?:me|nos|les|(?: <FILL>)* <MAIL>)
(?:dejar|deje) de recibir(?: <FILL>)* <MAIL>
(?<!no )(?:paren|detengan|cancelen|eliminen|suspendan)(?: con)?(?: <FILL>)* <MAIL>
""",  # noqa: E501
    limits=r"hoy|manana|antes|despues|hasta|entre|durante|trabajo|oficina|mejor|prefiero|lunes|martes|miercoles"
    r"|jueves|viernes"
    r"|sabado|domingo|horas?|las \d+|tarde|tardes|noche|noches|salvo|excepto|sino|ahora mismo|esta semana",
)

_GERMAN: Final = _Language(
    {
        "MAIL": r"(?:e ?mails?|mails?|nachrichten|nachricht|sms|newsletters?|werb\w+|werbe ?mails?|anrufe?"
        "|mitteilungen"
        r"|whatsapps?|whatsapp nachrichten|erinnerungen|kontaktaufnahmen?|post|spam|rundmails?|zuschriften)",
        "DO": r"(?:(?:kontaktier|schreib|ruf|mail|belastig|belaestig|nerv)(?:en|e)?|storen|stoeren)",
        "DONE": r"(?:kontaktiert|kontaktieren|angeschrieben|anschreiben|anzuschreiben|angerufen|anrufen|anzurufen"
        "|schreiben"
        r"|zu kontaktieren|zu schreiben|melden|zu melden|belastigt|belaestigt|belastigen|anmailen|angemailt"
        r"|zu belastigen)",
        "SEND": r"(?:send\w*|schick\w*|zusend\w*|zuschick\w*|ubersend\w*|sende\w*|ubermittel\w*)",
        "FILL": r"(?:mehr|weiteren?|von ihnen|ihre|ihren|eure|eurer|der|die|den|das|diese|diesen|solchen?"
        "|zukunftig|kunftig|bitte|jegliche|alle|ab sofort|ihrer|werblichen)",
        "LIST": r"(?:aus|von|vom) ?(?:dem|ihrem|ihrer|der|eurem|eurer|allen|diesem"
        r"|dieser)? ?(?:\w+ )?(?:\w*verteiler\w*|\w*liste|kartei|datenbank|newsletter|mailings?|datei)",
        "MY": r"(?:meine?n?|alle meine|meine personlichen) (?:\w+ )?(?:daten|adresse|mailadresse|e ?mail|mail"
        "|nummer|telefonnummer|handynummer|namen?|kontaktdaten|kontakt)",
        "WANT": r"(?:mochte|moechte|mochten|will|wollen|wunsche|wuensche|wunschen|bitte)",
    },
    always=r"""
(?:melde\w*|meld|trag\w*|bestell\w*) (?:sie )?(?:bitte )?(?:mich|uns) (?:bitte |hiermit )?(?:(?:<LIST> )?(?:ab|aus)<END>|<LIST>)
(?:losch\w*|loesch\w*|entfern\w*|streich\w*|nehm\w*|nimm)(?: sie)?(?: bitte)? (?:mich|uns)(?: bitte)?(?: <LIST>|<END>)
(?:mich|uns)(?: bitte)?(?: <LIST>)? (?:abmelden|abzumelden|austragen|auszutragen|loschen|zu loschen|entfernen|streichen)
(?:losch\w*|loesch\w*|entfern\w*|streich\w*)(?: sie)?(?: bitte)? <MY>
(?:mich|uns)(?: bitte)? (?:aus|von) (?:dem|der|ihrem|ihrer|diesem|dieser|allen) (?:\w+ )?(?:\w*verteiler\w*|\w*liste|newsletter|datenbank)
(?:bitten?|wunsche|wuensche)(?: hiermit)? (?:um |die )(?:\w+ )?(?:abmeldung(?! (?:vom|des|von) termin)|austragung|loschung)|loschung meiner (?:\w+ )?daten
<MY>(?: bitte)? <LIST>|<LIST> (?:gestrichen|geloscht|geloescht|entfernt|genommen|ausgetragen)
widersprech\w*(?: ich)?(?: hiermit)? (?:der|dem|ihrer|jeder|jeglicher|weiterer) (?:\w+ )?(?:nutzung|verwendung|verarbeitung|zusendung|werb\w+|kontaktaufnahme)
<MY>(?: bitte)?(?: <LIST>)? (?:zu )?(?:losch\w+|loesch\w+|entfern\w+|streich\w+)
(?:newsletter|mails|mailings|werbung|abo|e mails|sms)(?: \w+)? (?:abbestell\w*|abzubestellen|abmelden|stoppen|kundigen|kuendigen|einstellen)
(?:abbestell\w*|kundig\w*|kuendig\w*|bestelle)(?: \w+)? (?:newsletter|mails|mailings|verteiler|sms)
\b(?:lassen|lasst|lass)(?: sie)? (?:mich|uns) (?:bitte )?(?:endlich )?in (?:ruhe|frieden)
(?:widerruf\w*|entzieh\w*)(?: hiermit| ihnen)? (?:meine )?(?:einwilligung|zustimmung|einverstandnis)
\b<DO> (?:sie )?(?:mich|mir|uns) (?:bitte )?(?:nie (?:wieder|mehr)|niemals)
""",  # noqa: E501
    unless_limited=r"""
\bkeine(?:n)? weiteren?(?: \w+)? <MAIL>|\b(?<!bekomme )(?<!erhalte )(?<!habe )keine(?:n)?(?: <FILL>)* <MAIL>(?: \w+){0,2} mehr
(?:^|bitte |, )keine <MAIL>(?: mehr| bitte|<END>)|kein(?:en)? kontakt (?:mehr|zu ihnen)
(?:^|bitte |, )(?:schreibt|ruft|kontaktiert) (?:mich|mir|uns) (?:bitte )?nicht
(?:von|auf)(?: <FILL>)* <MAIL>(?: \w+)? (?:abzusehen|absehen|verzichten|zu verzichten)|stell\w*(?: sie)?(?: bitte)?(?: <FILL>)* <MAIL>(?: bitte)? ein|\bvon weiteren <MAIL>|unterlass\w*(?: sie)?(?: <FILL>)* <MAIL>
<WANT>(?: \w+){0,3} (?:keine?n?|nichts|nicht)(?: <FILL>)* (?:<MAIL>|<DONE>|horen|hoeren|bekommen|erhalten)
(?<!kann )(?<!konnte )(?<!konnen )nicht (?:mehr|weiter|langer)(?: an| von ihnen)? <DONE>
\b<DO> (?:sie |ihr )?(?:mich|mir|uns) (?:bitte )?(?:nicht|nichts)
\b<SEND> (?:sie |ihr )?(?:mir|uns) (?:bitte )?(?:nichts(?: mehr)?|keine?n?(?: <FILL>)* <MAIL>|nicht mehr<END>)
nichts mehr (?:<SEND>|von ihnen)
(?:hort|horen|hoeren|hor)(?: sie)?(?: bitte)?(?: endlich)? auf(?: ,)? (?:damit|mich|mir|uns|mit (?:den|ihren|diesen) <MAIL>)
(?:stopp\w*|stop)(?: sie)?(?: bitte)?(?: <FILL>)* <MAIL>
""",  # noqa: E501
    limits=r"heute|morgen|vor|nach|bis|zwischen|wahrend|uhr|lieber|sondern|stattdessen|montags?|dienstags?"
    r"|mittwochs?|donnerstags?"
    r"|freitags?|samstags?|sonntags?|abends?|morgens|vormittags?|nachmittags?|mittags?|arbeit|wochenende|ausser"
    r"|diese woche",
)

_PORTUGUESE: Final = _Language(
    {
        "MAIL": r"(?:e ?mails?|mails?|mensagens|mensagem|sms|ligacoes|publicidade|propagandas?|newsletters?"
        "|contatos?|contactos?"
        r"|promocoes|spam|comunicacoes|chamadas|notificacoes|whatsapps?)",
        "DO": r"(?:escrev(?:am?|as)|contat(?:em?|es)|contact(?:em?|es)|lig(?:uem?|ues)|incomod(?:em?|es)"
        "|cham(?:em?|es)|perturbem?)",
        "SEND": r"(?:envi(?:em?|es|ar)|mand(?:em?|es|ar))",
        "DOING": r"(?:enviar|mandar|escrever|ligar|contatar|contactar|incomodar|perturbar)",
        "FILL": r"(?:mais|de|suas|seus|os|as|o|a|este|estes|essas?|esses?|nenhum|nenhuma|por favor|tipo|outras?"
        "|outros?|vossas?|vossos?|receber|sua)",
        "LIST": r"d(?:a|as|e|esta|essa|este|esse|o|os) ?(?:sua |suas |vossa |tua |seu "
        r"|todas as )?(?:\w+ )?(?:listas?|base|newsletter|cadastro|lista de \w+|contatos)",
    },
    always=r"""
descadastr\w+|sair <LIST>|(?:ser|me) (?:removid|retirad|excluid)\w <LIST>|\bnao entrem? (?:mais )?em contac?to|(?:exclusao|remocao|eliminacao) (?:dos|de todos os) meus dados
(?:\bme |\bnos )(?:remov|retir|tir|exclu|apag|elimin)\w*(?: <LIST>| por favor|<END>)
(?:remov|retir|tir|exclu|apag|elimin|risqu)\w* (?:me|nos)(?: <LIST>| por favor|<END>)
(?:cancel|anul)\w+ (?:a |minha |a minha |esta )*(?:inscricao|assinatura|subscricao)(?: (?:da|na) newsletter)?<END>
(?:remov|apag|exclu|elimin|retir|tir)\w* (?:todos )?(?:o |os |a |as )?(?:meus?|minhas?) (?:\w+ )?(?:e ?mail|numero|dados|nome|contato|contacto|telefone|endereco)
(?:deixem? me|me deixem?|deixa me) em paz
(?:revogo|retiro) (?:o )?(?:meu )?consentimento
""",  # noqa: E501
    unless_limited=r"""
\bnao (?:me|nos) (?:voltem a <DOING>|<DO>)|\bnao <DO> (?:me|mais|para mim)
\bnao (?:quero|desejo|queremos)(?: mais)? receber(?: mais)? nada
\bnao (?:me |nos )?<SEND>(?: me)?(?: (?:<FILL> )*(?:<MAIL>|nada)| mais<END>|<END>)
\bnao (?:quero|desejo|queremos|gostaria de)(?: <FILL>)*(?: continuar a receber)?(?: <FILL>)* <MAIL>
\bnao (?:quero|desejo|queremos)(?: mais)? que (?:me |nos )(?:<DO>|<SEND> (?:<FILL> )*<MAIL>)
\bnao (?:quero|desejo|queremos)(?: mais)? (?:ser (?:contatad|contactad|incomodad|perturbad)\w|receber<END>|receber mais<END>)
(?<!nao )\b(?:parem?|deixem?|cessem) (?:ja )?de (?:me |nos )?<DOING>(?: me|(?: <FILL>)* <MAIL>|<END>)
(?<!nao )\b(?:parem?|cancelem?|suspendam)(?: <FILL>| com)* <MAIL>
(?:chega|basta) de(?: <FILL>)* <MAIL>|(?:^|, |por favor )(?:sem )?mais nenhuma? <MAIL>
""",  # noqa: E501
    limits=r"hoje|amanha|antes|depois|ate|entre|durante|trabalho|prefiro|em vez|segunda|terca|quarta|quinta|sexta"
    r"|sabado|domingo"
    r"|horas?|as \d+|\d+ ?h|tarde|noite|manha|exceto|esta semana|agora",
)

_ITALIAN: Final = _Language(
    {
        "MAIL": r"(?:e ?mails?|mails?|messaggi|messaggio|sms|chiamate|telefonate|pubblicita|newsletters?"
        "|comunicazion[ei]|promozioni"
        r"|spam|notifiche)",
        "DO": r"(?:scriv(?:ete|etemi|eteci|ere|ermi|a|ermi)|contatt(?:ate|atemi|ateci|are|armi|i)|chiam(?:ate"
        "|atemi|ateci|are|armi|i)"
        r"|telefon(?:ate|atemi|are|armi)|disturb(?:ate|atemi|are|armi|i)|importun\w+|cerc(?:ate|atemi))",
        "SEND": r"(?:mand(?:ate|atemi|ateci|are|armi|i)|invi(?:ate|atemi|ateci|are|armi|i)|sped\w+)",
        "DOING": r"(?:mandar|inviar|scriver|chiamar|contattar|disturbar|telefonar|tormentar)\w*",
        "FILL": r"(?:piu|di|le|i|gli|la|il|vostre|vostri|vostra|queste|questi|altre|altri|alcun|alcuna|per favore"
        "|altra|ulteriori|sue|suoi|ricevere|delle|dei|tutte|tutti)",
        "LIST": r"d(?:a|al|alla|alle|ai|ei|alla vostra|alle vostre|alla sua|a questa"
        r"|a tutte le) ?(?:l ?)?(?:\w+ )?(?:list[ae]?|mailing list|mailing|newsletter|elenc\w+|database|rubrica"
        "|contatti)",
    },
    always=r"""
disiscri\w+|essere (?:cancellat|rimoss|tolt|eliminat)\w <LIST>|(?:cancellazione|rimozione) (?:<LIST>|dei miei (?:\w+ )?dati)
(?:cancell|rimuov|togli|elimin)\w*(?:emi|ermi|etemi|atemi|itemi|armi|mi)(?: <LIST>| per favore| grazie|<END>)
(?:annull|cancell|disdi)\w+ (?:la |mia |la mia |l ?)*iscrizione(?: alla newsletter)?<END>
(?:cancell|rimuov|elimin|togli)\w* (?:tutti )?(?:i |la |il )(?:miei|mia|mio) (?:\w+ )?(?:dati|e ?mail|mail|indirizzo|numero|nome|contatto|telefono)
lasciatemi (?:in pace|stare)|mi lasci(?:ate)? in pace
(?:revoco|ritiro) (?:il )?(?:mio )?consenso
""",  # noqa: E501
    unless_limited=r"""
\bnon (?:mi |ci )(?:dovete |deve )?<DO>|\bnon (?:scrivetemi|contattatemi|chiamatemi|telefonatemi|disturbatemi|scrivermi|contattarmi|chiamarmi)
\bnon <DO>(?: mi)? piu|\bnon (?:voglio|desidero|vogliamo)(?: piu)? ricevere(?: piu)? (?:niente|nulla)
\bnon (?:mi |ci )?<SEND>(?: (?:<FILL> )*(?:<MAIL>|niente|nulla|altro)| piu<END>|<END>)
\bnon (?:voglio|desidero|vogliamo|vorrei|intendo|desideriamo)(?: <FILL>)*(?: ricevere)?(?: <FILL>)* <MAIL>
\bnon (?:voglio|desidero|vogliamo|vorrei|intendo)(?: piu)? (?:essere (?:contattat|chiamat|disturbat|importunat)\w|ricevere<END>|che mi (?:scriviate|contattiate|chiamiate|mandiate))
(?<!non )\b(?:smett|finit|piant)\w* (?:per favore )?di <DOING>|smettetela(?: con\b|<END>)
\bbasta(?: con| di)?(?: <FILL>)* <MAIL>|\bbasta <DOING>
\b(?:fermate|interrompete|bloccate|sospendete)(?: <FILL>)* <MAIL>
""",  # noqa: E501
    limits=r"oggi|domani|prima|dopo|fino|finche|tra|fra|durante|lavoro|ufficio|lunedi|martedi|mercoledi|giovedi"
    r"|venerdi|sabato"
    r"|domenica|ore|sera|mattina|pomeriggio|piuttosto|invece|preferisco|tranne|questa settimana",
)


def _filled(language: _Language, pattern: str) -> str:
    """Return the pattern with the words of its parts. Few words may fill a gap: more would take time without end."""
    pattern = _FILLERS.sub(rf"\1{{0,{MOST_FILLERS}}}", pattern)
    while "<" in re.sub(r"\(\?<", "", pattern):
        before = pattern
        for name, words in {**language.words, "END": _END}.items():
            pattern = pattern.replace(f"<{name}>", words)
        if pattern == before:
            break
    return pattern


def _compiled(language: _Language, lines: str) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b(?:{line})(?!\w)" for line in _filled(language, lines).splitlines() if line))


@cache
def _requests() -> Sequence[tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]]:
    """Return the patterns of each language, compiled by the processes that read messages."""
    return [
        (_compiled(one, one.always), _compiled(one, one.unless_limited), re.compile(rf"\b(?:{one.limits})\b"))
        for one in (_ENGLISH, _FRENCH, _SPANISH, _GERMAN, _PORTUGUESE, _ITALIAN)
    ]


def sentences_of(text: str) -> Sequence[str]:
    """Return the folded words of each sentence, with a comma between clauses."""
    parts = (
        " , ".join(filter(None, map(plain_words, re.split(r"[,\u2013\u2014]| - ", one))))
        for one in _SENTENCE_ENDS.split(text)
    )
    return [part for part in parts if part]


def asks_for_no_more(sentences: Sequence[str]) -> bool:
    """Return whether one of the sentences asks for no more messages."""
    for place, sentence in enumerate(sentences):
        following = " ".join(sentences[place : place + 2])
        for always, unless_limited, limits in _requests():
            if always.search(sentence):
                return True
            found = unless_limited.search(sentence)
            if found and not limits.search(f"{following[: found.start()]} , {following[found.end() :]}"):
                return True
    return False
