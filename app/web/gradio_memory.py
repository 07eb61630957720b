"""Gradio's memory of a page, without what was typed into it.

Gradio notes the value of every input and output of a page, and keeps the notes for an hour after the page was closed, so
that a link can bring the page back as it was. The chat has no such links, and a question must not outlive its session.

Two loops of Gradio's queue also go on holding the last event that they saw, which has the request and so the question,
until another comes: on a quiet tablet that may be the next morning.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from gradio.queueing import Event, Queue
from gradio.state_holder import SessionState, StateHolder

_NOTES_VALUES = "_update_value_in_config"
_ANSWERS_EVENTS = "process_events"


class ForgetfulState(SessionState):  # type: ignore[misc]
    """What Gradio keeps of one page: its `gr.State` values and how its parts look, never the value of an input or output."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Called by Gradio with each value that comes or goes."""


class ForgetfulHolder(StateHolder):  # type: ignore[misc]
    """The pages of one application."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = ForgetfulState(self.blocks)
        return super().__getitem__(session_id)


def forget_values(gradio_app: Any) -> None:
    """Makes a Gradio application keep nothing of a question once it is answered. Call before it starts. Raises RuntimeError
    on a Gradio that keeps values in some other way."""
    for owner, name in ((SessionState, _NOTES_VALUES), (Queue, _ANSWERS_EVENTS)):
        if not hasattr(owner, name):
            raise RuntimeError(f"this Gradio has no {owner.__name__}.{name}: see where it keeps values before it is used")
    blocks = gradio_app.get_blocks()
    holder = ForgetfulHolder()
    holder.set_blocks(blocks)
    gradio_app.state_holder = holder
    setattr(blocks._queue, _ANSWERS_EVENTS, _emptying(getattr(blocks._queue, _ANSWERS_EVENTS)))


def _emptying(answer: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """`Queue.process_events`, after which an event that is still held somewhere holds no question."""

    @wraps(answer)
    async def and_empty(events: list[Event], *rest: Any, **named: Any) -> None:
        try:
            await answer(events, *rest, **named)
        finally:
            for event in events:
                event.data = event.request = event.progress = None

    return and_empty
