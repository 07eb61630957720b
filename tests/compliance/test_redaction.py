"""Redaction: what is found in any notation, what is left alone, and that offsets map back."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.redaction.engine import Redactor
from compliance.redaction.identifiers import RULES
from compliance.redaction.literals import needed
from compliance.redaction.nearby import Nearby
from compliance.redaction.normalise import normalise
from factory.names.scores import read_gold

GOLD = Path(__file__).parents[1] / "gold" / "redaction"

REDACTOR = Redactor(allow=("+34 910 555 010", "complaints@alborada.example"))
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
WIDE_DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")


def types(text: str) -> list[str]:
    return [finding.type for finding in REDACTOR.find(text)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mi iban es ES91 2100 0418 4502 0005 1332 gracias", "IBAN"),
        ("IBAN DE89370400440532013000", "IBAN"),
        ("我的账户ES9121000418450200051332请查", "IBAN"),
        ("FR14 2004 1010 0505 0001 3M02 606", "IBAN"),
        ("ＥＳ91 2100 0418 4502 0005 1332", "IBAN"),
        ("card 4111 1111 1111 1111", "CARD"),
        ("4111-1111-1111-1111", "CARD"),
        ("4111.1111.1111.1111", "CARD"),
        ("4111\u00a01111\u00a01111\u00a01111", "CARD"),
        ("4111\u200b1111\u200b1111\u200b1111", "CARD"),
        ("我的卡号4111111111111111请查询", "CARD"),
        ("رقم بطاقتي ٤١١١١١١١١١١١١١١١", "CARD"),
        ("378282246310005", "CARD"),
        ("2223003122003222", "CARD"),
        ("4000000000000000006", "CARD"),
        ("escríbame a juan.perez@correo.example", "EMAIL"),
        ("llámame al +34 612 345 678", "PHONE"),
        ("my phone is 0612345678", "PHONE"),
        ("mi DNI es 12345678Z", "ID"),
        ("NIE X1234567L", "ID"),
        ("codice fiscale RSSMRA85T10A562S", "ID"),
        ("我的身份证11010519491231002X", "ID"),
        ("my pin is 4821", "PIN"),
        ("mi pin es 4821", "PIN"),
        ("CVV: 123", "CVV"),
        ("my password is hunter2secret", "PASSWORD"),
        ("nací el 12/03/1985", "BIRTH_DATE"),
        ("me llamo Juan Pérez García", "PERSON"),
        ("mein Name ist Anna Müller", "PERSON"),
        ("我叫王小明", "PERSON"),
        ("اسمي محمد الأحمد", "PERSON"),
        ("اسمي منير", "PERSON"),
        ("اسمي علي حسن", "PERSON"),
        ("https://user:secret@bank.example/x", "URL"),
        ("from 192.168.10.20", "IP"),
    ],
)
def test_identifiers_are_found(text: str, kind: str) -> None:
    assert kind in types(text)


@pytest.mark.parametrize(
    "text",
    [
        "a transfer of €1,500.00 costs 0.3%, minimum €15, maximum €60",
        "10.000 EUR am 1. März 2026",
        "from 1 March 2026 to 28/02/2027 at 08:30-14:30",
        "call the bank on +34 910 555 010",
        "write to complaints@alborada.example",
        "prestito da 1.000 a 40.000 €, 84 mesi, TAEG 7,12%",
        "贷款40,000欧元，期限84个月，利率6.9%",
        "100.000 € por depositante, 7 días hábiles",
        "my account fee is 4 EUR and I pay 12 x 4 = 48",
        "How do I change my PIN?",
        "what is the CVV",
        "necesito el BIC para mandarle euros a mi tía",
        "توني متزوجة، كيف أغير اسمي عندكم",
        "مكتوب على اسمي قبل الزواج، بيقبلوه عالشباك؟",
        "نتطلق وهو بياخذ البيت، كيف ينشال اسمي عن القرض",
        "سددت اللي علي ولسا اسمي بقائمة المتعثرين بسببكم",
        "",
    ],
)
def test_what_is_no_identifier_is_left_alone(text: str) -> None:
    assert types(text) == []
    assert REDACTOR.redact(text).text == normalise(text).text


def luhn_card(rng: random.Random, prefix: str, length: int) -> str:
    body = prefix + "".join(str(rng.randrange(10)) for _ in range(length - len(prefix) - 1))
    total = sum(sum(divmod(int(d) * (2 if i % 2 == 0 else 1), 10)) for i, d in enumerate(reversed(body)))
    return body + str(-total % 10)


@settings(max_examples=150, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from([("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16), ("62", 16), ("4", 19)]),
    st.sampled_from(["", " ", "-", ".", "/", "\u00a0", "\u202f", "\u200b"]),
    st.sampled_from(["ascii", "arabic", "wide"]),
    st.sampled_from(["{}", "card {} please", "我的卡{}。", "بطاقتي {} شكرا", "({})"]),
)
def test_any_card_in_any_notation_is_found(
    rng: random.Random, scheme: tuple[str, int], separator: str, script: str, around: str
) -> None:
    digits = luhn_card(rng, *scheme)
    written = separator.join(digits[place : place + 4] for place in range(0, len(digits), 4))
    written = written.translate({"ascii": {}, "arabic": ARABIC_DIGITS, "wide": WIDE_DIGITS}[script])  # type: ignore[arg-type]
    text = around.format(written)
    found = [finding for finding in REDACTOR.find(text) if finding.type == "CARD"]
    assert len(found) == 1
    assert text[found[0].start : found[0].end] == written
    assert digits not in normalise(REDACTOR.redact(text).text).text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_taken_and_offsets_lie_inside(text: str) -> None:
    done = REDACTOR.redact(text)
    for finding in done.findings:
        assert 0 <= finding.start < finding.end <= len(text)
    normal = normalise(text)
    assert len(normal.offsets) == len(normal.text) + 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["ES9121000418450200051332", "4111111111111111", "a@b.example", "hola", "12345678Z"]), max_size=6))
def test_redacting_twice_changes_nothing(words: list[str]) -> None:
    once = REDACTOR.redact(" ".join(words)).text
    assert REDACTOR.redact(once).text == once


@pytest.mark.parametrize("text", ["1" * 10_000, "A" * 10_000, "a@" * 5_000, "4111 " * 2_000, "((((" * 2_500, "+34" * 3_000])
def test_hostile_runs_are_taken(text: str) -> None:
    REDACTOR.redact(text)


def test_what_is_skipped_for_want_of_a_literal_would_not_have_matched() -> None:
    rows = [row.text for path in sorted(GOLD.glob("*.txt")) for row in read_gold(path)]
    assert len(rows) > 500
    compared = 0
    for text in (normalise(row).text for row in rows):
        nearby = Nearby(text)
        for rule in RULES:
            if rule.pattern.search(text):
                compared += needed(rule.pattern) is not None
                assert nearby.may_match(rule.pattern), (rule.name, text)
    assert compared > 100


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("(?i:PIN|geheim)", {"pin", "geheim"}), (r"\d+(?:abc|xyz)?", None), ("a(?:bcd|bce)f", {"abc"}), ("c[oó]digo", {"digo"}),
        (r"(?<!no)yes(?!t)", {"yes"}), ("(?:ab)+c", {"ab"}), ("码", {"码"}), ("x|y", None),
    ],
)  # fmt: skip
def test_the_literals_a_pattern_needs(pattern: str, pieces: set[str] | None) -> None:
    found = needed(re.compile(pattern))
    assert found == pieces or (found is not None and pieces is not None and found >= pieces)


def test_an_address_in_small_letters_is_masked_far_from_any_capital() -> None:
    """Nothing of a text is left unread because it stands far from what is written like a name."""
    from app.settings import load_settings
    from compliance.redaction.tagger import NameTagger

    before = "I moved to 14 Peckham Road, London SE5 9NS, how do I change it "
    after = "please send my card to the old mill house, 2 church lane, little wenham, suffolk co7 6px not to the branch"
    redacted = Redactor(names=NameTagger.load(load_settings().models / "names")).redact(before + after).text
    assert "church lane" not in redacted
