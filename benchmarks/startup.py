"""How long from the start of the process to the first answer, and how much memory does the box then hold?

    python benchmarks/startup.py [--repeat 3] [--quick] [--json] [--plot FILE]

`ask`: from start to end of `tellerbox ask`, once with no index yet and then with it. `serve`: from start until /healthz
answers (the process lives), until the first question over the API is answered, and until /readyz says ready (the chat too).
Memory is what the processes of the box hold together after that: pages they share are counted in part (PSS).
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import report

QUESTION = "How much is a replacement card?"
PORT = 18_082
COMMAND = [sys.executable, "-m", "app.cli"]
PROJECT = Path(__file__).resolve().parent.parent


def ask(home: str) -> float:
    """Seconds of `tellerbox ask`."""
    began = time.perf_counter()
    environment = os.environ | {"TELLERBOX_HOME": home}
    subprocess.run([*COMMAND, "ask", QUESTION, "--json"], env=environment, check=True, capture_output=True, cwd=PROJECT)
    return time.perf_counter() - began


def serve(home: str) -> report.Row:
    """Seconds until the server lives, is ready, and has answered; megabytes after that."""
    began = time.perf_counter()
    server = subprocess.Popen(
        [*COMMAND, "serve", "--port", str(PORT)], env=os.environ | {"TELLERBOX_HOME": home}, stdout=subprocess.DEVNULL, cwd=PROJECT
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=60, trust_env=False) as client:
            lives = _until(client, "/healthz", began)
            while client.post("/api/v1/turns", json={"question": QUESTION}).status_code != 200:
                time.sleep(0.02)
            answered = time.perf_counter() - began
            ready = _until(client, "/readyz", began)
            return {"lives_s": lives, "answered_s": answered, "ready_s": ready, "memory_mb": held(server.pid) / 2**20}
    finally:
        server.terminate()
        server.wait()


def _until(client: httpx.Client, path: str, began: float) -> float:
    while True:
        try:
            if client.get(path).status_code == 200:
                return time.perf_counter() - began
        except httpx.HTTPError:
            pass
        time.sleep(0.02)


def held(pid: int) -> int:
    """Bytes that a process and its children hold, shared pages in part."""
    total = 1024 * sum(map(int, re.findall(r"(?m)^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text("ascii"))))
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += sum(held(int(child)) for child in (task / "children").read_text("ascii").split())
    return total


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    repeat = 1 if options.quick else options.repeat
    with TemporaryDirectory() as home:
        first = ask(home)
        again = [ask(home) for _ in range(repeat)]
        served = [serve(home) for _ in range(repeat)]
    row: report.Row = {"first_ask_s": first, "ask_s": statistics.median(again)}
    row |= {name: statistics.median(each[name] for each in served) for name in served[0]} | {"load": report.load()}
    report.tell([row], options.json)
    if options.plot:
        rows = [{"seconds": row[name], "step": place, "way": "serve"} for place, name in enumerate(("lives_s", "answered_s", "ready_s"))]
        report.draw(rows, options.plot, "step", "seconds", "way")
    print(json.dumps({"goal": {"answered_s": 5, "memory_mb": 1024}}), file=sys.stderr)


if __name__ == "__main__":
    main()
