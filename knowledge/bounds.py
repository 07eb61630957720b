"""Bounds: whether a figure is meant as a most ("under 18", "up to 60 €"), as a least ("18 or more"), or as it stands."""

from __future__ import annotations

import re

from knowledge.quantities import quantities
from knowledge.terms import fold

MOST, LEAST = "most", "least"
Bound = tuple[tuple[str, str, str], frozenset[str]]
"""The key of a figure (see knowledge.quantities.Quantity) and which of MOST and LEAST the words around it say."""

_BEFORE_CHARS, _AFTER_CHARS = 40, 24
_HAMZA = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "\u0653": None, "\u0654": None, "\u0655": None})

# What stands before a figure, then what stands after it; all folded.
_SAID: dict[str, dict[str, tuple[str, str]]] = {
    "en": {
        MOST: (
            r"less than|fewer than|under|below|younger than|up to|at most|no(?:t)? more than|no(?:t)? later than|maximum|max",
            r"or (?:less|fewer|under|younger)|at most|maximum",
        ),
        LEAST: (
            r"more than|over|above|older than|at least|no(?:t)? less than|minimum|exceed\w*",
            r"or (?:more|over|older|above)|and (?:over|above)|at least|minimum",
        ),
    },
    "es": {
        MOST: (r"menos de|menor(?:es)? de|hasta|maxim[oa]|inferior(?:es)? a|por debajo de|no mas de", r"o menos|como maximo"),
        LEAST: (
            r"\bmas de|mayor(?:es)? de|al menos|minim[oa]|a partir de|superior(?:es)? a|por encima de|desde",
            r"o mas|como minimo|cumplidos",
        ),
    },
    "fr": {
        MOST: (r"moins de|inferieure?s? a|jusqu'?a|au plus|maxim\w+|en dessous de|pas plus de", r"ou moins|au plus|au maximum"),
        LEAST: (r"\bplus de|superieure?s? a|au moins|minim\w+|a partir de|au-dela de|depass\w+", r"ou plus|au moins|au minimum|revolus"),
    },
    "de": {
        MOST: (r"weniger als|\bunter|\bbis\b|hochstens|maximal|hochst\w*|nicht mehr als", r"oder (?:weniger|junger)|hochstens"),
        LEAST: (r"mehr als|\buber|mindest\w*|\bab\b|wenigstens|nicht weniger als", r"oder (?:mehr|alter|daruber)|und alter|mindestens"),
    },
    "pt": {
        MOST: (r"menos de|menor(?:es)? de|inferior(?:es)? a|\bate\b|maxim[oa]|abaixo de", r"ou menos|no maximo"),
        LEAST: (r"\bmais de|maior(?:es)? de|superior(?:es)? a|pelo menos|minim[oa]|a partir d|acima de|desde", r"ou mais|no minimo"),
    },
    "it": {
        MOST: (r"meno di|minor[ei] di|inferior[ei] a|fino a|massim[oa]|sotto i|non oltre|al di sotto d", r"o meno|al massimo"),
        LEAST: (
            r"\bpiu di|maggior[ei] di|superior[ei] a|almeno|minim[oa]|a partire da|\boltre|sopra i|dai|compiuto",
            r"o piu|in su|compiuti|al minimo",
        ),
    },
    "zh": {
        MOST: (r"不超过|不多于|最多|最高|低于|少于|小于|不足|未满|至多|上限", r"以下|以内|之内"),
        LEAST: (r"(?<!不)超过|至少|最低|最少|(?<!不)高于|(?<!不)多于|年满|已满|不少于|不低于|(?<!未)满", r"以上|起"),
    },
    "ar": {
        MOST: (r"اقل من|(?<!لا )(?<!لم )[يت]قل(?: \S+){0,5} عن|لا [يت]تجاوز|لا [يت]زيد|حتي|اقصي", r"او اقل|علي الاكثر|كحد اقصي"),
        LEAST: (
            r"اكثر من|ل[ام] [يت]قل|(?<!لا )[يت]تجاوز|(?<!لا )[يت]زيد|فوق|ادني|ابتداء|بلغ|ما لا يقل",
            r"فاكثر|او اكثر|علي الاقل|كحد ادني",
        ),
    },
}


def bounds(text: str, language: str) -> frozenset[Bound]:
    """Each figure of a text with the bounds said of it; the words looked at end at the figures beside it."""
    found = quantities(text, language)
    said = _SAID.get(language, _SAID["en"])
    out: set[Bound] = set()
    for place, figure in enumerate(found):
        left = found[place - 1].end if place else 0
        right = found[place + 1].start if place + 1 < len(found) else len(text)
        before = fold(text[max(left, figure.start - _BEFORE_CHARS) : figure.start]).translate(_HAMZA)
        following = fold(text[figure.end : min(right, figure.end + _AFTER_CHARS)]).translate(_HAMZA)
        after = re.split(r"[,;.،؛。，；]", following)[0]
        kinds = (kind for kind, (ahead, behind) in said.items() if re.search(ahead, before) or re.search(behind, after))
        out.add((figure.key, frozenset(kinds)))
    return frozenset(out)
