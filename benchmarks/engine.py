"""How fast do many people get their answers from one model on one box, and how fairly?

    python benchmarks/engine.py [--shape qwen2.5-0.5b] [--kind Q4_0] [--model FILE] [--people 1,2,4,8,16] [--repeat 1]
                                [--tokens 48] [--threads 2] [--quick] [--json] [--plot FILE]

The same model file, prompts and number of tokens for each way, one after another in the same run: the raw decode loop on
llama.cpp's C interface; `llama_cpp.Llama`, one person after another, as it can do no other; `llama_cpp.server` over HTTP;
`llama-server` over HTTP where it is on the PATH; this engine, cold and with the policy asked before. Without --model, a
file of the shape is made with random weights: speed does not depend on them, and an answer never ends by itself.

first_s is when a person has the first 16 tokens, about a sentence; fairness is Jain's index of tokens a second over
people (1: all alike, 1/n: one has all); cpu_s are the seconds of processor time that the process which holds the model
spent, which other work on the machine hardly changes, and resident memory is its own. `x NAME` is tokens a second against
that way, `x work` the same by processor time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import which
from tempfile import gettempdir
from typing import Any

import httpx
import report

from app.slm.bench import resident
from app.slm.engine import Engine
from app.slm.generation import Limits
from app.slm.llama import Llama, Tuning
from app.slm.prompt import Message, messages
from app.slm.resources import repacks
from factory.slm.shapes import make
from knowledge.policy import load_policies

POLICIES = Path(__file__).resolve().parent.parent / "knowledge" / "policies"
FIRST = 16
CONTEXT = 1024

Chat = tuple[Message, ...]
Mark = Callable[[], None]
Way = Callable[[Chat, int, Mark], None]


@dataclass
class Person:
    """When each token of an answer came, in seconds from the moment all asked."""

    times: list[float] = field(default_factory=list)

    @property
    def first(self) -> float:
        return self.times[min(FIRST, len(self.times)) - 1]

    @property
    def rate(self) -> float:
        return len(self.times) / self.times[-1]


def chats(count: int, question: str) -> list[Chat]:
    """A question each about a policy of one's own, with six statements."""
    policies = [policy for policy in load_policies(POLICIES, lambda text: "en") if policy.language == "en"]
    made = []
    for number in range(count):
        body = policies[number % len(policies)].text.split()
        statements = [" ".join(body[place : place + 24]) for place in range(40, 40 + 6 * 24, 24)]
        made.append(messages(f"{question} ({number})", statements, "English"))
    return made


def crowd(way: Way, asked: list[Chat], tokens: int) -> list[Person]:
    """Everyone asks at once, each in a thread of their own."""
    people = [Person() for _ in asked]
    gate = threading.Barrier(len(asked) + 1)
    began = [0.0]

    def ask(person: Person, chat: Chat) -> None:
        gate.wait()
        way(chat, tokens, lambda: person.times.append(time.perf_counter() - began[0]))

    threads = [threading.Thread(target=ask, args=pair) for pair in zip(people, asked, strict=True)]
    for thread in threads:
        thread.start()
    began[0] = time.perf_counter()
    gate.wait()
    for thread in threads:
        thread.join()
    return people


def processor_seconds(pid: int | str) -> float:
    """Processor time of a process since it started."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- the ways ------------------------------------------------------------------------------------------------------------


@contextmanager
def raw(path: Path, tuning: Tuning) -> Iterator[tuple[Way, int | str]]:
    """llama.cpp's C interface, one person after another."""
    llama = Llama(path, replace(tuning, sequences=1))
    lock = threading.Lock()

    def way(chat: Chat, tokens: int, mark: Mark) -> None:
        prompt = llama.tokenize(llama.render(chat))
        with lock:
            llama.forget(0)
            for start in range(0, len(prompt), tuning.batch):
                part = prompt[start : start + tuning.batch]
                llama.put(0, part, start, 0, len(prompt) - 1)
                llama.decode(len(part))
            row = (len(prompt) - 1) % tuning.batch
            for number in range(tokens):
                token = llama.choice(row)[0]
                mark()
                if number + 1 < tokens:
                    llama.put(0, [token], len(prompt) + number, 0, 0)
                    llama.decode(1)
                    row = 0

    yield way, "self"
    llama.close()


@contextmanager
def high_level(path: Path, tuning: Tuning) -> Iterator[tuple[Way, int | str]]:
    """`llama_cpp.Llama`, behind a lock."""
    from llama_cpp import Llama as Peer
    from plain_server import lie_as_in_file

    lie_as_in_file()
    llama = Peer(str(path), n_ctx=CONTEXT, n_batch=tuning.batch, n_threads=tuning.threads, n_threads_batch=tuning.threads, verbose=False)
    lock = threading.Lock()

    def way(chat: Chat, tokens: int, mark: Mark) -> None:
        with lock:
            for _ in llama.create_chat_completion(_plain(chat), max_tokens=tokens, temperature=0, stream=True):
                mark()

    yield way, "self"
    llama.close()


def _plain(chat: Chat) -> list[Any]:
    return [{"role": message.role, "content": message.content} for message in chat]


def over_http(command: list[str], port: int) -> Callable[[Path, Tuning], Any]:
    """A server that is started and asked over HTTP; `{names}` in the command are filled in."""

    @contextmanager
    def serve(path: Path, tuning: Tuning) -> Iterator[tuple[Way, int | str]]:
        values = {"path": path, "port": port, "threads": tuning.threads, "batch": tuning.batch, "people": tuning.sequences,
                  "context": CONTEXT, "all": CONTEXT * tuning.sequences}  # fmt: skip
        server = subprocess.Popen(
            [part.format(**values) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_WAIT_POLICY": "passive"},
        )  # fmt: skip
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=1200, trust_env=False, limits=httpx.Limits(max_connections=64))

        def way(chat: Chat, tokens: int, mark: Mark) -> None:
            body = {"model": "m", "messages": _plain(chat), "stream": True, "temperature": 0, "max_tokens": tokens}
            with client.stream("POST", "/v1/chat/completions", json=body) as response:
                response.raise_for_status()
                for line in response.iter_lines():
                    if line.startswith("data: {"):
                        mark()

        try:
            while True:
                try:
                    client.get("/v1/models").raise_for_status()
                    break
                except httpx.HTTPError:
                    if server.poll() is not None:
                        raise RuntimeError("the server ended before it was ready") from None
                    time.sleep(0.2)
            yield way, server.pid
        finally:
            client.close()
            server.terminate()
            server.wait()

    return serve


@contextmanager
def ours(path: Path, tuning: Tuning) -> Iterator[tuple[Way, int | str]]:
    """This engine, in its process."""
    engine = Engine(path, tuning, waiting=64)

    def way(chat: Chat, tokens: int, mark: Mark) -> None:
        generation = engine.generate(chat, Limits(tokens, 1200))
        seen = 0
        # Text is told in whole characters, which random tokens may not make for long: the tokens themselves are watched.
        while not (ended := bool(generation.finish)) or seen < len(generation.tokens):
            for _ in range(seen, len(generation.tokens)):
                seen += 1
                mark()
            if not ended:
                time.sleep(0.002)

    assert engine.pid is not None
    yield way, engine.pid
    engine.close()


WAYS: dict[str, Callable[[Path, Tuning], Any]] = {"raw loop": raw, "llama_cpp.Llama": high_level, "ours": ours}
SERVER = [sys.executable, str(Path(__file__).with_name("plain_server.py")), "--model", "{path}", "--n_ctx", "{context}", "--port", "{port}",
          "--n_threads", "{threads}", "--n_threads_batch", "{threads}", "--n_batch", "{batch}",
          "--interrupt_requests", "false"]  # fmt: skip
NATIVE = ["llama-server", "-m", "{path}", "-c", "{all}", "-np", "{people}", "-t", "{threads}", "-tb", "{threads}", "-b", "{batch}",
          "--port", "{port}", "--no-webui"]  # fmt: skip


def ways() -> dict[str, Callable[[Path, Tuning], Any]]:
    """Every way that can be tried here."""
    found = dict(WAYS)
    try:
        import llama_cpp.server.app  # noqa: F401 - whether its own needs are met

        found["llama_cpp.server"] = over_http(SERVER, 18_080)
    except ImportError:
        print("llama_cpp.server is left out: install llama-cpp-python[server]", file=sys.stderr)
    if which("llama-server"):
        found["llama-server"] = over_http(NATIVE, 18_081)
    return found


def measure(name: str, make_way: Callable[[Path, Tuning], Any], path: Path, tuning: Tuning, tokens: int) -> list[report.Row]:
    """One way with as many people as `tuning` has sequences: cold, and for this engine with the policy asked before."""
    people = tuning.sequences
    rows = []
    with make_way(path, replace(tuning, sequences=min(people, 8))) as (way, pid):
        crowd(way, [chats(1, "")[0][:1]], 4)
        asked = [(name, "What does it cost?"), *([("ours, asked before", "Who may have it, and when?")] if name == "ours" else [])]
        for label, question in asked:
            before, spent = report.load(), processor_seconds(pid)
            got = crowd(way, chats(people, question), tokens)
            rates = [person.rate for person in got]
            firsts = sorted(person.first for person in got)
            rows.append({
                "way": label, "people": people, "tokens_s": sum(len(p.times) for p in got) / max(p.times[-1] for p in got),
                "first_s_p50": statistics.median(firsts), "first_s_p95": firsts[min(len(firsts) - 1, int(0.95 * len(firsts)))],
                "fairness": sum(rates) ** 2 / (len(rates) * sum(rate * rate for rate in rates)),
                "cpu_s": processor_seconds(pid) - spent, "resident_mb": resident(pid) / 2**20, "load": before,
            })  # fmt: skip
    return rows


def median_of(runs: list[list[report.Row]]) -> list[report.Row]:
    """Row by row, the median of several runs."""
    rows = []
    for same in zip(*runs, strict=True):
        rows.append({key: statistics.median(row[key] for row in same) if key not in ("way", "people") else same[0][key] for key in same[0]})
    return rows


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--shape", default="qwen2.5-0.5b")
    parser.add_argument("--kind", default="Q4_0")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--people", default="1,2,4,8,16")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="ways to try, by name")
    options = parser.parse_args()
    if options.quick:
        options.people, options.tokens, options.shape = "1,4", 24, "tiny"
    kept = Path(gettempdir()) / f"tellerbox-{options.shape}-{options.kind}.gguf"
    path = options.model or make(options.shape, options.kind, kept)
    if "OMP_WAIT_POLICY" not in os.environ:
        # Read when the library is loaded: without it, threads that wait for each other burn what others could use.
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"OMP_WAIT_POLICY": "passive"})
    rows = []
    for people in map(int, options.people.split(",")):
        tuning = Tuning(CONTEXT, people, 256, options.threads, repack=repacks())
        chosen = {name: way for name, way in ways().items() if not options.only or name in options.only.split(",")}
        runs: list[list[report.Row]] = []
        for _ in range(options.repeat):
            runs.append([row for name, way in chosen.items() for row in measure(name, way, path, tuning, options.tokens)])
        found = median_of(runs)
        reference = next((row for row in found if row["way"] == "llama_cpp.server"), found[0])
        for row in found:
            row[f"x {reference['way']}"] = row["tokens_s"] / reference["tokens_s"]
            row["x work"] = reference["cpu_s"] / row["cpu_s"]
        rows += found
        print(f"{people} people done", file=sys.stderr)
    report.tell(rows, options.json)
    if options.plot:
        report.draw(rows, options.plot, "people", "tokens_s", "way")


if __name__ == "__main__":
    main()
