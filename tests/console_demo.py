"""A staffed box with a day of talk behind it, served for tests and pictures of the console."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from app.appliance import Appliance
from app.web.server import create_app
from tests.app.faces import branch

ASKED = (
    "how much does an international transfer cost online?", "¿Cuánto cuesta una transferencia internacional?", "国际汇款要多少钱？",
    "كم رسوم التحويل الدولي؟", "Was kostet eine Auslandsüberweisung?", "Combien coûte une carte de remplacement ?",
    "do you sell gold coins?", "can I buy gold coins here?", "¿venden monedas de oro?", "which crypto currencies do you offer",
    "I lost my card, my IBAN is ES91 2100 0418 4502 0005 1332", "transfer 200 euros to Ana", "what is the capital of France?",
    "how long does a direct debit refund take?", "Quanto costa un bonifico internazionale?", "O que preciso para abrir uma conta?",
)  # fmt: skip


def talk(box: Appliance) -> None:
    """Ask everything once; say of some answers what was thought of them; take over who waits."""
    for number, question in enumerate(ASKED):
        session = box.start_session(channel="web")
        answer = box.ask(question, session=session)
        if number % 3 == 0:
            box.feedback(session, answer.turn, useful=number % 2 == 0, reasons=["unclear"] if number % 2 else [], comment="thank you")
    teller = box.staff.accounts.named("teller").id
    for held in box.handoffs.waiting()[:1]:
        box.handoffs.take(held.id, teller)
        box.handoffs.reply(held.id, teller, "Please come to counter 3.")
        box.handoffs.resolve(held.id, teller, "at_counter")


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The application on a free port of this machine."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@contextmanager
def demo(home: Path) -> Iterator[tuple[str, Appliance]]:
    """Its address and the box."""
    with branch(home) as box:
        talk(box)
        with listening(create_app(box)) as url:
            yield url, box
