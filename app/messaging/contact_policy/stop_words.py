"""Words with which leads ask for no more messages, in six languages. Pure.

A word of `STOP` counts if the message is that word alone, in any case and spacing, with or without accents. Every
clinic obeys all languages: a lead may write in another one. Words that mean something else in another language are
left out, such as the Italian `fine`. Sources: CTIA, the keywords that Twilio, Vonage and Sinch obey, and the TCPA
(47 CFR 64.1200(a)(10)).
A phrase of `REQUESTS` in a longer message is a request that a user decides about.
"""

from collections.abc import Mapping
from typing import Final

STOP: Final[Mapping[str, str]] = {
    "en": "stop stopall quit end revoke optout cancel unsubscribe",
    "fr": "arret arreter arretez desabonner desabonnement desinscrire desinscription stopper",
    "es": "alto baja parar pare cancelar detener basta nomas desuscribir darmedebaja dardebaja",
    "de": "stopp halt abmelden abbestellen beenden austragen kündigen abmeldung",
    "pt": "parar pare sair cancelar descadastrar remover pararmensagens",
    "it": "ferma fermare basta annulla cancella cancellami disiscrivi disiscrivimi rimuovi arresta",
}
START: Final = "start unstop yesstart optin subscribe"

REQUESTS: Final[Mapping[str, str]] = {
    "en": """remove me|take me off|unsubscribe me|unsubscribe from|opt me out|opt out|stop emailing
stop e mailing|stop mailing|stop texting
stop messaging|stop contacting|stop calling|stop writing|stop sending|stop these|do not contact|dont contact
do not email|dont email
do not text|dont text|do not message|dont message|do not write|dont write|do not call me|dont call me
no more emails|no more e mails
no more mails|no more messages|no more texts|leave me alone|off your list|off this list|off your mailing list
delete my email
delete my number|delete my data|delete my details|delete me|not want to receive|dont want to receive
want no more|lose my number
please stop writing|please stop sending|quit emailing|quit texting|quit calling""",
    "fr": """ne plus recevoir|plus recevoir de|ne m envoyez plus|ne menvoyez plus|ne me contactez plus
ne m ecrivez plus|ne mecrivez plus
ne m appelez plus|ne mappelez plus|arretez de|arreter de m|plus de mails|plus de messages|plus de courriels
plus d e mails|me desinscrire
me desabonner|desinscrivez moi|desabonnez moi|retirez moi|me retirer de|supprimez mon|supprimer mon adresse
supprimez mes|laissez moi tranquille
cessez de|enlevez moi""",
    "es": """no me envien mas|no me envie mas|no me mande mas|no me manden mas|no me escriban|no me escriba
no me contacten|no me contacte
no me llamen|no me llame|no quiero recibir|no deseo recibir|dejen de|deje de enviar|deje de escribir
no mas correos|no mas mensajes
darme de baja|dar de baja|dame de baja|denme de baja|eliminen mis|eliminar mis datos|borren mis|borrar mis datos
quitenme|quiteme
sacame de|saquenme de|quitar de la lista|paren de|dejenme en paz""",
    "de": """keine weiteren|keine e mails mehr|keine emails mehr|keine mails mehr|keine nachrichten mehr
keine sms mehr|keine werbung
nicht mehr schreiben|nicht mehr anschreiben|nicht mehr kontaktieren|nicht mehr anrufen|nichts mehr schicken
nichts mehr senden|nicht weiter
kontaktieren sie mich nicht|schreiben sie mir nicht|rufen sie mich nicht|aus dem verteiler|aus ihrem verteiler
aus der liste|aus ihrer liste
bitte abmelden|melden sie mich ab|mich abmelden|bitte loschen sie|loschen sie meine|meine daten loschen
lassen sie mich in ruhe|horen sie auf
bitte aufhoren|widerrufe|kein interesse bitte""",
    "pt": """nao me enviem mais|nao me envie mais|nao me mande mais|nao me mandem mais|nao quero receber
nao quero mais receber|nao desejo receber
nao me escrevam|nao me contatem|nao me contactem|nao me liguem|nao me ligue|parem de|pare de|chega de mensagens
chega de e mails|me descadastrar
me descadastre|me remova|me removam|me retirem|me tirem|remover meu|excluam meu|excluir meus dados|apaguem meus
apagar meus dados
cancelar minha inscricao|deixem me em paz|me deixem em paz""",
    "it": """non inviatemi|non mi inviate|non mandatemi|non scrivetemi|non mi scrivete|non contattatemi
non mi contattate|non chiamatemi
non voglio ricevere|non voglio piu ricevere|non desidero ricevere|smettete di|smettetela|basta messaggi
basta email|basta e mail|cancellatemi
cancellate i miei|cancellare i miei dati|rimuovetemi|toglietemi|togliermi|disiscrivermi|disiscrivetemi
annullare l iscrizione|lasciatemi in pace
eliminate i miei""",
}
