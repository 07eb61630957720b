"""Two hundred turns full of identifiers go through a real box; none of them is in any file, log, export or answer."""

from __future__ import annotations

import logging
import random
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pypdf import PdfReader

from app.appliance import Appliance
from compliance.export import export, export_bundle, export_jsonl
from tests.compliance.test_redaction_checksums import STRONG

TURNS = 200
ASKED = {
    "en": ("My {what} is {value}, {mail}. How much does an international transfer cost?", "number"),
    "es": ("Mi {what} es {value}, {mail}. ¿Cuánto cuesta una transferencia internacional?", "número"),
    "de": ("Meine {what} ist {value}, {mail}. Was kostet eine Auslandsüberweisung?", "Nummer"),
    "fr": ("Mon {what} est {value}, {mail}. Combien coûte un virement international ?", "numéro"),
    "pt": ("O meu {what} é {value}, {mail}. Quanto custa uma transferência internacional?", "número"),
    "it": ("Il mio {what} è {value}, {mail}. Quanto costa un bonifico internazionale?", "numero"),
    "zh": ("我的{what}是{value}，{mail}。国际汇款要多少钱？", "号码"),
    "ar": ("{what} هو {value}، {mail}. كم رسوم التحويل الدولي؟", "رقمي"),
}
CARDS = ["4111 1111 1111 1111", "5500-0000-0000-0004", "3782 822463 10005", "6205500000000000004"]
IBANS = ["ES91 2100 0418 4502 0005 1332", "DE89370400440532013000", "FR14 2004 1010 0505 0001 3M02 606"]


def _forms(value: str) -> set[bytes]:
    """The value as typed and run together, in the encodings a dump might hold."""
    bare = "".join(char for char in value if char.isalnum())
    return {form.encode(encoding) for form in (value, bare) for encoding in ("utf-8", "utf-16-le", "utf-32-le")}


@pytest.mark.slow
def test_none_of_what_was_typed_is_left_anywhere(
    box: Appliance, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    rng = random.Random(20261124)
    typed: set[str] = set()
    answers: list[str] = []
    for turn in range(TURNS):
        language = sorted(ASKED)[turn % len(ASKED)]
        question, what = ASKED[language]
        value = rng.choice([rng.choice(CARDS), rng.choice(IBANS), rng.choice(list(STRONG.values()))(rng)])
        mail = f"needle{turn}.{rng.randrange(10**6)}@correo.example"
        typed |= {value, mail}
        answer = box.ask(question.format(what=what, value=value, mail=mail))
        answers.append(answer.text)
        print(answer.text, file=sys.stderr)
        assert dict(answer.redactions).get("EMAIL") == 1
        assert sum(dict(answer.redactions).values()) >= 2

    export_jsonl(box.ledger, tmp_path / "all.jsonl", decrypt=True)
    export_bundle(box.ledger, tmp_path / "bundle", decrypt=True)
    for form in ("csv", "parquet", "pdf", "ocsf", "cef"):
        decrypt = form in ("csv", "parquet", "pdf")
        export(box.ledger, tmp_path / f"all.{form}", form, decrypt=decrypt, policies=box.policy_text)
    report = "\n".join(page.extract_text() for page in PdfReader(tmp_path / "all.pdf").pages)
    assert "<EMAIL_1>" in report
    (tmp_path / "report.txt").write_text(report, "utf-8")
    rows = pq.read_table(tmp_path / "all.parquet").to_pylist()
    assert sum("<EMAIL_1>" in str(row["question"]) for row in rows) >= TURNS
    (tmp_path / "rows.txt").write_text(str(rows), "utf-8")
    assert (tmp_path / "all.jsonl").read_text("utf-8").count("<EMAIL_1>") >= TURNS
    out, err = capfd.readouterr()
    held = [("log", caplog.text.encode()), ("stdout", out.encode()), ("stderr", err.encode()), ("answers", "\n".join(answers).encode())]
    files = [path for root in (box.settings.home, tmp_path) for path in root.rglob("*") if path.is_file()]
    assert len(files) > 5
    held += [(str(path), path.read_bytes()) for path in files]
    leaks = {(place, value) for place, data in held for value in typed for form in _forms(value) if form in data}
    assert leaks == set()
