"""The command line: thin, one function a command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from app.cli_audit import audit_cli
from app.cli_custody import custody_cli
from app.cli_fleet import fleet_cli
from app.cli_user import user_cli
from app.crash import no_core_dump, where
from app.errors import SAFE_ERRORS, TellerboxError
from app.terminal import AsJson, Language, Policies, open_box, print_json, progress_bar, read_stdin

if TYPE_CHECKING:
    from app.answer import Answer

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The bank-branch support appliance.",
)
knowledge_cli = typer.Typer(no_args_is_help=True, help="The policies and the index.")
model_cli = typer.Typer(no_args_is_help=True, help="The language models.")
cli.add_typer(knowledge_cli, name="knowledge")
cli.add_typer(audit_cli, name="audit")
audit_cli.add_typer(custody_cli)
cli.add_typer(fleet_cli, name="fleet")
cli.add_typer(model_cli, name="model")
cli.add_typer(user_cli, name="user")


def main() -> None:
    """Entry point: errors a person can read, in one line; everything else in one fixed line without any text typed."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    no_core_dump()
    try:
        cli()
    except SAFE_ERRORS as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("stopped", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if os.environ.get("TELLERBOX_TRACEBACK"):
            print(where(error), file=sys.stderr)
        _fail(f"internal fault ({type(error).__name__}); set TELLERBOX_TRACEBACK=1 to see where")


def _fail(message: str, code: int = 1) -> NoReturn:
    print(f"tellerbox: {message}", file=sys.stderr)
    sys.exit(code)


# -- ask, serve, evaluate -----------------------------------------------------------------------------------------------


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    policies: Policies = None,
) -> None:
    """Serve the web chat, the officer console and the API."""
    from app.web.server import serve as run_server

    with open_box(policies) as box:
        run_server(box, host, port)


@cli.command()
def kiosk(
    url: Annotated[str, typer.Option(help="the address of the box")] = "http://127.0.0.1:7860",
    language: Annotated[str | None, typer.Option("--language", "-l", help="of the screen; else the system's", show_default=False)] = None,
    full_screen: Annotated[bool, typer.Option("--full-screen", help="kiosk mode: no frame, nothing beside it")] = False,
    lock_minutes: Annotated[float, typer.Option("--lock-minutes", min=0.5, max=30, help="without a key or click it locks")] = 3.0,
    phrases: Annotated[Path | None, typer.Option(help="the bank's own quick phrases (TOML)", show_default=False)] = None,
    plain_http: Annotated[bool, typer.Option("--plain-http", help="allow http to another machine")] = False,
) -> None:
    """Open the teller's desktop program."""
    try:
        from app.kiosk.program import options_of, run
    except ImportError as error:
        if not (error.name or "").startswith(("PySide6", "shiboken6")):
            raise TellerboxError(f"Qt cannot be loaded: {error}; docs/kiosk.md names the packages of the system it needs") from None
        raise TellerboxError("the kiosk needs Qt, which is not installed: pip install 'tellerbox[kiosk]'") from None
    options = options_of(url, language, phrases, lock_minutes, full_screen=full_screen, plain_http=plain_http)
    raise typer.Exit(run(options))


@cli.command()
def ask(
    question: Annotated[str, typer.Argument(help='the question; "-" reads it from standard input')],
    language: Language = None,
    role: Annotated[str, typer.Option(help="customer or teller")] = "customer",
    as_of: Annotated[str | None, typer.Option("--as-of", help="the policies in force on this day", show_default=False)] = None,
    policies: Policies = None,
    as_json: AsJson = False,
) -> None:
    """Ask one question."""
    from app.answer import answer_json
    from app.language import SERVED

    if language is not None and language not in SERVED:
        raise TellerboxError(f"language {language!r} is not served; choose one of {', '.join(SERVED)}")
    if role not in ("customer", "teller"):
        raise TellerboxError("role must be customer or teller")
    text = read_stdin() if question == "-" else question
    with open_box(policies) as box:
        answer = box.ask(text, role, language=language, as_of=_day(as_of))
    if as_json:
        print_json(answer_json(answer))
    else:
        _print_answer(answer)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise TellerboxError("--as-of must be a day such as 2026-03-01") from None


def _print_answer(answer: Answer) -> None:
    from rich.console import Console
    from rich.markup import escape

    from app import locales

    console = Console(highlight=False)
    if answer.disclosure:
        console.print(f"[dim]{escape(answer.disclosure)}[/dim]\n")
    number = 0
    notes: list[str] = []
    for sentence in answer.sentences:
        marks = ""
        for item in sentence.evidence:
            number += 1
            marks += f" [cyan]\\[{number}][/cyan]"
            notes.append(f"[cyan]\\[{number}][/cyan] {escape(item.title)} ({item.policy}, {item.version}, {item.start}-{item.end})")
        console.print(escape(sentence.text) + marks)
    if notes:
        console.print(f"\n[bold]{locales.text('ui.citations', answer.language)}[/bold]")
        for note in notes:
            console.print(note)
    if answer.handoff:
        console.print(f"\n[yellow]{locales.text('ui.talk_to_person', answer.language)}[/yellow]")


@cli.command()
def evaluate(
    file: Annotated[Path, typer.Argument(help="a .jsonl file of questions, or a folder of them")],
    policies: Policies = None,
    out: Annotated[Path | None, typer.Option(help="write the whole report here", show_default=False)] = None,
    limit: Annotated[int, typer.Option(help="only the first so many rows; 0 for all")] = 0,
    as_json: AsJson = False,
) -> None:
    """Run questions with known answers and report how often the box was right."""
    from app.evaluate import evaluate as run
    from app.questions import read_rows

    rows = read_rows(file)
    rows = rows[:limit] if limit else rows
    with open_box(policies) as box, progress_bar("asking") as progress:
        box.ready()
        report = run(box, rows, progress)
    if out is not None:
        try:
            out.write_text(json.dumps(report, ensure_ascii=False, indent=1), "utf-8")
        except OSError as error:
            raise TellerboxError(f"cannot write {out} ({error.strerror})") from None
    summary = {name: value for name, value in report.items() if name != "answers"}
    if as_json:
        print_json(summary)
    else:
        _print_report(summary)


_COLUMNS = {
    "rows": "rows", "outcome_accuracy": "outcome", "answer_accuracy": "answer", "citation_hit": "citation",
    "wrong_number": "wrong number", "false_abstention": "false abstention", "false_answer": "false answer",
    "sure_false_answer": "… without caution", "caution": "answered with caution",
    "language_match": "language",
}  # fmt: skip


def _print_report(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", *_COLUMNS.values(), "p50 ms", "p95 ms")
    groups = {"all": summary["overall"]} | summary["languages"] | summary["categories"]
    for name, report in groups.items():
        cells = [report.get(column, "") for column in _COLUMNS]
        shown = [f"{cell:.1%}" if isinstance(cell, float) else str(cell) for cell in cells]
        table.add_row(name, *shown, str(report["latency_ms"]["p50"]), str(report["latency_ms"]["p95"]))
    Console(width=160 if not sys.stdout.isatty() else None).print(table)


# -- redact, detect -------------------------------------------------------------------------------------------------------


def _input_lines(file: Path | None) -> Iterator[str]:
    """Texts to work on: the rows of a .jsonl file, or the whole of another file or of standard input."""
    if file is None:
        yield read_stdin()
        return
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise TellerboxError(f"{file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise TellerboxError(f"{file} is not UTF-8 (byte {error.start})") from None
    if file.suffix != ".jsonl":
        yield text
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield str(json.loads(line)["text"])
            except (ValueError, KeyError, TypeError):
                raise TellerboxError(f'{file}, line {number}: not a row {{"text": …}}') from None


@cli.command()
def redact(
    file: Annotated[Path | None, typer.Argument(help="text or .jsonl; standard input without it", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Replace what identifies a person by pseudonyms."""
    with open_box() as box:
        redactor = box.redactor
    for text in _input_lines(file):
        done = redactor.redact(text)
        if as_json:
            spans = [{"type": f.type, "start": f.start, "end": f.end, "score": round(f.score, 3)} for f in done.findings]
            print_json({"text": done.text, "spans": spans})
        else:
            print(done.text)


@cli.command()
def detect(
    file: Annotated[Path | None, typer.Argument(help="text or .jsonl; standard input without it", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Say which language a text is in, and why."""
    from app.language import LanguageDetector
    from app.settings import load_settings

    detector = LanguageDetector(load_settings().models / "language" / "language.npz")
    for text in _input_lines(file):
        found = detector.detect(text)
        if as_json:
            print_json(
                {"language": found.language, "detected": found.detected, "served": found.served, "reason": found.reason,
                 "confidence": round(found.confidence, 4), "scores": dict(found.scores)}
            )  # fmt: skip
        else:
            print(f"{found.detected}\t{found.language}\t{found.reason}\t{found.confidence:.2f}")


# -- knowledge ------------------------------------------------------------------------------------------------------------


@knowledge_cli.command("list")
def knowledge_list(policies: Policies = None, language: Language = None, as_json: AsJson = False) -> None:
    """The policies, with version, dates, audience and jurisdiction."""
    with open_box(policies) as box:
        chosen = [policy for policy in box.policies if language in (None, policy.language)]
    for policy in chosen:
        row = {
            "id": policy.id, "language": policy.language, "version": policy.version, "title": policy.title,
            "effective_from": str(policy.effective_from or ""), "effective_to": str(policy.effective_to or ""),
            "audience": policy.audience, "jurisdiction": ",".join(policy.jurisdiction) or "EU", "sha256": policy.sha256,
        }  # fmt: skip
        if as_json:
            print_json(row)
        else:
            print("\t".join(str(value) for name, value in row.items() if name != "sha256"))


@knowledge_cli.command("show")
def knowledge_show(
    policy: Annotated[str, typer.Argument(help="its id, such as payments/international-transfer")],
    language: Annotated[str, typer.Option("--language", "-l")] = "en",
    version: Annotated[str | None, typer.Option(show_default=False)] = None,
    policies: Policies = None,
) -> None:
    """The text of one policy, to which evidence offsets count."""
    with open_box(policies) as box:
        sys.stdout.write(box.policy(policy, language, version).text)


@knowledge_cli.command("build")
def knowledge_build() -> None:
    """Build the index anew."""
    from knowledge.index import rebuild

    with open_box() as box, progress_bar("indexing passages") as progress:
        index = rebuild(box.policies, box.embedder, box.index_folder, progress)
        print(f"{len(index.policies)} policies, {len(index.passages)} passages, {index.statements} statements: {index.hash}")


@knowledge_cli.command("check")
def knowledge_check(policies: Policies = None) -> None:
    """Check the policies: front matter, versions, and the same figures in every language."""
    from knowledge.agreement import disagreements

    with open_box(policies) as box:
        problems = disagreements(box.policies)
        for problem in problems:
            print(problem)
        if problems:
            raise TellerboxError(f"{len(problems)} problems in the policies")
        print(f"{len(box.policies)} policies agree")


@knowledge_cli.command("search")
def knowledge_search(
    query: str, language: Language = None, policies: Policies = None,
    role: Annotated[str, typer.Option(help="customer or teller")] = "customer",
    most: Annotated[int, typer.Option(help="how many statements")] = 5, as_json: AsJson = False,
) -> None:  # fmt: skip
    """What the policies hold on a question, with scores."""
    from knowledge.search import Scope

    with open_box(policies) as box:
        code = language or str(box.detector.detect(query).language)
        country = None if policies else box.settings.jurisdiction
        found = box.search.find(query, Scope(code, role, date.today(), country), most)
    if as_json:
        rows = [
            {"policy": c.policy.id, "version": c.policy.version, "language": c.policy.language, "heading": c.passage.heading,
             "start": c.statement.start, "end": c.statement.end, "text": c.statement.text, "score": round(c.score, 4)}
            for c in found.candidates
        ]  # fmt: skip
        print_json({"language": code, "answerable": round(found.answerable, 4), "statements": rows})
        return
    print(f"answerable {found.answerable:.2f} ({code})")
    for item in found.candidates:
        print(f"{item.score:.2f}  {item.policy.id}  {item.passage.heading}\n      {item.statement.text}")


# -- model ----------------------------------------------------------------------------------------------------------------


@model_cli.command("list")
def model_list(as_json: AsJson = False) -> None:
    """The catalogue."""
    from dataclasses import asdict

    from app.settings import load_settings
    from app.slm.catalog import catalog

    settings = load_settings()
    for model in catalog().values():
        here = ((settings.models if model.shipped else settings.home / "models") / model.file).is_file()
        if as_json:
            print_json(asdict(model) | {"here": here})
        else:
            state = "here" if here else "not here"
            print(f"{model.name}\t{model.parameters}\t{model.quantization}\t{model.licence}\t{state}\t{model.note}")


@model_cli.command("show")
def model_show(name: str) -> None:
    """One entry of the catalogue."""
    from dataclasses import asdict

    from app.slm.catalog import catalog

    entry = catalog().get(name)
    if entry is None:
        raise TellerboxError(f"no model named {name!r} in the catalogue")
    for field, value in asdict(entry).items():
        print(f"{field}: {' '.join(value) or 'none: the box quotes' if isinstance(value, tuple) else value}")


@model_cli.command("pull")
def model_pull(name: str) -> None:
    """Download a model of the catalogue: resumes, and checks its sha256."""
    from app.settings import load_settings
    from app.slm.catalog import pull

    with progress_bar(f"pulling {name}") as progress:
        path = pull(name, load_settings().home, progress)
    print(path)


@model_cli.command("use")
def model_use(model: Annotated[str, typer.Argument(help="a name of the catalogue or the path of a GGUF")]) -> None:
    """Answer with this model from now on."""
    from app.settings import load_settings
    from app.slm.catalog import choose
    from app.slm.engine import Engine, Tuning

    settings = load_settings()
    chosen = choose(model, settings.models, settings.home)
    Engine(chosen.path, Tuning(context=256, sequences=1), prefix_bytes=0).close()
    print(f"{chosen.name} {chosen.sha256}")


@model_cli.command("bench")
def model_bench(
    keep: Annotated[bool, typer.Option(help="answer in the best way from now on")] = True, as_json: AsJson = False
) -> None:
    """Try how the model in use runs best on this box, and keep what was found."""
    from dataclasses import asdict

    from app.settings import load_settings
    from app.slm import bench, tuned
    from app.slm.catalog import resolve
    from app.slm.llama import Tuning
    from app.slm.resources import cores

    settings = load_settings()
    model = resolve(settings.model, settings.models, settings.home)

    def tell(tuning: Tuning, found: bench.Measured | None) -> None:
        row = {"threads": tuning.threads, "flash_attention": tuning.flash_attention, "kv": tuning.kv, "repack": tuning.repack}
        if found is not None:
            row |= {"read": found.reading, "alone": found.alone, "together": found.together, "turn_s": round(found.seconds, 2)}
        if as_json:
            print_json(row | {"works": found is not None})
        else:
            print("\t".join(f"{name} {value}" for name, value in row.items()) + ("" if found else "\tdoes not work"))

    best = bench.search(model.path, Tuning(sequences=settings.people), tell)
    if best is None:
        raise TellerboxError(f"{model.name} does not run on this box in any way")
    way = best.tuning
    found = tuned.Tuned(model.sha256, cores(), way.threads, way.flash_attention, way.kv, way.repack)
    if keep:
        path = tuned.save_tuned(settings.home, found)
        print(path, file=sys.stderr)
    if as_json:
        print_json({"best": asdict(found)})


@cli.command()
def doctor() -> None:
    """What is installed, what is missing, what to do."""
    from app.doctor import examine
    from app.settings import load_settings

    findings = examine(load_settings())
    for finding in findings:
        print(
            f"{'ok  ' if finding.good else 'BAD '} {finding.name}: {finding.what}"
            + (f"\n     -> {finding.remedy}" if finding.remedy else "")
        )
    if not all(finding.good for finding in findings):
        raise TellerboxError("something is missing")


if __name__ == "__main__":
    main()
