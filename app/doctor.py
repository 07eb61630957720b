"""Doctor: what is installed, what is missing, what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import SAFE_ERRORS, TellerboxError
from app.settings import Settings

NEEDED = (
    "llama-cpp-python",
    "faiss-cpu",
    "bm25s",
    "presidio-analyzer",
    "gradio",
    "fastapi",
    "cryptography",
    "langdetect",
)
MIN_FREE_BYTES = 500 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `remedy` is what to do when it is not good."""

    name: str
    good: bool
    what: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Every check, in the order in which a fault would show; none of them changes anything but a probe file."""
    return [
        *_packages(),
        _home(settings.home),
        _space(settings.home),
        _try("policies", lambda: _policies(settings), "set TELLERBOX_POLICIES to a folder of policies"),
        _try("names", lambda: _names(settings), "restore models/names from the distribution"),
        _try("embedder", lambda: _embedder(settings), "restore models/embedder from the distribution"),
        _language(settings.models / "language" / "language.npz"),
        _try("model", lambda: _model(settings), "run `tellerbox model list`, then `tellerbox model use NAME`"),
        _try("ledger", lambda: _ledger(settings), "see docs/operations.md, 'A damaged ledger'"),
        _threads(),
    ]


def _packages() -> Iterator[Finding]:
    missing = []
    for name in NEEDED:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    yield Finding(
        "packages",
        not missing,
        f"missing: {', '.join(missing)}" if missing else f"{len(NEEDED)} found",
        "run `make install`" if missing else "",
    )
    cuda = sorted(dist.name for dist in importlib.metadata.distributions() if (dist.name or "").startswith("nvidia-"))
    yield Finding(
        "torch",
        not cuda,
        "a CUDA build came in" if cuda else "CPU build",
        "install the CPU build of torch 2.13.0" if cuda else "",
    )


def _home(home: Path) -> Finding:
    probe = home / ".doctor"
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"ok")
        probe.unlink()
    except OSError as error:
        return Finding(
            "data folder", False, f"{home}: {error.strerror}", "set TELLERBOX_HOME to a folder that can be written"
        )
    return Finding("data folder", True, str(home))


def _space(home: Path) -> Finding:
    existing = next((folder for folder in (home, *home.parents) if folder.exists()), Path("/"))
    free = shutil.disk_usage(existing).free
    good = free >= MIN_FREE_BYTES
    return Finding(
        "disk", good, f"{free / 2**30:.1f} GiB free", "" if good else "free some room: the ledger must be able to write"
    )


def _try(name: str, look: Callable[[], str], remedy: str) -> Finding:
    try:
        return Finding(name, True, look())
    except SAFE_ERRORS as error:
        return Finding(name, False, str(error), remedy)


def _policies(settings: Settings) -> str:
    from knowledge.policy import load_policies

    policies = load_policies(settings.policies)
    return f"{len(policies)} in {len({policy.language for policy in policies})} languages"


def _embedder(settings: Settings) -> str:
    from knowledge.embedder import load_embedder

    embedder = load_embedder(settings.models / "embedder")
    return f"{embedder.dim} dimensions, sha256 {embedder.sha256[:16]}…"


def _names(settings: Settings) -> str:
    from compliance.redaction.tagger import NameTagger

    tagger = NameTagger.load(settings.models / "names")
    return f"{len(tagger.gazetteer):,} names and words, {len(tagger.clusters):,} clustered"


def _language(path: Path) -> Finding:
    good = path.is_file()
    return Finding("languages", good, str(path), "" if good else "restore models/language from the distribution")


def _model(settings: Settings) -> str:
    from app.language import SERVED
    from app.slm.catalog import resolve

    found = resolve(settings.model, settings.models, settings.home)
    told = f"{found.name} {found.quantization}, sha256 {found.sha256[:16]}…"
    asked = settings.model_languages or (None if settings.server else found.languages)  # a server is asked in every one
    if not settings.slm or asked is None:
        return told
    if not asked:
        return f"{told}; words no answers, the box quotes in every language"
    quoting = " ".join(code for code in SERVED if code not in asked)
    return f"{told}; words answers in {' '.join(asked)}" + (f", the box quotes in {quoting}" if quoting else "")


def _ledger(settings: Settings) -> str:
    from app.appliance import open_ledger

    if not (settings.home / "ledger").exists():
        return "none yet; made at the first answer"
    with open_ledger(settings) as ledger:
        result = ledger.verify()
    if not result.ok:
        raise TellerboxError(result.summary)
    return result.summary


def _threads() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding(
        "cores", cores >= 2, f"{cores}", "" if cores >= 2 else "two cores are the least the box was measured on"
    )
