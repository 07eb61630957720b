"""Bound: what the odds of a name at a token cannot exceed, from the scores alone and without going over all paths.

Every path that is inside a name at a token holds a run of labels around it, from one token outside to the next. With the run written over
by OUTSIDE it is another path; so the odds of a run are at most what its labels say more than OUTSIDE does, and the odds that a token is in
a name are at most the sum of that over all runs it may be in. The sum over labels is bounded in turn: with weights that make going on with
a name cost alike whatever its label was, one number a token says how much more all runs together may weigh (a weighted maximum norm;
Horn & Johnson, Matrix Analysis, 5.6). Most texts that name nobody are told by it, in a quarter of the time of the probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from compliance.redaction.field import OUTSIDE, Weights

_LIKELY = 5.0
"""Where a token's scores say by so much more that it is in a name, it is nine times in ten, and nothing is tried."""
_MOST_HOT = 12
"""Tokens that are looked at label by label at most: more take as long as the probabilities."""
AROUND = 2
"""Tokens on either side of one that the weights alone do not tell that are looked at with it, label by label."""
_ROUNDING = 1e-6
"""What is ruled out stays so far below, relatively, that no rounding of either way matters."""


class Bound:
    """The bound of one field: `labels` and `moves` (labels, labels) are the field's."""

    def __init__(self, labels: Sequence[str], moves: Weights) -> None:
        numbers = {label: number for number, label in enumerate(labels)}
        self._outside = outside = numbers[OUTSIDE]
        ratios = np.exp(moves - moves[outside, outside])
        inside = np.array([label != OUTSIDE for label in labels])
        weights = np.ones(len(labels))
        for label, number in numbers.items():
            after = numbers.get("I-" + label[2:])
            if label.startswith("B-") and after is not None:
                weights[number] = ratios[number, after] / ratios[after, after]
        # Of a token's labels: the weight of a run that begins there, of one that begins with the text, that of going on from each label.
        going_on = np.where(inside, ratios * weights / weights[:, None], 0.0)[inside]
        self._ways = np.vstack([np.where(inside, ratios[outside] * weights, 0.0), np.where(inside, weights, 0.0), going_on]).T
        self._ended = float((ratios[inside, outside] / weights[inside]).max())
        self._last = float((1 / weights[inside]).max())
        self._shares, self._none = inside / weights, np.zeros(len(labels))
        self._weights, self._inside = np.where(inside, weights, 0.0), inside * 1.0
        self._begin, self._end = ratios[outside] * inside, ratios[:, outside] * inside
        self._on = np.where(inside & inside[:, None], ratios, 0.0)

    def rules_out(self, scores: Weights, least: Sequence[float]) -> bool:
        """Whether no token of `scores` (tokens, labels) is in a name with its least probability (below 1): True is sure."""
        over = scores - scores[:, self._outside : self._outside + 1]
        if over.max() > _LIKELY:
            return False
        odds = np.exp(over)
        weighed = odds @ self._ways
        begun, on = weighed[:, 0].tolist(), weighed[:, 2:].max(axis=1).tolist()
        begun[0] = float(weighed[0, 1])
        ends, end = [], self._last
        for more in reversed(on):
            ends.append(end)
            end = self._ended + more * end
        ends.reverse()
        runs, run = [], 0.0
        for begin, more in zip(begun, on, strict=True):
            run = begin + run * more
            runs.append(run)
        hot = [at for at, enough in enumerate(least) if not runs[at] * ends[at] * (1 - enough) < enough * (1 - _ROUNDING)]
        return len(hot) <= _MOST_HOT and all(self._cold(odds, least, runs, ends, window) for window in _windows(hot, len(least)))

    def _cold(self, odds: Weights, least: Sequence[float], runs: Sequence[float], ends: Sequence[float], window: range) -> bool:
        """The same of the tokens of a window, label by label: only what comes in from before and after it is bounded."""
        first, last = window[0], window[-1]
        run = runs[first - 1] * self._shares if first else self._none
        before = []
        for at in window:
            run = (run @ self._on + (self._begin if at else self._inside)) * odds[at]
            before.append(run)
        end = self._weights * ends[last] if last < len(least) - 1 else self._inside
        for at in reversed(window):
            enough = least[at]
            if not float(before.pop() @ end) * (1 - enough) < enough * (1 - _ROUNDING):
                return False
            end = self._end + self._on @ (odds[at] * end)
        return True


def _windows(hot: Sequence[int], size: int) -> Iterator[range]:
    """The places around the hot ones, in stretches that do not touch."""
    first = last = -1
    for at in hot:
        if first >= 0 and at - AROUND > last + 1:
            yield range(first, last + 1)
            first = -1
        first, last = max(0, at - AROUND) if first < 0 else first, min(size - 1, at + AROUND)
    if first >= 0:
        yield range(first, last + 1)
