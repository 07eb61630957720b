"""The command line as its users meet it: real processes, real exit codes, one-line errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.conftest import PROJECT


def tellerbox(*arguments: str, home: Path, stdin: bytes = b"", **settings: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"TELLERBOX_HOME": str(home)} | {f"TELLERBOX_{k.upper()}": v for k, v in settings.items()}
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, env=environment, cwd=PROJECT, check=False)


def one_line(done: subprocess.CompletedProcess[bytes]) -> str:
    """The error, which must be one line and no traceback."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.decode().splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert lines[0].startswith("tellerbox: ")
    return lines[0]


def test_ask_json_has_the_shape_that_is_documented(tmp_path: Path) -> None:
    done = tellerbox("ask", "how much is a replacement card", "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {"answer", "language", "outcome", "sentences", "redactions", "handoff", "receipt", "model", "timings_ms"}
    sentence = answer["sentences"][0]
    assert set(sentence) == {"text", "origin", "evidence"}
    assert {"policy", "version", "language", "start", "end", "quote", "score"} <= set(sentence["evidence"][0])
    assert set(answer["model"]) == {"name", "sha256"}
    assert {"redact", "search", "first_sentence", "total"} <= set(answer["timings_ms"])


def test_ask_verify_show_and_export(tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked = tellerbox("ask", "my card 4111 1111 1111 1111: how much is a replacement card", "--json", home=home)
    assert json.loads(asked.stdout)["redactions"] == [{"type": "CARD", "count": 1}]
    assert tellerbox("audit", "verify", home=home).returncode == 0
    assert b"4111" not in tellerbox("audit", "show", home=home).stdout
    out = tmp_path / "records.jsonl"
    assert tellerbox("audit", "export", "--out", str(out), "--decrypt", home=home).returncode == 0
    text = out.read_text()
    assert "<CARD_1>" in text
    assert "4111" not in text
    bundle = tmp_path / "bundle"
    assert tellerbox("audit", "export", "--out", str(bundle), "--format", "bundle", home=home).returncode == 0
    verified = subprocess.run([sys.executable, str(bundle / "verify.py"), str(bundle)], capture_output=True, check=False, cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert tellerbox("audit", "export", "--out", str(out), "--format", "docx", home=home).returncode != 0
    receipt = json.loads(asked.stdout)["receipt"]
    assert tellerbox("audit", "prove", "-", home=home, stdin=receipt.encode()).returncode == 0


@pytest.mark.slow
def test_every_export_comes_out_of_the_box(tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked = json.loads(tellerbox("ask", "我的卡号是4111 1111 1111 1111，补办银行卡要多少钱？", "--json", home=home).stdout)
    assert asked["outcome"] == "answered"
    for form, start in (("csv", b"\xef\xbb\xbfrecord"), ("parquet", b"PAR1"), ("pdf", b"%PDF"), ("ocsf", b"{"), ("cef", b"CEF:0")):
        out = tmp_path / f"out.{form}"
        done = tellerbox(
            "audit", "export", "--out", str(out), "--format", form, *(["--decrypt"] if form in ("csv", "pdf") else []), home=home
        )
        assert done.returncode == 0, done.stderr
        assert out.read_bytes().startswith(start)
        assert b"4111" not in out.read_bytes()
    text = "".join(page.extract_text() for page in PdfReader(tmp_path / "out.pdf").pages)
    assert "<CARD_1>" in text
    assert asked["sentences"][0]["text"][:12] in text
    assert "4111" not in text
    assert "no longer has this text" not in text
    assert "texts" in one_line(tellerbox("audit", "export", "--out", str(tmp_path / "x"), "--format", "cef", "--decrypt", home=home))
    shown = tellerbox("audit", "receipt", "1", "--qr", str(tmp_path / "receipt.svg"), home=home)
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "receipt.svg").read_text().startswith("<?xml")
    assert "no record of" in one_line(tellerbox("audit", "receipt", "nosuchturn", home=home))


def test_redact_and_detect_rows(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    texts = ["mi IBAN es ES9121000418450200051332", "hello", "我的卡号4111111111111111"]
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    lines = tellerbox("redact", str(rows), "--json", home=tmp_path).stdout.decode().splitlines()
    found = [json.loads(line) for line in lines]
    assert [[span["type"] for span in row["spans"]] for row in found] == [["IBAN"], [], ["CARD"]]
    assert texts[0][found[0]["spans"][0]["start"] : found[0]["spans"][0]["end"]] == "ES9121000418450200051332"
    done = tellerbox("detect", "--json", home=tmp_path, stdin="¿Cuánto cuesta la tarjeta?".encode())
    assert json.loads(done.stdout)["language"] == "es"


def test_knowledge_commands(tmp_path: Path) -> None:
    listed = tellerbox("knowledge", "list", "--language", "en", "--json", home=tmp_path)
    assert len(listed.stdout.splitlines()) >= 36
    found = tellerbox("knowledge", "search", "replacement card", "--language", "en", "--json", home=tmp_path)
    assert json.loads(found.stdout)["statements"][0]["policy"] in ("cards/lost-card", "cards/debit")
    shown = tellerbox("knowledge", "show", "cards/lost-card", home=tmp_path)
    assert shown.stdout == (PROJECT / "knowledge/policies/en/cards/lost-card.md").read_bytes()


def test_evaluate_writes_every_answer_beside_its_row(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        '{"id": "a", "question": "how much is a replacement card", "language": "en", "answerable": true, "must_contain": ["6 EUR"], "policy": "cards/lost-card"}\n'
        '{"question": "what is the capital of France", "language": "en", "answerable": false, "outcome": "refused"}\n'
    )
    out = tmp_path / "report.json"
    done = tellerbox("evaluate", str(rows), "--out", str(out), "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert report["overall"]["answer_accuracy"] == 1.0
    assert report["overall"]["wrong_number"] == 0.0
    assert [row["id"] for row in report["answers"]] == ["a", "rows:2"]


def test_doctor_names_what_is_missing(tmp_path: Path) -> None:
    assert tellerbox("doctor", home=tmp_path).returncode == 0
    done = tellerbox("doctor", home=tmp_path, models=str(tmp_path / "nowhere"))
    assert b"BAD  embedder" in done.stdout
    assert done.returncode == 1


def test_the_catalogue_says_where_a_model_is_asked(tmp_path: Path) -> None:
    assert "languages: none: the box quotes\n" in tellerbox("model", "show", "tellerbox-slm", home=tmp_path).stdout.decode()
    assert "languages: en es fr de pt it zh ar\n" in tellerbox("model", "show", "qwen3-0.6b", home=tmp_path).stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask", ""], "write your question"),
        (["ask", "x" * 100_000], "too long"),
        (["ask", "hi", "--language", "xx"], "not served"),
        (["ask", "hi", "--role", "boss"], "role"),
        (["ask", "hi", "--as-of", "soon"], "as-of"),
        (["ask", "hi", "--policies", "/nonexistent"], "not found"),
        (["evaluate", "/nonexistent.jsonl"], "cannot be read"),
        (["redact", "/nonexistent"], "cannot be read"),
        (["knowledge", "show", "no/such"], "no policy"),
        (["model", "show", "no-such"], "no model"),
        (["model", "use", "/nonexistent.gguf"], "no such file"),
        (["audit", "prove", "garbage"], "receipt"),
        (["audit", "show", "no-such-turn"], "no record"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    assert says in one_line(tellerbox(*arguments, home=tmp_path))


def test_binary_and_broken_input(tmp_path: Path) -> None:
    assert "UTF-8" in one_line(tellerbox("redact", home=tmp_path, stdin=b"\xff\xfe\x00bad"))
    (tmp_path / "bad.jsonl").write_text("{nonsense\n")
    assert "line 1" in one_line(tellerbox("evaluate", str(tmp_path / "bad.jsonl"), home=tmp_path))
    assert "write your question" in one_line(tellerbox("ask", "-", home=tmp_path, stdin=b"\x00\x00"))


def test_missing_or_wrong_model_is_named(tmp_path: Path) -> None:
    assert "no model named" in one_line(tellerbox("ask", "hi", home=tmp_path, model="no-such"))
    fake = tmp_path / "fake.gguf"
    fake.write_bytes(b"not a model at all")
    assert "GGUF" in one_line(tellerbox("ask", "hi", home=tmp_path, model=str(fake)))
    fake.write_bytes(b"GGUF" + b"\0" * 64)
    assert "cannot be loaded" in one_line(tellerbox("ask", "hi", home=tmp_path, model=str(fake)))


def test_a_damaged_index_is_refused_and_can_be_built_again(tmp_path: Path) -> None:
    assert tellerbox("knowledge", "build", home=tmp_path).returncode == 0
    vectors = next((tmp_path / "index").glob("*/statements.npy"))
    data = bytearray(vectors.read_bytes())
    data[len(data) // 2] ^= 255
    vectors.write_bytes(data)
    assert "knowledge build" in one_line(tellerbox("ask", "how much is a replacement card", home=tmp_path))
    assert tellerbox("knowledge", "build", home=tmp_path).returncode == 0
    assert tellerbox("ask", "how much is a replacement card", home=tmp_path).returncode == 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    assert str(blocked) in one_line(tellerbox("ask", "how much is a replacement card", home=blocked / "home"))


def test_wrong_setting_is_named_without_its_value(tmp_path: Path) -> None:
    line = one_line(tellerbox("ask", "hi", home=tmp_path, max_tokens="secretvalue"))
    assert "max_tokens" in line
    assert "secretvalue" not in line


def test_pull_without_network_says_so_in_one_line(tmp_path: Path) -> None:
    if not os.environ.get("TELLERBOX_NETWORK_CUT"):
        pytest.skip("the network is not cut here")
    assert "no network" in one_line(tellerbox("model", "pull", "qwen3-0.6b", home=tmp_path))
