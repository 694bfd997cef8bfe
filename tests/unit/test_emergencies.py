"""Emergencies in messages, in six languages."""

import pytest

from app.messaging.inbound.sentiment.emergencies import emergency_words


@pytest.mark.parametrize(
    "text",
    [
        "My wire is poking and it hurts",
        "The bracket of my youngest son just broke",
        "Elle s'est cassé une dent de devant",
        "El alambre le corta la mejilla",
        "Er hat ein Stück von seiner Spange verschluckt",
        "O fio está cortando a bochecha",
        "A mio figlio si è rotto un attacco",
        "I can't stand the pain",
        "It does not stop bleeding!",
        "A bracket fell off, can you help?",
        "Mon fils a très mal aux dents",
        "J'ai trop mal depuis hier",
        "Ça n'arrête pas de saigner",
        "mi hijo tiene mucho dolor",
        "No aguanto el dolor",
        "Se me cayó el bracket",
        "Ich habe starke Schmerzen",
        "Das Zahnfleisch ist geschwollen",
        "Es hört nicht auf zu bluten",
        "Meu filho está com muita dor",
        "O braquete soltou ontem",
        "Mio figlio ha mal di denti",
        "Non smette di sanguinare",
        "Si è staccato un attacco",
        "Se me ha roto el bracket y me clava",
        "Ich blute stark",
        "se le salió un diente",
        "my son is in agony",
        "The wires are digging into his cheek",
        "Le fil de l'appareil me blesse",
        "Sa dent est tombée après un choc",
        "El arco se soltó anoche",
        "Der Draht der Spange ist verbogen und scheuert",
        "Meu filho perdeu um dente",
        "O arco do aparelho está machucando",
        "Il filo mi graffia la guancia",
        "Mia figlia è in agonia",
        "He cannot breathe",
        "I have a pain in my jaw",
    ],
)
def test_emergency_is_found(text: str):
    assert emergency_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Thank you, that works for me.",
        "Does it hurt to get braces?",
        "Are braces painful?",
        "He has no pain any more",
        "Is there pain after the first visit?",
        "Je n'ai pas de douleur",
        "Ça fait mal de mettre un appareil ?",
        "Ya no tiene dolor",
        "¿Duele ponerse brackets?",
        "Tut das weh?",
        "Keine Schmerzen mehr, danke",
        "Ele está sem dor",
        "Fa male mettere l'apparecchio?",
        "Nessun dolore, grazie",
        "How much are broken appointments?",
        "It's a pain to find parking",
        "Parking is a pain",
        "You use bleeding edge technology",
        "Do you need a blood test?",
        "It doesn't hurt to ask",
        "J'ai mal compris l'heure",
        "Il faut une prise de sang",
        "Encontrar sitio es un dolor de cabeza",
        "Das tut niemandem weh",
        "Isso dói no bolso",
        "Servono le analisi del sangue?",
        "Die Blüte ist schön",
        "The wire was changed, and we have not broken any rule about appointments",
    ],
)
def test_question_and_negation_are_no_emergency(text: str):
    assert emergency_words(text) == ()
