"""Line: who waits for the model, served in turn by person, so that one with many questions does not keep others waiting."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """What can stand in line: `person` says whose it is."""

    @property
    def person(self) -> str: ...


T = TypeVar("T", bound=Waiting)


class Line(Generic[T]):
    """A queue with one lane a person; lanes are served round robin, each lane first come, first served."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def __iter__(self) -> Iterator[T]:
        """Everyone, in the order in which they will be served if nobody else comes."""
        lanes = [list(lane) for lane in self._lanes.values()]
        for turn in range(max(map(len, lanes), default=0)):
            yield from (lane[turn] for lane in lanes if turn < len(lane))

    def add(self, item: T) -> None:
        """Stand at the end of one's own lane; a new lane is the last."""
        self._lanes.setdefault(item.person, deque()).append(item)

    def next(self) -> T:
        """Take who is served next; that person's lane goes to the end. Raises IndexError when nobody waits."""
        if not self._lanes:
            raise IndexError("nobody waits")
        person, lane = self._lanes.popitem(last=False)
        item = lane.popleft()
        if lane:
            self._lanes[person] = lane
        return item

    def remove(self, item: T) -> None:
        """Leave the line. Raises ValueError when not in it."""
        lane = self._lanes.get(item.person, deque())
        lane.remove(item)
        if not lane:
            del self._lanes[item.person]
