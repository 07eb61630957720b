"""Places: what a text names, what holds elsewhere, and that search does not answer about one place with what holds in another."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.currencies import NO_MONEY, Money, money
from knowledge.embedder import load_embedder
from knowledge.index import build
from knowledge.passages import passages_of
from knowledge.places import NAMES_FILE, ZONES, Places, anywhere, everywhere, mentions, places
from knowledge.policy import LANGUAGES, Policy, load_policies
from knowledge.reading import places_of
from knowledge.search import Scope, Search
from knowledge.terms import fold
from tests.conftest import PROJECT

POLICIES = load_policies(PROJECT / "knowledge" / "policies")
US, FRANCE, SPAIN = frozenset({"US"}), frozenset({"FR"}), "ES"


def named(text: str, language: str) -> list[str]:
    return [f"outside {mention.code}" if mention.outside else mention.code for mention in mentions(text, language)]


@pytest.mark.parametrize(
    ("language", "text", "codes"),
    [
        ("en", "Withdraw cash in the USA or in Poland?", ["US", "PL"]),
        ("en", "a French cheque", ["FR"]),
        ("en", "I am a non-EU resident", ["outside eu"]),
        ("en", "I don't live in the European Union", ["outside eu"]),
        ("en", "My card does not work in Germany", ["DE"]),
        ("es", "sacar dinero en EE. UU. o fuera de la zona del euro", ["US", "outside euro"]),
        ("es", "no vivo en la Unión Europea", ["outside eu"]),
        ("fr", "un chèque allemand, ou d'un pays hors de l'Espace économique européen", ["DE", "outside eea"]),
        ("fr", "je n'habite pas dans l'UE", ["outside eu"]),
        ("de", "Nicht-EU-Bürger mit Konto bei einer Schweizer Bank", ["outside eu", "CH"]),
        ("de", "Geht die Karte nicht in der Türkei?", ["TR"]),
        ("pt", "levantar dinheiro nos EUA, fora da área do euro", ["US", "outside euro"]),
        ("it", "un bonifico negli Stati Uniti o fuori dall'Unione europea", ["US", "outside eu"]),
        ("zh", "在美国取现，欧元区以外", ["US", "outside euro"]),
        ("zh", "我不住在欧盟", ["outside eu"]),
        ("zh", "上海地铁站", ["CN"]),
        ("es", "un cajero en Cancún", ["MX"]),
        ("ar", "السحب في الولايات المتحدة أو خارج الاتحاد الأوروبي", ["US", "outside eu"]),
        ("ar", "حوالة للمغرب من بنك فرنسي", ["MA", "FR"]),
        ("ar", "أسكن في الخارج", ["abroad"]),
    ],
)
def test_countries_zones_and_what_lies_outside_them(language: str, text: str, codes: list[str]) -> None:
    assert named(text, language) == codes


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Can you tell us more? I speak French, please answer in English."),
        ("en", "550 US dollars and 20 Swiss francs"),
        ("es", "¿Me atienden en inglés? Hablo francés. La reunión es mañana."),
        ("de", "Ich spreche nur Englisch, geht das auf Deutsch?"),
        ("pt", "A reunião é em inglês?"),
        ("zh", "网点参加纳税活动吗？根据欧洲中央银行的规定，汇出国际汇款前"),
        ("ar", "لدي حساب في البنك ووضعي المالي جيد"),
        ("fr", ""),
    ],
)
def test_languages_currencies_and_words_alike_are_no_places(language: str, text: str) -> None:
    assert named(text, language) == []


def test_two_mentions_that_limit_each_other_hold_together() -> None:
    both = places("in a country of the European Economic Area outside the euro area", "en").named
    assert both == ZONES["eea"] - ZONES["euro"]
    assert places("欧元区以外的欧洲经济区国家", "zh").named == both
    assert places("outside the Single Euro Payments Area (SEPA)", "en").named == everywhere() - ZONES["sepa"]


def test_zones_are_made_of_countries_that_there_are() -> None:
    assert all(zone <= everywhere() for zone in ZONES.values())
    assert ZONES["euro"] & ZONES["eu"] < ZONES["eu"] < ZONES["eea"] < ZONES["sepa"]
    sizes = {name: len([code for code in zone if code not in {"AX", "GF", "GP", "MF", "MQ", "RE", "YT"}]) for name, zone in ZONES.items()}
    assert (sizes["eu"], sizes["eea"]) == (27, 30)


@given(st.text(max_size=60), st.sampled_from((*LANGUAGES, "xx")))
def test_any_text_may_be_read(text: str, language: str) -> None:
    for mention in mentions(text, language):
        assert 0 <= mention.start < mention.end <= len(text)
    places(text, language)
    anywhere(text, language, SPAIN)


def test_each_form_is_written_as_it_is_looked_for_and_means_one_thing() -> None:
    known: dict[tuple[str, str], str] = {}
    codes = everywhere() | set(ZONES) | {"home", "abroad", "others", "-"}
    for line in NAMES_FILE.read_text("utf-8").splitlines():
        language, code, forms = line.split("\t")
        assert language in LANGUAGES
        assert code in codes, line
        for form in forms.split(";"):
            assert form, line
            assert fold(form).translate({0x653: None, 0x654: None, 0x655: None}).replace("’", "'") == form.replace("’", "'"), (line, form)
            assert known.setdefault((language, form), code) == code or "-" in (code, known[language, form]), (
                f"{form} is two things in {language}"
            )


# -- what holds elsewhere --------------------------------------------------------------------------------------------


def elsewhere(statement: str, question: str, home: str | None = SPAIN, language: str = "en") -> bool:
    return places(statement, language).elsewhere(places(question, language), home)


@pytest.mark.parametrize(
    ("statement", "question", "left_out"),
    [
        ("Withdrawal in the euro area: €1.50", "withdrawal in the US", True),
        ("Withdrawal in the euro area: €1.50", "withdrawal in Portugal", False),
        ("Withdrawal in the euro area: €1.50", "withdrawal fee", False),
        ("Withdrawal: €1.50", "withdrawal in the US", False),
        ("A cheque of a bank of the same country: €3", "a cheque from abroad", True),
        ("A cheque of a bank of another country: 1%", "a cheque from abroad", False),
        ("A cheque of a bank of the same country: €3", "a Spanish cheque", False),
        ("A SEPA transfer is free", "a transfer to Brazil", True),
        ("A SEPA transfer is free", "a transfer to Norway", False),
        ("A SEPA transfer is free", "a transfer from Spain to Morocco", True),
        ("A SEPA transfer is free", "a transfer of dollars to Norway", True),
        ("An international transfer costs 0.3%", "a transfer to Norway", True),
        ("An international transfer costs 0.3%", "a transfer in kroner to Norway", False),
        ("An international transfer costs 0.3%", "a transfer to Brazil", False),
        ("A card purchase in euros is free", "a card purchase in dollars", True),
        ("A withdrawal in another currency: €3.50", "can I withdraw euros in Prague", True),
        ("A withdrawal in another currency: €3.50", "withdrawing 200 euros in Prague", False),
        ("Card use outside the EEA is switched on", "my card in Germany", True),
        ("Card use outside the EEA is switched on", "my card in the UK", False),
    ],
)
def test_what_holds_for_another_place_or_money_is_elsewhere(statement: str, question: str, left_out: bool) -> None:
    assert elsewhere(statement, question) is left_out


def test_where_the_branch_stands_decides_what_is_abroad() -> None:
    statement, question = "A cheque of a bank of the same country: €3", "a French cheque"
    assert elsewhere(statement, question, "ES")
    assert not elsewhere(statement, question, "FR")
    assert not elsewhere(statement, question, None), "a box that does not know its country leaves nothing out on its account"
    assert Places(abroad=True).countries("FR") == everywhere() - FRANCE


def test_money_is_read_without_amounts_and_zones() -> None:
    assert money("€3.50 and 20 euros in the euro area", "€3.50 and 20 euros in the euro area") == NO_MONEY
    assert money("taking out euros", "taking out euros") == Money(euros=True)
    assert money("in dollars, CHF", "in dollars, chf").other


def test_other_countries_are_others_than_those_before(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "a.md").write_text(
        "# Payments\n\nA payment within the EEA takes 4 days. A payment to other countries takes 5 days.\n"
    )
    (passage,) = passages_of(load_policies(tmp_path)[0])
    inside, beyond = places_of(passage)
    assert inside.named == ZONES["eea"]
    assert beyond.named == everywhere() - ZONES["eea"]


def test_limits_and_the_general_question() -> None:
    assert places("dollars from the US, outside the EU", "en").limits == ("US", "outside eu", "other money")
    assert anywhere("A transfer to Chile, from Spain", "en", SPAIN) == "A transfer to abroad, from Spain"
    assert anywhere("转账到智利", "zh", SPAIN) == "转账到国外"
    assert anywhere("a transfer outside the EU", "en", SPAIN) == "a transfer outside the EU"


def test_the_policies_name_the_same_zones_in_every_language() -> None:
    """What is left out for a place must be so whoever asks: the n-th statement is about the same zones in all languages."""
    versions: dict[tuple[str, str], dict[str, list[Places]]] = {}
    for policy in POLICIES:
        found = [each for passage in passages_of(policy) for each in places_of(passage)]
        versions.setdefault((policy.id, policy.version), {})[policy.language] = found
    different = []
    for key, spoken in versions.items():
        for number, each in enumerate(spoken["en"]):
            views = {language: (found[number].named, found[number].sepa, found[number].international) for language, found in spoken.items()}
            different += [(*key, number, language) for language, view in views.items() if view != views["en"] and each.any]
    assert not different


# -- search ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def search() -> Search:
    return Search(build(POLICIES, load_embedder(PROJECT / "models" / "embedder")))


def top(search: Search, question: str, language: str, country: str = SPAIN) -> list[tuple[Policy, str]]:
    found = search.find(question, Scope(language, "customer", date(2026, 11, 28), country))
    return [(item.policy, item.quote) for item in found.candidates]


@pytest.mark.parametrize(
    ("language", "question", "never"),
    [
        ("en", "How much does it cost to withdraw cash in the United States?", "in the euro area"),
        ("es", "¿Cuánto cuesta sacar dinero en Marruecos?", "zona del euro"),
        ("fr", "Combien coûte un retrait en Suisse ?", "dans la zone euro"),
        ("de", "Was kostet es, in der Türkei Geld abzuheben?", "im Euroraum"),
        ("pt", "Quanto custa levantar dinheiro no Brasil?", "na área do euro"),
        ("it", "Quanto costa prelevare contanti in Albania?", "nell'area dell'euro"),
        ("zh", "在美国取现要多少钱？", "在欧元区的"),
        ("ar", "كم يكلف السحب النقدي في المغرب؟", "في منطقة اليورو"),
        ("en", "What does it cost to deposit a cheque from the US?", "bank of the same country"),
        ("en", "How long does a transfer to France take?", "international transfer"),
        ("zh", "转账到德国要多久？", "国际汇款"),
    ],
)
def test_nothing_is_found_that_holds_for_another_place(search: Search, language: str, question: str, never: str) -> None:
    found = top(search, question, language)
    assert found
    assert not [quote for _, quote in found if never.casefold() in quote.casefold() and "hors" not in quote]


def test_a_country_is_abroad_to_policies_that_do_not_name_it(search: Search) -> None:
    found = search.find("What does it cost to deposit a cheque from Chile?", Scope("en", "customer", date(2026, 11, 28), SPAIN))
    assert "bank of another country" in found.candidates[0].quote
    assert found.limits == ("CL",)
    at_home = " ".join(quote for _, quote in top(search, "What does it cost to deposit a cheque from Germany?", "en", "DE"))
    assert "bank of the same country" in at_home
    assert "bank of another country" not in at_home


def test_a_follow_up_keeps_the_place_that_was_asked_about(search: Search) -> None:
    found = search.find(
        "I am going to Japan with my card.\nAnd what does cash cost there?", Scope("en", "customer", date(2026, 11, 28), SPAIN)
    )
    assert found.limits == ("JP",)
    assert not [item for item in found.candidates if "in the euro area" in item.quote and "outside" not in item.quote]
