"""Grounding: sentence by sentence, is it in the policies, and where.

The model proposes; the evidence decides. A sentence passes only when a statement of a policy supports its words and every
number, date, amount and percentage in it stands in that statement, bounded ("under", "at least") as it is there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge.bounds import bounds
from knowledge.embedder import Embedder
from knowledge.quantities import quantities, quantity_keys
from knowledge.search import Candidate
from knowledge.terms import terms, words

MIN_SUPPORT = 0.8
"""Below it a sentence is not the evidence in other words; chosen with `python -m factory.grounding` (docs/grounding.md)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The span of a policy that supports a sentence; `score` is the support, 0-1."""

    policy: str
    version: str
    language: str
    start: int
    end: int
    quote: str
    score: float
    title: str
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`evidence` is None when the sentence may not be shown, and `reason` then says why."""

    evidence: Evidence | None
    score: float
    reason: str
    candidate: Candidate | None = None


MIN_KEPT = 0.7
"""The least share of its evidence's words that a sentence must keep: what leaves out more may leave out the condition
("when income of at least €900 is paid in, the account is free" is not "the account is free")."""


def evidence_of(candidate: Candidate, score: float) -> Evidence:
    """The evidence record of a statement."""
    policy = candidate.policy
    return Evidence(
        policy.id,
        policy.version,
        policy.language,
        candidate.statement.start,
        candidate.statement.end,
        candidate.quote,
        round(score, 4),
        policy.title,
        policy.source,
    )


class Grounding:
    """Judges sentences against the statements that were given to the model."""

    def __init__(self, embedder: Embedder, min_support: float = MIN_SUPPORT) -> None:
        self._embedder = embedder
        self._min_support = min_support

    def judge(self, sentence: str, language: str, candidates: Sequence[Candidate], cited: Sequence[int] = ()) -> Verdict:
        """Whether `sentence` may be shown. `cited` are places in `candidates` (from 0) that the model pointed to.

        The cited statements are tried first, then the others: a right sentence with a wrong label keeps its evidence.
        """
        order = [*dict.fromkeys(place for place in cited if 0 <= place < len(candidates))]
        order += [place for place in range(len(candidates)) if place not in order]
        best = Verdict(None, 0.0, "no evidence")
        for place in order:
            others = [each for at, each in enumerate(candidates) if at != place]
            verdict = self._against(sentence, language, candidates[place], others)
            if verdict.evidence is not None:
                return verdict
            if verdict.score > best.score:
                best = verdict
        return best

    def _against(self, sentence: str, language: str, candidate: Candidate, others: Sequence[Candidate]) -> Verdict:
        text, written_in = candidate.statement.text, candidate.policy.language
        support = support_score(sentence, language, text, written_in, self._similarity)
        spoken = language
        if language != written_in:
            # A model may also repeat a foreign policy in its own language; then it is judged as that language.
            repeated = support_score(sentence, written_in, text, written_in, self._similarity)
            if repeated >= self._min_support:
                support, spoken = repeated, written_in
        if support < self._min_support:
            return Verdict(None, support, "not supported", candidate)
        if spoken == written_in and support_score(text, written_in, sentence, spoken, self._similarity) < MIN_KEPT:
            return Verdict(None, support, "leaves out too much of the evidence", candidate)
        allowed = quantity_keys(text, written_in)
        if quantity_keys(sentence, spoken) - allowed:
            return Verdict(None, support, "a figure is not in the evidence", candidate)
        if repeats(sentence, spoken, text, written_in):
            return Verdict(None, support, "says the same again and again", candidate)
        known = bounds(text, written_in)
        if any(said not in known and said[0] in allowed for said in bounds(sentence, spoken)):
            return Verdict(None, support, "a figure is bounded otherwise than in the evidence", candidate)
        if says_free(sentence, spoken) and not says_free(text, written_in):
            return Verdict(None, support, "a figure is not in the evidence", candidate)
        near = [each.statement.text for each in others if each.policy.language == written_in]
        if spoken == written_in and mixed(sentence, text, near, spoken):
            return Verdict(None, support, "mixes two statements", candidate)
        if polarity(sentence, spoken) != polarity(text, written_in):
            return Verdict(None, support, "says the contrary of the evidence", candidate)
        return Verdict(evidence_of(candidate, support), support, "supported", candidate)

    def _similarity(self, left: str, right: str) -> float:
        vectors = self._embedder.encode([left, right])
        return float(np.dot(vectors[0], vectors[1]))


_FREE = {
    "en": r"\bfree\b|\bno (?:charge|fee|cost)|\bat no cost|\bwithout (?:charge|fee|cost)|\bcosts? nothing|\bnothing to pay|\bwaived",
    "es": r"\bgratis|\bgratuit|\bsin (?:coste|cargo|gastos|comisi)|\bexent[oa]|\bno (?:cuesta|se cobra|tiene coste)|\bbonificad",
    "fr": r"\bgratuit|\bgratis|\bsans (?:frais|commission)|\bexon[eé]r|\boffert|\bne co[uû]te rien|\baucun frais",
    "de": r"\bkostenlos|\bkostenfrei|\bgratis|\bgeb[uü]hrenfrei|\bunentgeltlich|\bohne (?:Kosten|Geb[uü]hr|Entgelt)|\bentgeltfrei|\bkein(?:e|en)? (?:Kosten|Geb[uü]hr|Entgelt)",
    "pt": r"\bgr[aá]tis|\bgratuit|\bsem (?:custo|comiss|encargo|despesa)|\bisent[oa]|\bn[aã]o (?:custa|paga|se cobra)",
    "it": r"\bgratis|\bgratuit|\bsenza (?:spese|costi|commission)|\besent[ei]|\bnon (?:costa|si paga)|\bnessun(?:a)? (?:costo|spesa|commissione)",
    "zh": r"免费|免費|不收费|不收取|免收|无费用|不收手续费|零费用",
    "ar": r"مجان|بدون رسوم|بلا رسوم|دون رسوم|من دون رسوم|معفا|معفى|لا رسوم",
}  # fmt: skip


def says_free(text: str, language: str) -> bool:
    """Whether a text says that something costs nothing: a price as much as a figure is, and as wrong where it is not the policy's."""
    return re.search(_FREE.get(language, _FREE["en"]), text, re.IGNORECASE) is not None


_AGAIN = re.compile(r"(?<!\w)(\w+)(?:\W+\1(?!\w)){2}")


def repeats(sentence: str, language: str, evidence: str, evidence_language: str) -> bool:
    """Whether a sentence says a figure more often than its evidence does, or a word three times running: a model that copies and cannot
    stop says nothing that the policy does not, and it is no answer."""
    said, held = (Counter(each.key for each in quantities(*pair)) for pair in ((sentence, language), (evidence, evidence_language)))
    often = any(count > max(1, held[key]) for key, count in said.items())
    return often or (_AGAIN.search(sentence) is not None and _AGAIN.search(evidence) is None)


def mixed(sentence: str, evidence: str, others: Sequence[str], language: str) -> bool:
    """Whether a word of a sentence is not its evidence's but another statement's: "France" and the price of Spain make a sentence whose
    every word is in the policy and which is not."""
    strange = set(terms(_without_figures(sentence, language), language)) - set(terms(_without_figures(evidence, language), language))
    return bool(strange) and any(not strange.isdisjoint(terms(_without_figures(other, language), language)) for other in others)


def support_score(sentence: str, language: str, evidence: str, evidence_language: str, similarity: Callable[[str, str], float]) -> float:
    """How far `evidence` supports `sentence`, 0-1.

    Within one language: the share of the sentence's terms that the evidence holds (an answer may say less than its
    evidence, not more). Across languages there are no shared words: the similarity of their vectors.
    """
    if language != evidence_language:
        return max(0.0, similarity(sentence, evidence))
    # Figures are checked by their value, whatever their notation: here only the other words count.
    said = terms(_without_figures(sentence, language), language)
    if not said:
        return 0.0
    held = set(terms(_without_figures(evidence, evidence_language), evidence_language))
    return sum(term in held for term in said) / len(said)


def _without_figures(text: str, language: str) -> str:
    for quantity in reversed(quantities(text, language)):
        text = f"{text[: quantity.start]} {text[quantity.end :]}"
    return text


_NEGATIONS = {
    "en": {
        "not",
        "no",
        "never",
        "cannot",
        "without",
        "t",
        "nor",
        "neither",
        "none",
        "nobody",
        "unless",
        "except",
        "only",
        "if",
        "when",
        "until",
        "provided",
        "once",
        "after",
        "before",
    },
    "es": {
        "no",
        "nunca",
        "sin",
        "ni",
        "jamas",
        "nadie",
        "ningun",
        "ninguna",
        "tampoco",
        "salvo",
        "excepto",
        "solo",
        "si",
        "cuando",
        "mientras",
        "despues",
        "antes",
        "hasta",
        "siempre",
    },
    "fr": {
        "ne",
        "n",
        "pas",
        "jamais",
        "sans",
        "ni",
        "aucun",
        "aucune",
        "non",
        "sauf",
        "personne",
        "seulement",
        "seul",
        "si",
        "quand",
        "lorsque",
        "lorsqu",
        "des",
        "apres",
        "avant",
        "jusqu",
    },
    "de": {
        "nicht",
        "kein",
        "keine",
        "keinen",
        "keiner",
        "keinem",
        "nie",
        "niemals",
        "ohne",
        "weder",
        "ausser",
        "nur",
        "wenn",
        "falls",
        "sofern",
        "sobald",
        "bis",
        "nach",
        "vor",
        "solange",
    },
    "pt": {
        "nao",
        "nunca",
        "sem",
        "nem",
        "jamais",
        "nenhum",
        "nenhuma",
        "ninguem",
        "exceto",
        "salvo",
        "so",
        "apenas",
        "se",
        "quando",
        "caso",
        "enquanto",
        "depois",
        "antes",
        "ate",
    },
    "it": {
        "non",
        "mai",
        "senza",
        "ne",
        "nessun",
        "nessuno",
        "nessuna",
        "salvo",
        "tranne",
        "solo",
        "soltanto",
        "se",
        "quando",
        "qualora",
        "finche",
        "dopo",
        "prima",
        "fino",
    },
    "ar": {
        "لا",
        "لم",
        "لن",
        "ليس",
        "ليست",
        "غير",
        "بدون",
        "دون",
        "الا",
        "ما",
        "عدم",
        "فقط",
        "اذا",
        "عندما",
        "حين",
        "لو",
        "متي",
        "قبل",
        "بعد",
        "حتي",
    },
}
_HAN_NEGATIONS = ("不", "没", "無", "无", "未", "非", "别", "勿", "免", "除", "仅", "只", "时", "若", "如", "后", "前", "才")


def polarity(text: str, language: str) -> int:
    """How many words that turn or narrow a meaning a text holds: an answer that drops or adds one says something else."""
    if language == "zh":
        return sum(text.count(sign) for sign in _HAN_NEGATIONS)
    return sum(word in _NEGATIONS.get(language, set()) for word in words(text))
