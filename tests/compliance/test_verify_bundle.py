"""A bundle verifies on a bare Python with nothing of Tellerbox, and any change to it is found and named."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compliance import verify
from compliance.errors import ComplianceError
from compliance.export import export_bundle
from compliance.ledger import Ledger
from compliance.record import Header


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with Ledger.open(tmp_path_factory.mktemp("bundle") / "ledger", branch="b1") as opened:
        for n in range(6):
            header = Header.now("turn_closed", turn=f"t{n}", session=f"s{n % 2}", branch="b1")
            opened.append(header, {"question": f"question {n}"})
        yield opened


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


def test_verify_imports_the_standard_library_and_cryptography_alone() -> None:
    tree = ast.parse(Path(verify.__file__).read_text(encoding="utf-8"))
    names = {each.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    names |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
@pytest.mark.parametrize("decrypt", [False, True])
def test_a_bundle_verifies_by_itself(ledger: Ledger, tmp_path: Path, name: str, decrypt: bool) -> None:
    count = export_bundle(ledger, tmp_path / name, since=None, until=None, decrypt=decrypt)
    copy = shutil.copyfile(verify.__file__, tmp_path / "own-copy.py")
    receipt = tmp_path / "receipt"
    receipt.write_text(ledger.receipt(2), encoding="utf-8")
    result = run(copy, tmp_path / name, "--key", ledger.vkey, "--receipt", receipt, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"records 0 to {count - 1}: signed, complete, in order, unchanged" in result.stdout
    assert "record 2 is in the ledger" in result.stdout
    assert "compare this key" not in result.stdout
    header, _ = ledger.read(ledger.size - 1)
    assert (header.kind, header.facts["format"]) == ("export", "bundle")


def test_the_bundles_own_verifier_verifies_its_folder(ledger: Ledger, tmp_path: Path) -> None:
    export_bundle(ledger, tmp_path / "bundle", since=None, until=None, decrypt=True)
    result = run("verify.py", cwd=tmp_path / "bundle")
    assert (result.returncode, result.stderr) == (0, "")
    assert "compare this key with the one the branch published" in result.stdout
    assert "python verify.py" in (tmp_path / "bundle" / "README.txt").read_text(encoding="utf-8")


def test_a_bundle_verifies_where_nothing_but_cryptography_is_installed(ledger: Ledger, tmp_path: Path) -> None:
    """Python without its site-packages, and one folder with `cryptography` and the binding it is compiled against."""
    installed = tmp_path / "installed"
    installed.mkdir()
    for name in ("cryptography", "_cffi_backend"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        found = Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
        (installed / found.name).symlink_to(found)
    export_bundle(ledger, tmp_path / "bundle", decrypt=True)
    program = (
        "import sys, runpy\n"
        "path, installed = list(sys.path), sys.argv.pop(1)\n"
        "assert not any('site-packages' in each for each in path), path\n"
        "sys.path.append(installed)\n"
        "runpy.run_path('verify.py', run_name='__main__')\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program, str(installed), str(tmp_path / "bundle"), "--key", ledger.vkey]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "bundle")
    assert (result.returncode, result.stderr) == (0, "")
    assert "signed, complete, in order, unchanged" in result.stdout


def edit(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        data = (bundle / name).read_bytes()
        assert old in data
        (bundle / name).write_bytes(data.replace(old, new, 1))

    return change


def other_key(bundle: Path) -> None:
    with Ledger.open(bundle.parent / "other", branch="b1") as other:
        (bundle / "ledger.vkey").write_text(other.vkey)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit("records.jsonl", b"question 3", b"question 4"), "records.jsonl is not the file the manifest names"),
        (edit("README.txt", b"verify", b"trust"), "README.txt is not the file"),
        (edit("checkpoint", b"tellerbox", b"tellerboy"), "checkpoint is not the file"),
        (edit("manifest.json", b"bytes", b"bites"), "manifest.json: it is signed for another manifest"),
        (edit("manifest.note", b"tellerbox/bundle/1", b"tellerbox/bundle/2"), "signature of tellerbox/b1/bundle does not"),
        (lambda b: (b / "records.jsonl").unlink(), "records.jsonl is missing"),
        (lambda b: (b / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda b: (b / "more.txt").write_text("x"), "more.txt is in the bundle and not in its manifest"),
        (other_key, "no signature of tellerbox/b1/bundle"),
    ],
)  # fmt: skip
def test_a_changed_bundle_is_refused_by_name(
    ledger: Ledger, tmp_path: Path, change: Callable[[Path], object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    export_bundle(ledger, bundle, since=None, until=None, decrypt=True)
    change(bundle)
    assert verify.main([str(bundle)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("NOT VERIFIED: ")
    assert words in err
    assert err.count("\n") == 1


def test_a_damaged_zip_and_a_missing_path_are_refused(ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bundle.zip"
    export_bundle(ledger, out, since=None, until=None, decrypt=True)
    assert set(zipfile.ZipFile(out).namelist()) == {
        "README.txt", "checkpoint", "ledger.vkey", "manifest.json", "manifest.note", "records.jsonl", "verify.py",
    }  # fmt: skip
    raw = bytearray(out.read_bytes())
    for at in range(0, len(raw), 97):
        raw[at] ^= 0x55
    out.write_bytes(raw)
    for path in (out, tmp_path / "nothing here"):
        assert verify.main([str(path)]) == 1
        assert capsys.readouterr().err.startswith("NOT VERIFIED: ")


def test_a_receipt_of_another_ledger_and_a_malformed_key_are_refused(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_bundle(ledger, tmp_path / "bundle", since=None, until=None, decrypt=False)
    with Ledger.open(tmp_path / "other", branch="b2") as other:
        other.append(Header.now("session"), {})
        (tmp_path / "receipt").write_text(other.receipt(0), encoding="utf-8")
    assert verify.main([str(tmp_path / "bundle"), "--receipt", str(tmp_path / "receipt")]) == 1
    assert "no signature of tellerbox/b1" in capsys.readouterr().err
    assert verify.main([str(tmp_path / "bundle"), "--key", "nonsense"]) == 1
    assert "verifier key" in capsys.readouterr().err


def test_a_bundle_never_overwrites_a_folder(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    with pytest.raises(ComplianceError, match="is there already"):
        export_bundle(ledger, tmp_path / "bundle", since=None, until=None, decrypt=False)


def test_a_checkpoint_signature_never_passes_for_a_bundle_signature(ledger: Ledger) -> None:
    with pytest.raises(verify.VerifyError, match="no signature"):
        verify.open_note(ledger.checkpoint(), verify.bundle_key(ledger.vkey))
    with pytest.raises(verify.VerifyError, match="no signature"):
        verify.open_note(ledger.sign_bundle(verify.manifest_text("0" * 64)), ledger.vkey)
