"""What is written like a name or an identifier and is nobody's: products, authorities, peoples, references, deadlines, days of events."""

from __future__ import annotations

from functools import cache

import pytest

from app.settings import load_settings
from compliance.redaction.engine import Redactor
from compliance.redaction.gazetteer import NAMING, Gazetteer
from compliance.redaction.tagger import NAMES, NameTagger, _names_nobody
from compliance.redaction.tokens import tokens
from factory.names.gazetteer import nobody


@cache
def redactor() -> Redactor:
    return Redactor(names=NameTagger.load(load_settings().models / "names"))


def found(text: str) -> list[tuple[str, str]]:
    return [(each.type, text[each.start : each.end]) for each in redactor().find(text)]


@pytest.mark.parametrize(
    "text",
    [
        "J'ai une Renault Clio et je voudrais racheter le crédit de la voiture",
        "Ich fahre einen Opel Corsa und will den Autokredit ablösen",
        "我开的是大众高尔夫，想把车贷转到你们这里",
        "Das Amt will den Nachweis auf Arabisch, drucken Sie das?",
        "زوجي إيرلندي وأنا مغربية، هل نحتاج جوازي السفر؟",
        "Wir machen Urlaub in der Toskana und brauchen Bargeld",
        "My card was swallowed while we were on holiday in Cornwall, what now?",
        "Nos vamos de vacaciones a Asturias y no sé si la tarjeta funciona",
        "on cultive des oliviers en Méditerranée, vous prêtez aux agriculteurs ?",
        "I'd like to buy the bond with ISIN US0378331005, what's the fee?",
    ],
)
def test_products_authorities_peoples_and_parts_of_the_world_are_nobody(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "My passport expires 03/2027, is that fine for opening an account?",
        "护照2027年3月到期，能开户吗",
        "La oferta es válida hasta 12/26, ¿llego a tiempo?",
        "Le contrat de prêt du 01/02/2008 prévoit une révision annuelle",
        "Wir sind seit dem 14.09.2004 Kunden und waren nie im Dispo",
        "الزيارة يوم 11/09/2001 لم تسجل",
        "la campanha de aniversário acaba a 31/12/2025?",
        "Fiesta Nacional el 12/10/2026, ¿abren?",
    ],
)
def test_a_date_of_something_is_nobodys_birth_and_no_card_expires(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Ticket INC0048213 is open since Monday",
        "El pedido 112-8847391-2250614 me lo devolvieron",
        "lectura del contador 0048213 mal cargada",
        "relevé de compteur 0048213 débité par erreur",
        "codice errore 5042231 quando apro l'app",
        "订单112-8847391-2250614退款了",
        "tax year 2023/24, which form asks for interest",
        "permiso de obra 20240118 para la hipoteca, ¿hace falta?",
        "基金代码110011和000001哪个好",
    ],
)
def test_what_a_number_counts_is_said_right_before_it(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("text", ["密码是几位数的，6位还是8位？", "the password is expired! please reset", "password is wrong,what now?"])
def test_what_is_said_about_a_password_is_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("visa 4111 1111 1111 1111 vence 03/27", [("CARD", "4111 1111 1111 1111"), ("EXPIRY", "03/27")]),
        ("CVC2: 745 EXP: 02-30", [("CVV", "745"), ("EXPIRY", "02-30")]),
        ("Nuria, 08.01.1992, seit 2004 Kundin", [("PERSON", "Nuria"), ("BIRTH_DATE", "08.01.1992")]),
        ("el niño nació el 21 de junio del 2004", [("BIRTH_DATE", "21 de junio del 2004")]),
        ("je suis du 08/01/1992", [("BIRTH_DATE", "08/01/1992")]),
        ("geboren am 08.01.1992", [("BIRTH_DATE", "08.01.1992")]),
        ("passport 11288473", [("ID", "11288473")]),
        ("my password is hunter2!", [("PASSWORD", "hunter2!")]),
        ("密码是abc12345", [("PASSWORD", "abc12345")]),
        ("Anna Schwede wartet am Schalter, Herr Däne auch", [("PERSON", "Anna Schwede"), ("PERSON", "Däne")]),
        ("Frau Clio Renault wartet", [("PERSON", "Clio Renault")]),
    ],
)
def test_what_is_somebodys_is_found_all_the_same(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("letters", "nobody_is"), [("P", True), ("GP", False), ("1PBS", True), ("1C1PG", False), ("2PP", True), ("MP", True)]
)
def test_a_phrase_that_is_public_outweighs_its_words(letters: str, nobody_is: bool) -> None:
    assert _names_nobody(letters) is nobody_is


def test_what_names_nobody_is_listed_once_and_takes_no_name_from_the_lists() -> None:
    every = [each for phrases in nobody().values() for each in phrases]
    assert len(every) == len(set(every)) > 1400
    shipped = Gazetteer.load(load_settings().models / "names" / NAMES)
    assert [shipped.classes(tokens(word))[0] for word in ("Krugerrand", "Camry", "إيرلندي", "Toskana")] == ["P", "P", "P", "K"]
    assert not NAMING.isdisjoint(shipped.classes(tokens("Schweizer"))[0])


@pytest.mark.parametrize(
    "text",
    [
        "I order a transfer to 4400123456 please",
        "أطلب تحويل إلى 4400123456 اليوم",
        "please claim it back to 4400123456",
        "Bestellen Sie das für 4400123456",
        "facture, NIR 4400123456",
        "我的客户编号是4400123456",
    ],
)
def test_a_number_that_is_only_near_such_a_word_is_somebodys(text: str) -> None:
    assert [value for _, value in found(text)] == ["4400123456"]


def test_a_birth_near_a_contract_is_a_birth() -> None:
    assert found("it is about my loan, born 03/04/1980") == [("BIRTH_DATE", "03/04/1980")]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I spoke to Mrs Cornwall yesterday", "Cornwall"),
        ("Frau Sachsen wartet am Schalter", "Sachsen"),
        ("Peter Hessen hat angerufen", "Peter Hessen"),
        ("Sono Marco Toscana", "Marco Toscana"),
        ("Hola, soy Javier Navarra y he perdido la tarjeta", "Javier Navarra"),
        ("my name is Anna Holland", "Anna Holland"),
    ],
)
def test_who_is_called_like_a_region_is_somebody(text: str, name: str) -> None:
    assert found(text) == [("PERSON", name)]


@pytest.mark.parametrize(
    "text",
    [
        "Darf der Vorstand allein unterschreiben?\nWartenummer A 084, Schalter 3",
        "Wie wird das versteuert?\nDer Mindestlohn von 12,82 mal 160 Stunden, passt das?",
        "El depósito vence el 30 de junio de 2026\nmi turno era el A117 y ha pasado el A120",  # with the checksum of a German IBAN
        "Can she have her own phone?\nTicket 20240917-5512 was closed without an answer",
        "Mi documento está aquí\nticket 55120-8834 cerrado sin respuesta",
    ],
)
def test_among_several_sentences_ordinary_words_and_numbers_of_things_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("please phone me about the claim 7946 0018", "PHONE", "7946 0018"),
        ("Teléfono para el expediente: 915551234", "PHONE", "915551234"),
        ("Appelez-moi pour ma commande : 45678901", "PHONE", "45678901"),
        ("my phone no. for the order: 79460018", "PHONE", "79460018"),
        ("my tax number for the claim is 123456789", "ID", "123456789"),
        ("046 454 286 is my SIN and I have moved", "ID", "046 454 286"),
        ("046 454 286 is my sin and i have moved", "ID", "046 454 286"),
    ],
)
def test_a_number_is_somebodys_where_its_own_sentence_says_so(text: str, kind: str, value: str) -> None:
    assert found(text) == [(kind, value)]


def test_a_name_that_is_made_like_a_compound_is_one_beside_a_title_or_another_name() -> None:
    assert ("PERSON", "Sarah Blackwood") in found("My name is Sarah Blackwood and I lost my card")
    assert any("Blackwood" in name for _, name in found("Could you call Mrs Blackwood back about the mortgage?"))
    assert ("PERSON", "Blackwood") in found("I spoke to Blackwood yesterday")
    assert any("Schönwetter" in name for _, name in found("Herr Schönwetter möchte ein Konto eröffnen"))


def test_an_account_has_the_letters_and_digits_of_its_country() -> None:
    assert found("DE20 26MI TURN OERA ELA1 17") == []
    assert found("fr76 3000 6000 0112 3456 7890 189") == [("IBAN", "fr76 3000 6000 0112 3456 7890 189")]
