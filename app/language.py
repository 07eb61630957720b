"""Which language to answer in, and why: an explicit choice, then script, then words and n-grams, then the session.

Short bank questions are typed without accents, in lower case, in two to eight words. Three pieces of evidence about
Latin text are added up as log-odds: a linear character-n-gram model trained for such text (factory/language.py,
models/language), the share of words known to each language, and langdetect (Cavnar & Trenkle 1994; Shuyo 2010) over
the served profiles with a fixed seed. A session changes its language only when the evidence is clear.
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

SERVED: tuple[str, ...] = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
LATIN: tuple[str, ...] = ("en", "es", "fr", "de", "pt", "it")
MODEL = Path(__file__).resolve().parent.parent / "models" / "language" / "language.npz"

NEAREST: Mapping[str, str] = {"ca": "es", "gl": "pt", "eu": "es", "ast": "es", "ro": "it", "fa": "ar", "ur": "ar", "ps": "ar"}
"""The served language a speaker of an unserved one most probably reads; English for every other."""

SCRIPTS: Mapping[str, str] = {
    "HEBREW": "he", "GREEK": "el", "DEVANAGARI": "hi", "HANGUL": "ko", "THAI": "th", "BENGALI": "bn", "TAMIL": "ta",
    "TELUGU": "te", "GUJARATI": "gu", "GURMUKHI": "pa", "MALAYALAM": "ml", "KANNADA": "kn", "GEORGIAN": "ka",
    "ARMENIAN": "hy", "KHMER": "km", "LAO": "lo", "MYANMAR": "my", "ETHIOPIC": "am", "SINHALA": "si", "HIRAGANA": "ja",
    "KATAKANA": "ja", "KATAKANA-HIRAGANA": "ja", "CJK": "zh", "ARABIC": "ar", "CYRILLIC": "ru", "LATIN": "latin",
}  # fmt: skip

NEUTRAL: frozenset[str] = frozenset(
    "pin iban sepa bic swift visa mastercard maestro amex atm app ok okay sms tan pdf id otp qr paypal klarna apple google pay iphone android whatsapp email mail e-mail web online url wifi spam phishing "
    "alborada eur usd gbp euro euros dollar dollars cvv cvc vip chat bot no info internet contactless".split()
)
"""Words of every language at a bank: they say nothing about which one is being typed."""

COURTESY: frozenset[str] = frozenset(
    "thanks thank you thx hello hi hey bye goodbye please gracias hola adios porfa buenas merci bonjour salut bonsoir svp danke "
    "hallo tschuss bitte servus obrigado obrigada ola adeus grazie ciao salve prego arrivederci yes si oui ja sim non nein "
    "nao super perfect perfecto perfetto vale genial top".split()
)
"""Greetings and thanks travel between languages ("ciao", "merci"): alone they never change a session's language."""

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NOISE = re.compile(r"<[A-Z_]{2,24}_\d+>|https?://\S+|www\.\S+|\S+@\S+|[#@]\w+")
DETECTOR_WEIGHT = 0.12
WORD_WEIGHT = 1.0
"""Chosen on the dev halves of tests/gold/language: langdetect above 0.3 costs more on unaccented text than it gives."""

_CAP = 2000
_LONG_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class LanguageDecision:
    """A served language to answer in (`language`), what was recognised (`detected`, ISO 639-1) and why."""

    language: str
    detected: str
    served: bool
    reason: str
    confidence: float
    scores: tuple[tuple[str, float], ...]


def fold(text: str) -> str:
    """Case-folded, without accents or typographic apostrophes: how most questions are typed anyway."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(ch for ch in decomposed if not unicodedata.combining(ch))


def tokens(text: str) -> list[str]:
    """Case-folded words with their accents; an elided article stays with its noun ("l'etranger")."""
    return _TOKEN.findall(text.casefold().replace("’", "'"))


def features(words: Iterable[str], buckets: int) -> Counter[int]:
    """Hashed counts of character 1- to 5-grams, whole words and pairs of words (CRC-32 modulo `buckets`)."""
    counted: Counter[int] = Counter()
    previous = "^"
    for word in words:
        counted[zlib.crc32(f"b:{previous} {word}".encode()) % buckets] += 2
        previous = word
        padded = f" {word} "
        for size in (1, 2, 3, 4, 5):
            for at in range(len(padded) - size + 1):
                counted[zlib.crc32(padded[at : at + size].encode()) % buckets] += 1
        counted[zlib.crc32(f"w:{word}".encode()) % buckets] += 2
    return counted


class WordModel:
    """The linear n-gram model and the word bitmaps of models/language/language.npz (numpy, no pickle)."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as data:
            self.languages: tuple[str, ...] = tuple(str(x) for x in data["languages"])
            self.weights: np.ndarray[Any, Any] = data["weights"].astype(np.float32) * data["scale"][:, None]
            self.bias: np.ndarray[Any, Any] = data["bias"].astype(np.float32)
            self.known: np.ndarray[Any, Any] = data["known"]
            pairs = [str(x).split(" ", 1) for x in data["unserved"]]
        self.unserved: dict[str, frozenset[str]] = {name: frozenset(words.split()) for name, words in pairs}

    def scores(self, words: list[str]) -> dict[str, float]:
        """Log-probabilities of the served Latin languages for these words."""
        counted = features([fold(w) for w in words], self.weights.shape[1])
        logits = self.bias.copy()
        if counted:
            index = np.fromiter(counted.keys(), dtype=np.int64)
            value = np.fromiter(counted.values(), dtype=np.float32)
            logits += self.weights[:, index] @ (value / math.sqrt(float(value.sum())))
        logits -= logits.max()
        logits -= math.log(float(np.exp(logits).sum()))
        return dict(zip(self.languages, (float(x) for x in logits), strict=True))

    def knows(self, word: str) -> frozenset[str]:
        """The served Latin languages in which this word is common."""
        bit = zlib.crc32(f"k:{fold(word)}".encode()) % (self.known.shape[1] * 8)
        row = self.known[:, bit // 8] >> np.uint8(bit % 8) & 1
        return frozenset(name for name, hit in zip(self.languages, row, strict=True) if hit)

    def foreign(self, words: list[str]) -> list[tuple[str, int]]:
        """Unserved languages with the number of these words that give them away, most first."""
        hits = {name: sum(w in listed for w in set(words)) for name, listed in self.unserved.items()}
        return sorted(((n, c) for n, c in hits.items() if c), key=lambda item: -item[1])


@lru_cache(maxsize=4)
def _profiles(languages: tuple[str, ...]) -> Any:
    """A langdetect factory holding only these profiles (all 55 cost 3.6 ms a text and accuracy on short ones)."""
    import langdetect
    from langdetect.detector_factory import DetectorFactory

    folder = Path(os.path.dirname(langdetect.__file__)) / "profiles"
    factory = DetectorFactory()
    present = [name for name in languages if (folder / name).is_file()]
    factory.load_json_profile([(folder / name).read_text(encoding="utf-8") for name in present])
    return factory


def langdetect_probabilities(text: str, languages: tuple[str, ...]) -> dict[str, float]:
    """langdetect's probabilities over these profiles, the same on every call; empty when it finds no features."""
    from langdetect.lang_detect_exception import LangDetectException

    detector = _profiles(languages).create()
    detector.seed = 0
    detector.append(text)
    try:
        return {found.lang: float(found.prob) for found in detector.get_probabilities()}
    except LangDetectException:
        return {}


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    return SCRIPTS.get(unicodedata.name(character, "?").split()[0], "")


def script_weights(text: str) -> dict[str, int]:
    """Letters a script, a Han character or a syllable counting for two; neutral words and marks do not count."""
    counted: Counter[str] = Counter()
    for word in _TOKEN.findall(text):
        for piece in re.findall(r"[A-Za-z]+|[^A-Za-z]+", word):
            if piece.lower() in NEUTRAL:
                continue
            for ch in piece:
                if name := _script(ch):
                    counted[name] += 2 if name in {"zh", "ja", "ko"} else 1
    return dict(counted)


_PERSIAN_WORDS = frozenset("است هست چگونه چطور چقدر برای که این را می میشود باید هزینه حساب‌ چیست کنم دارم کارت‌ به از با آن نیست خواهم".split())
_URDU_WORDS = frozenset("ہے ہیں کیا کی کا کے میں مجھے کتنی کتنا کیسے اور سے نہیں پیسے بھیجنے".split())


def _arabic_script(text: str) -> str:
    """Arabic unless the letters or the small words are Persian or Urdu."""
    words = text.split()
    urdu = sum(ch in "ٹڈڑےںہھۓ" for ch in text) + 2 * sum(w in _URDU_WORDS for w in words)
    persian = sum(ch in "پچژگکی" for ch in text) + 2 * sum(w in _PERSIAN_WORDS for w in words)
    if urdu >= 3:
        return "ur"
    return "fa" if persian >= 3 and persian * 4 >= len(words) else "ar"


def _cyrillic(text: str) -> str:
    letters = set(text.casefold())
    for language, marks in (("be", "ў"), ("sr", "ђћљњџј"), ("mk", "ѓќѕ"), ("uk", "іїєґ")):
        if letters & set(marks):
            return language
    if letters & set("ыэё"):
        return "ru"
    found = langdetect_probabilities(text, ("ru", "uk", "bg", "mk"))
    return max(found, key=lambda name: found[name]) if found and len(text.split()) >= _LONG_ENOUGH else "ru"


_MARKS: tuple[tuple[str, str], ...] = (
    ("pl", "łąęśźżćń"), ("ro", "șțăşţ"), ("tr", "ğıİ"), ("hu", "őű"), ("cs", "řěů"), ("sk", "ľĺŕ"), ("vi", "ơưđạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ"),
    ("ca", "ŀ"), ("lv", "āēģīķļņū"), ("lt", "ėįųū"),
)  # fmt: skip

_ALL_LATIN = (
    *LATIN, "nl", "af", "pl", "ca", "ro", "tr", "sv", "da", "no", "fi", "hu", "cs", "sk", "hr", "sl", "sq", "vi", "id",
    "lt", "lv", "et", "tl", "sw", "cy", "so",
)  # fmt: skip


def _nearest(language: str) -> str:
    return language if language in SERVED else NEAREST.get(language, "en")


def _tag(value: str | None) -> str | None:
    """The language of a tag such as `pt-BR` or `zh_Hant`; None for nothing, `auto` and what is no tag."""
    if not value:
        return None
    head = re.split(r"[-_]", value.strip().lower(), maxsplit=1)[0]
    return head if re.fullmatch(r"[a-z]{2,3}", head) else None


class LanguageDetector:
    """Decides the language of one message. Holds no state between messages: the session is the caller's to keep."""

    def __init__(self, model: Path = MODEL, *, default: str = "en") -> None:
        """`model`: the n-gram model; without it langdetect decides alone. `default`: when there is no evidence."""
        if default not in SERVED:
            raise ValueError(f"default language {default!r} is not served")
        self.default = default
        self.model = WordModel(model) if model.is_file() else None

    def detect(self, text: str, *, explicit: str | None = None, session: str | None = None) -> LanguageDecision:
        """The language to answer `text` in. Never raises for a text, whatever is in it."""
        chosen, prior = _tag(explicit), _tag(session)
        if chosen is not None:
            return self._decision(chosen, "explicit", 1.0, {})
        prior = prior if prior in SERVED else None
        cleaned = _NOISE.sub(" ", text[:_CAP]).replace("\x00", " ")
        weights = script_weights(cleaned)
        if not weights:
            return self._fallback(prior)
        found = self._by_script(cleaned, weights, prior)
        return found if found is not None else self._by_words(cleaned, prior)

    def _by_script(self, text: str, weights: Mapping[str, int], prior: str | None) -> LanguageDecision | None:
        total = sum(weights.values())
        kana, han = weights.get("ja", 0), weights.get("zh", 0)
        merged = {**weights}
        if kana >= 4 and kana * 5 >= kana + han:
            merged["ja"], merged["zh"] = kana + han, 0
        best = max(merged, key=lambda name: merged[name])
        if prior in ("zh", "ar") and merged.get(prior, 0) * 3 >= merged[best]:
            best = prior
        if prior in LATIN and merged.get("latin", 0) >= merged[best] and best != "latin":
            best = "latin"
        if best == "latin":
            return None
        name = {"ar": _arabic_script, "ru": _cyrillic}.get(best, lambda _: best)(text)
        shares = {(name if k == best else k): v / total for k, v in merged.items() if v and k != "latin"}
        return self._decision(name, "script", merged[best] / total, shares)

    def _by_words(self, text: str, prior: str | None) -> LanguageDecision:
        words = [w for w in tokens(text) if w not in NEUTRAL and _script(w[0]) == "latin"]
        if not words:
            return self._fallback(prior)
        unserved = self._unserved(words)
        if unserved is not None:
            return self._decision(unserved, "words", 0.9, {unserved: 0.9})
        own = self._own_evidence(words)
        scores, detected_by = self._combine(own, text)
        best = max(scores, key=lambda name: scores[name])
        if prior is not None and not self._flips(words, scores, best, prior):
            share = _shares(scores)
            return self._decision(prior, "session", max(share.get(prior, 0.0), 0.5), share)
        if detected_by is None:
            return self._fallback(prior)
        share = _shares(scores)
        return self._decision(best, detected_by, share[best], share)

    def _own_evidence(self, words: list[str]) -> dict[str, float]:
        """Log-odds from the n-gram model and the words known to some languages and not to others."""
        if self.model is None:
            return {}
        scores = {name: max(value, -12.0) for name, value in self.model.scores(words).items()}
        for word in words:
            known = self.model.knows(word)
            for name in known:
                scores[name] += WORD_WEIGHT * (1 - (len(known) - 1) / len(LATIN)) * min(len(word), 3) / 3
        return scores

    def _combine(self, own: Mapping[str, float], text: str) -> tuple[dict[str, float], str | None]:
        """Own evidence plus a little of langdetect's; and which of the two chose the winner."""
        found = langdetect_probabilities(text, LATIN)
        if not own and not found:
            return dict.fromkeys(LATIN, 0.0), None
        scores = {name: own.get(name, 0.0) + DETECTOR_WEIGHT * math.log(max(found.get(name, 0.0), 1e-3)) for name in LATIN}
        if not own:
            return {name: value / DETECTOR_WEIGHT for name, value in scores.items()}, "detector"
        alone = max(own, key=lambda name: own[name])
        return scores, "words" if max(scores, key=lambda name: scores[name]) == alone else "detector"

    def _flips(self, words: list[str], scores: Mapping[str, float], best: str, prior: str) -> bool:
        """Whether the evidence is clear enough to leave the session's language; the shorter, the clearer."""
        if best == prior:
            return False
        telling = [w for w in words if fold(w) not in COURTESY]
        if not telling:
            return False
        if prior in ("zh", "ar"):
            return len(telling) >= 2
        needed = {1: 4.0, 2: 2.5, 3: 1.6}.get(len(telling), 1.0)
        return scores[best] - scores[prior] > needed

    def _unserved(self, words: list[str]) -> str | None:
        """A Latin language the box does not serve, only when there is text enough to say so."""
        if self.model is None or len(words) < _LONG_ENOUGH:
            return None
        joined = "".join(words)
        for name, marks in _MARKS:
            if sum(ch in marks for ch in joined) >= 2:
                return name
        listed = self.model.foreign(words)
        served = {w for w in words if self.model.knows(w)}
        unknown = len(set(words)) - len(served)
        if listed and listed[0][1] >= 2 and listed[0][1] * 3 >= len(set(words)):
            return self._break_tie(words, listed)
        if len(words) >= 4 and unknown * 2 > len(set(words)):
            found = langdetect_probabilities(" ".join(words), _ALL_LATIN)
            best = max(found, key=lambda name: found[name], default="en")
            if best not in SERVED and found[best] > 0.9:
                return best
        return None

    def _break_tie(self, words: list[str], listed: list[tuple[str, int]]) -> str:
        """Among neighbours with as many words (da and no, cs and sk), the one langdetect prefers."""
        tied = tuple(name for name, count in listed if count == listed[0][1])
        found = langdetect_probabilities(" ".join(words), tied) if len(tied) > 1 else {}
        return max(tied, key=lambda name: found.get(name, 0.0))

    def _fallback(self, prior: str | None) -> LanguageDecision:
        return self._decision(prior or self.default, "session" if prior else "default", 0.5 if prior else 0.0, {})

    @staticmethod
    def _decision(detected: str, reason: str, confidence: float, scores: Mapping[str, float]) -> LanguageDecision:
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        return LanguageDecision(
            language=_nearest(detected),
            detected=detected,
            served=detected in SERVED,
            reason=reason,
            confidence=round(min(max(confidence, 0.0), 1.0), 4),
            scores=tuple((name, round(value, 4)) for name, value in ranked if value >= 0.0005),
        )


def _shares(scores: Mapping[str, float]) -> dict[str, float]:
    top = max(scores.values())
    raw = {name: math.exp(value - top) for name, value in scores.items()}
    total = sum(raw.values())
    return {name: value / total for name, value in raw.items()}
