"""Gradio's memory of a page, without what was typed into it.

Gradio notes the value of every input and output of a page, and keeps the notes for an hour after the page was closed, so
that a link can bring the page back as it was. The chat has no such links, and a question must not outlive its session.
"""

from __future__ import annotations

from typing import Any

from gradio.state_holder import SessionState, StateHolder

_NOTES_VALUES = "_update_value_in_config"


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
    """Makes a Gradio application keep no values. Raises RuntimeError on a Gradio that notes them in some other way."""
    if not hasattr(SessionState, _NOTES_VALUES):
        raise RuntimeError(f"this Gradio has no SessionState.{_NOTES_VALUES}: see where it keeps values before it is used")
    holder = ForgetfulHolder()
    holder.set_blocks(gradio_app.get_blocks())
    gradio_app.state_holder = holder
