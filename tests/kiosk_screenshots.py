"""Takes the pictures of the kiosk from a real window and a real box: `python -m tests.kiosk_screenshots build/screenshots [all]`.

Without `all`, those of the documentation: the desk and the queue in Spanish, Chinese and Arabic, and one each of signing in, the
lock, and a box that is away. Without a screen Qt draws offscreen, in the type of the machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from app.appliance import Appliance
from app.kiosk.look import dress
from app.kiosk.phrases import load_phrases
from app.kiosk.program import open_window
from app.kiosk.window import Options, Window
from tests.app.faces import PASSWORD, branch
from tests.app.kiosk.person import ask, choose_handoff, holds, pass_time, sentences, signed_in, until
from tests.browser import serving

SIZE = (1280, 800)
DESK = {"es": "كم رسوم التحويل الدولي؟", "zh": "¿Cuánto cuesta una transferencia internacional?", "ar": "Combien coûte un virement international ?"}
"""The teller's language, and what a customer asks in another."""
WAITING = (
    "He perdido la tarjeta, soy Ana García, IBAN ES91 2100 0418 4502 0005 1332",
    "I think I was scammed, I gave my card code to a caller",
    "我想投诉，你们的收费不合理",
    "je veux parler à un conseiller",
)
REPLIES = {"es": "Hola, su tarjeta ya está bloqueada; pase por el mostrador y le damos otra.", "zh": "Traiga su documento de identidad, por favor.", "ar": "Gracias por la espera."}
OF_THE_DOCUMENTATION = {
    *(f"{screen}-{language}" for screen in ("desk", "queue") for language in DESK), "sign-in-es", "locked-zh", "away-ar",
}  # fmt: skip


def main(out: Path, *, everything: bool) -> None:
    """Every screen in each language."""
    out.mkdir(parents=True, exist_ok=True)
    app = QApplication(["kiosk"])
    dress(app)

    def take(window: Window, name: str) -> None:
        if everything or name in OF_THE_DOCUMENTATION:
            pass_time(0.4)
            window.grab().save(str(out / f"kiosk-{name}.png"))

    with tempfile.TemporaryDirectory() as home, branch(Path(home)) as box:
        box.staff.accounts.add("marta", "teller", PASSWORD, display="Marta")
        waiting = [_waits(box, question) for question in WAITING]
        for language in DESK:
            _screens(box, app, language, waiting[0], take)


def _waits(box: Appliance, question: str) -> str:
    session = box.start_session(channel="web")
    answer = box.ask(question, session=session)
    if box.handoffs.of_session(session.id) is None:
        box.ask_for_person(session, answer)
    held = box.handoffs.of_session(session.id)
    assert held is not None
    return held.id


def _screens(box: Appliance, app: QApplication, language: str, first: str, take: Callable[[Window, str], None]) -> None:
    with serving(box) as url:
        window = open_window(Options(url, language, load_phrases()), app, lambda _: None)
        window.resize(*SIZE)
        take(window, f"sign-in-{language}")
        signed_in(window, "marta")
        ask(window, DESK[language])
        until(lambda: sentences(window, "teller"))
        take(window, f"desk-{language}")
        choose_handoff(window, first)
        window.queue.talk.take.click()
        until(lambda: holds(window, first))
        window.queue.talk.box.text.setPlainText(REPLIES[language])
        window.queue.submit()
        until(lambda: not window.queue.talk.box.written)
        window.queue.list.setFocus()
        take(window, f"queue-{language}")
        window.queue.talk.release.click()
        until(window.queue.talk.take.isVisible)
        window.lock()
        take(window, f"locked-{language}")
        signed_in(window, "marta")
        ask(window, DESK[language])
        until(lambda: sentences(window, "teller"))
    until(lambda: not window.reach.is_up)
    window.desk.box.text.setPlainText(load_phrases().asks[2][language])
    window.desk.submit()
    take(window, f"away-{language}")
    window.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), everything="all" in sys.argv[2:])
