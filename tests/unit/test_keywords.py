"""Keywords in messages: only a message that says nothing else counts, and longer requests are found."""

import pytest

from app.messaging.contact_policy.keywords import Keyword, asks_to_stop, keyword_of, said
from app.messaging.models import AddressKind

EMAIL, PHONE = AddressKind.EMAIL, AddressKind.PHONE
BOTH = pytest.mark.parametrize("kind", list(AddressKind))

STOP = ["stop", "STOP", " Stop. ", "s t o p", "opt out", "OPT-OUT", "unsubscribe", "StopAll", '"stop"', "stop\n"]
STOP += ["ARRET", "arrêt", "ALTO", "baja", "Stopp", "PARAR", "pare!", "Sair", "Abmelden", "Désabonner", "basta"]
STOP += ["Disiscrivi", "dar de baja", "no más", "STOP 2"]
FRAMED = [
    "Stop, please!",
    "Pls stop",
    "stop stop",
    "Stop now. Thanks.",
    "Hi, unsubscribe please",
    "STOP!!! STOP!!!",
    "Please, please stop.",
    "Stop messages",
    "Stop all messages now",
    "Unsubscribe me please",
    "Thank you. Stop.",
    "Opt out, thank you very much",
    "Arrêtez svp",
    "Bonjour, désabonnement s'il vous plaît. Merci",
    "Désinscription merci d'avance",
    "Stop merci",
    "Baja, gracias",
    "Hola, dar de baja por favor",
    "Darme de baja ya",
    "Basta por favor",
    "Bitte abmelden",
    "Hallo, Abmeldung bitte, danke",
    "Stopp bitte sofort",
    "Bitte Werbung abbestellen",
    "Parar, por favor",
    "Sair, obrigada",
    "Descadastrar já",
    "Cancelar inscrição",
    "Basta, grazie",
    "Per favore disiscrivetemi",
]
SIGNED = [
    "STOP\n\nMia Keller",
    "Stop\nmia",
    "Dear team,\n\nstop please\n\nKind regards,\nTom Baker",
    "Good morning Dr. Lee\nUnsubscribe",
    "Unsubscribe\n\nMia Keller\nHead of Sales\nKeller Ltd\n12 Mill Road, Leeds\n+44 113 555 0143\nmia@kel.example",
    "Sehr geehrte Frau Braun,\n\nbitte abmelden.\n\nMit freundlichen Grüßen\nJens von der Heide\nwww.heide.example",
    "Bonjour Madame Petit,\nDésinscription svp\nCordialement\nLuc Petit",
    "Estimada doctora:\nBaja por favor\nSaludos\nAna de la Cruz",
]


@BOTH
@pytest.mark.parametrize("words", [*STOP, *FRAMED, *SIGNED])
def test_stop_in_any_case_and_spacing_with_politeness_greeting_and_signature(words: str, kind: AddressKind):
    assert keyword_of(words, kind) is Keyword.STOP
    assert not asks_to_stop(words, kind)


@pytest.mark.parametrize(("words", "kind"), [("Stop e-mails please", EMAIL), ("Abmelden vom Newsletter", EMAIL)])
def test_words_for_mails_count_in_mails_and_ask_in_texts(words: str, kind: AddressKind):
    assert keyword_of(words, kind) is Keyword.STOP
    assert keyword_of(words, PHONE) is None
    assert asks_to_stop(words, PHONE)


CARRIERS = ["quit", "end", "Revoke!", "cancel", "CANCELAR", "Annulla", "kündigen", "Kuendigen", "Beenden"]


@pytest.mark.parametrize("words", CARRIERS)
def test_words_of_carriers_opt_out_of_texts_and_ask_in_mails(words: str):
    assert keyword_of(words, PHONE) is Keyword.STOP
    assert (keyword_of(words, EMAIL), asks_to_stop(words, EMAIL)) == (None, True)


@BOTH
@pytest.mark.parametrize("words", ["Cancel, please", "Please end"])
def test_polite_words_of_carriers_ask_a_person(words: str, kind: AddressKind):
    assert (keyword_of(words, kind), asks_to_stop(words, kind)) == (None, True)


REQUESTS = {
    "en": [
        "I told you to stop",
        "I would rather not receive these messages",
        "We do not wish to get them",
        "Kindly remove this address from your system",
        "Do not get in touch with us again",
        "Please remove me from your list.",
        "Don't contact me again",
        "I want no more of this. Take me off this list, will you",
        "I would like to opt out of this",
        "How do I unsubscribe from these mails?",
        "Kindly stop writing to me.",
        "Would you please quit calling me",
        "Do not send me any further newsletters",
        "We do not wish to be contacted",
        "I no longer want to receive your texts",
        "No more reminders please, I chose another practice",
        "Never text me again!",
        "Delete my phone number",
        "Leave us alone",
        "Thanks for the information.\nStop\nWe found somebody else for it now.",
        "I chose another clinic. Unsubscribe.",
        "Enough of these messages",
        "Please don't\nwrite to me any more",
        "Take my address off your mailing list",
        "I don't want to hear from you",
        "Don’t email us anymore",
        "You may not write to this address; do not contact this number",
        "Please cease sending me advertising",
        "I asked you to stop",
        "I withdraw my consent",
        "Don't call me.",
    ],
    "fr": [
        "Je voudrais être retirée de votre liste",
        "N'entrez plus en contact avec nous",
        "Ne m'écrivez plus, merci.",
        "Je souhaite me désabonner",
        "Merci de ne plus me contacter",
        "Arrêtez de m'appeler",
        "Je ne veux plus recevoir de publicité",
        "Cessez vos relances",
        "Retirez-moi de votre fichier",
        "Effacez mon numéro",
        "Plus de courriels, svp",
        "Veuillez ne plus m’envoyer de SMS",
        "Nous ne souhaitons plus être contactés",
        "Ne nous envoyez plus rien",
        "Laissez-moi tranquille",
        "Désinscrivez-nous de tout cela",
    ],
    "es": [
        "Favor de no llamarme",
        "No vuelvan a escribirnos",
        "Quiten mi número",
        "Por favor no me envíen más correos",
        "Dejen de llamarme",
        "Ya no quiero recibir sus mensajes",
        "Quiero darme de baja de esto",
        "Bórrenme de su base de datos",
        "No me contacten",
        "No nos escriban más",
        "Eliminen mi número",
        "Basta de llamadas",
        "No deseo más publicidad de ustedes",
        "Anular la suscripción al boletín",
        "Déjenme en paz",
        "Solicito la baja de la lista",
    ],
    "de": [
        "Bitte stellen Sie die Mails ein",
        "Ich widerspreche der Nutzung meiner Daten",
        "Kein Kontakt mehr bitte, wir haben jemanden",
        "Bitte keine weiteren E-Mails!",
        "Ich möchte keine Nachrichten mehr.",
        "Schreiben Sie mir bitte nicht mehr",
        "Streichen Sie mich aus Ihrer Liste",
        "Ich will nicht mehr kontaktiert werden",
        "Löschen Sie meine Telefonnummer",
        "Schicken Sie mir nichts mehr",
        "Keine Werbung bitte, danke schön Herr Doktor",
        "Nehmen Sie mich aus dem Verteiler",
        "Ich moechte mich abmelden",
        "Hören Sie auf mir zu schreiben",
        "Ich widerrufe meine Einwilligung",
        "Lassen Sie mich in Ruhe",
        "Rufen Sie mich nie wieder an",
    ],
    "pt": [
        "Não entrem mais em contato",
        "Não quero receber mais nada",
        "Quero ser removida da lista",
        "Parem de me mandar mensagens",
        "Não me enviem mais nada",
        "Não quero mais receber e-mails",
        "Retirem-me da lista",
        "Me remova da sua lista, por favor",
        "Apaguem meus dados",
        "Chega de ligações",
        "Não desejo ser contatado",
        "Quero me descadastrar",
        "Não me liguem mais",
        "Cancelem minha assinatura",
        "Deixem-me em paz",
    ],
    "it": [
        "Vorrei essere cancellata dalla lista",
        "Smettetela con questi messaggi",
        "Grazie ma non telefonate più",
        "Vi prego, cancellatemi dalla vostra lista",
        "Smettete di scrivermi",
        "Non voglio più ricevere messaggi",
        "Non mi contattate più",
        "Basta con queste telefonate",
        "Rimuovetemi dall'elenco",
        "Cancellate i miei dati",
        "Non desidero essere contattato",
        "Non inviatemi altre comunicazioni",
        "Vorrei annullare l'iscrizione",
        "Lasciatemi in pace",
        "Non chiamatemi",
    ],
}


@pytest.mark.parametrize("text", [one for texts in REQUESTS.values() for one in texts])
def test_longer_requests_in_six_languages(text: str):
    assert asks_to_stop(text, EMAIL)
    assert keyword_of(text, EMAIL) is None


HARMLESS = [
    "We do not like phone calls, a mail is fine",
    "Please don't stop writing",
    "Don't stop the reminders, they help",
    "Do not remove me from the list",
    "Mon mari ne m'écrit plus",
    "I was told to stop",
    "I don't want you to call my mother",
    "No dejen de escribirme",
    "Can I get off the list for Monday?",
    "Je veux plus d'informations",
    "",
    "Please stop by tomorrow.",
    "I cannot stop thinking about it",
    "Call me at the end of the week",
    "Kein Problem, bis Montag",
    "No puedo el lunes",
    "Ne vous inquiétez pas",
    "Please cancel my visit on Friday",
    "Stop by any time",
    "The tram stop is in front of your door",
    "We had to stop the braces last year",
    "My son does not stop grinding",
    "Should I unsubscribe my wife from the insurance plan?",
    "Unsubscribe from my dental insurance first?",
    "Can I opt out of the x-ray?",
    "Remove my appointment on Tuesday",
    "Can you remove me from the waiting list?",
    "Please take the wires off",
    "Please don't call me before five",
    "Don't call me today, I am at work",
    "Please do not call, text me instead",
    "Don't contact me at work, please.",
    "You never call me back!",
    "It does not bother me",
    "I have no more questions",
    "I don't want any more treatment",
    "I do not want to get braces",
    "You did not call me",
    "I received no e-mail from you",
    "I don't want to miss your messages",
    "When does the pain stop? Thanks",
    "Delete the second invoice, please",
    "Annulez mon rendez-vous de lundi",
    "Supprimez mon rendez-vous de jeudi",
    "Ça ne me dérange pas",
    "Ne m'appelez pas avant midi",
    "Je n'ai plus de douleurs",
    "L'arrêt de bus est proche",
    "Retirez-moi cet appareil",
    "Je n'ai pas reçu de message",
    "No me llamen mañana, mejor el lunes",
    "No me llamaron ayer",
    "Elimine la cita del lunes",
    "Quíteme los brackets",
    "Soy alto, moreno",
    "No me molesta",
    "Estoy de baja laboral",
    "Bitte löschen Sie den Termin am Freitag",
    "Rufen Sie mich nicht vor neun Uhr an",
    "Ich habe keine E-Mail bekommen",
    "Das stört mich nicht",
    "Ich muss den Termin absagen",
    "Rufen Sie mich morgen nicht an, lieber am Montag",
    "Ich kann nicht mehr schreiben, der Akku ist leer",
    "Não me liguem hoje",
    "Cancelem a consulta de terça",
    "Não me incomoda",
    "Não recebi nenhuma mensagem",
    "Pare na próxima esquina e ligue",
    "Non mi chiamate prima delle nove",
    "Cancellate il mio appuntamento",
    "Non mi disturba",
    "Toglietemi l'apparecchio",
    "Il dolore non si ferma",
    "How do I get to you from the stop, and where do I park?",
    "Start",
    "Thank you",
    "Hi",
]


@BOTH
@pytest.mark.parametrize("text", [None, *HARMLESS])
def test_other_messages_are_no_request(text: str | None, kind: AddressKind):
    assert not asks_to_stop(text, kind)
    assert keyword_of(text, kind) is not Keyword.STOP


@BOTH
@pytest.mark.parametrize(
    "words",
    [
        "Stop\n\nby the way, I would like to know more about the costs of it all",
        "STOP\nI CHANGED MY MIND ABOUT FRIDAY",
        "Stop\nCall me?",
        "Stop.\n\nOur phone number is still the old one, you can use it at any time that suits you",
    ],
)
def test_stop_word_above_a_sentence_asks_a_person(words: str, kind: AddressKind):
    assert (keyword_of(words, kind), asks_to_stop(words, kind)) == (None, True)


def test_requests_are_found_at_the_end_of_long_messages():
    text = "We were very happy with the first visit, and my daughter likes the colour.\n" * 400
    assert not asks_to_stop(text, EMAIL)
    assert asks_to_stop(f"{text}\nBut please do not send us any more messages.", EMAIL)


def test_mail_without_text_says_its_subject():
    assert said("STOP\n\nMia Keller", "Re: Hello") == "STOP\n\nMia Keller"
    assert said(" \n", "Re: AW: Unsubscribe") == "Unsubscribe"


@BOTH
@pytest.mark.parametrize("words", ["START", "unstop", "Start, please"])
def test_start(words: str, kind: AddressKind):
    assert keyword_of(words, kind) is Keyword.START


@BOTH
@pytest.mark.parametrize(
    "words",
    [None, "", "  ", "please", "We cancel the 3 o'clock", "fine", "ßtop", "стоп stop", "st" + "o" * 50, "Stop. Start."],
)
def test_other_words_are_no_keyword(words: str | None, kind: AddressKind):
    assert keyword_of(words, kind) is None


@pytest.mark.parametrize(
    ("begin", "filler", "end"),
    [("No quiero", " mas", " dolor"), ("je ne souhaite plus", " vos", " dire"), ("stop", " all of", " teeth")],
)
def test_message_of_fillers_takes_no_endless_search(begin: str, filler: str, end: str):
    """Patterns that may read words in two ways would try each of 2^60 ways."""
    assert not asks_to_stop(f"{begin}{filler * 60}{end}", AddressKind.EMAIL)
