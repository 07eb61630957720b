"""Events come out whole however the bytes came in; one that was cut is not given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.kiosk.event_stream import Event, EventReader
from app.web.sse import event

DATA = st.recursive(st.none() | st.integers() | st.text(max_size=20), lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(st.lists(st.tuples(st.sampled_from(["queue", "sentence"]), DATA), max_size=5), st.lists(st.integers(1, 60), max_size=20))
def test_what_the_server_writes_is_read_in_any_pieces(written: list[tuple[str, object]], sizes: list[int]) -> None:
    content = "".join(f": \n\n{event(name, data)}" for name, data in written).encode()
    reader, read, at = EventReader(), [], 0
    for size in [*sizes, len(content) or 1]:
        read += reader.feed(content[at : at + size])
        at += size
    expected = [event(name, data).split("data: ", 1)[1].rstrip("\n") for name, data in written]
    assert [each.data for each in read] == expected
    assert [each.name for each in read] == [name for name, _ in written]


def test_ids_names_and_several_lines_follow_the_standard() -> None:
    reader = EventReader()
    assert reader.feed(b"id: 7\r\ndata: a\r\ndata:b\r\n\r\nevent: x\n\ndata: c\n\n") == [Event("message", "a\nb"), Event("message", "c")]
    assert reader.last_id == "7"
    assert reader.feed(b"id: 8\ndata: cut") == []
