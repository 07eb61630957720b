"""What may be asked: situations, orders, distress, advice, injection and small talk are met with a fixed answer.

A question about a topic goes on to the policies ("how do I block a card?"); a situation ("I lost my card"), an order
("block my card") or an attack does not. The rules are data, one TOML file a language in app/guard_rules, matched on
case-folded text without accents. Whatever goes wrong in here ends in a hand-off, never in an answer.
"""

from __future__ import annotations

import logging
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from app.locales import LANGUAGES

log = logging.getLogger(__name__)

OUTCOMES: Mapping[str, str] = {
    "distress": "handed_off", "injection": "refused", "fraud": "handed_off", "lost_card": "handed_off",
    "complaint": "handed_off", "account_action": "handed_off", "balance": "handed_off", "advice": "refused",
    "person": "handed_off", "out_of_scope": "refused", "greeting": "answered", "fault": "handed_off",
}  # fmt: skip
"""The categories, most pressing first, and how each turn ends."""

TOPICS: Mapping[str, str] = {
    "fraud": "digital/fraud-and-phishing", "lost_card": "cards/lost-card", "complaint": "service/complaints",
}  # fmt: skip
URGENT: frozenset[str] = frozenset({"fraud", "lost_card"})
EVERYWHERE: frozenset[str] = frozenset({"injection", "distress", "fraud", "lost_card"})
"""Categories whose rules are tried in every language: people and attackers switch, and a short text may be misread."""

SITUATIONS: frozenset[str] = frozenset({"fraud", "lost_card", "distress", "complaint"})
"""Categories that "what happens if …" turns into a question."""

LONGEST = 20_000
_LETTERS = str.maketrans({"ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك", "ـ": None, "’": "'", "‘": "'", "´": "'", "`": "'", "ı": "i"})
_SIMPLIFIED = str.maketrans(
    "訴賬帳戶錢偷卡嗎麼丟遺銀行轉號碼騙釣魚貸還點開關給幫沒強迫脅從現時記錄請問員誰與說講話訊連結輸證驗損詐點總額買賣幣儲產稅務"
    "師見櫃檯機繼續應該擬裝規則統詞語無視過濾蘭寫碼戲樂歡謝對話聽氣預報貼單據個條萬塊寧嚴壓價聯絡經專屬顧難為實誤費許讓認識",
    "诉账账户钱偷卡吗么丢遗银行转号码骗钓鱼贷还点开关给帮没强迫胁从现时记录请问员谁与说讲话讯连结输证验损诈点总额买卖币储产税务"
    "师见柜台机继续应该拟装规则统词语无视过滤兰写码戏乐欢谢对话听气预报贴单据个条万块宁严压价联络经专属顾难为实误费许让认识",
)
_LEET = str.maketrans("013457@$", "oieastas")
_MACRO = re.compile(r"@([a-z_]+)@")


@dataclass(frozen=True, slots=True)
class GuardDecision:
    """`category` None: go on and answer from the policies. Holds rule names and keys, never what a person typed."""

    category: str | None
    outcome: str | None
    message: str | None
    topic: str | None
    urgent: bool
    matched: tuple[str, ...]


GO_ON = GuardDecision(None, None, None, None, False, ())


@dataclass(frozen=True, slots=True)
class Rule:
    """One named pattern: what it looks for, and what beside it makes the text a question after all."""

    name: str
    category: str
    match: re.Pattern[str]
    unless: re.Pattern[str] | None
    message: str
    topic: str | None
    urgent: bool
    hypothetical: bool


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one language and the words that make a situation hypothetical ("what happens if")."""

    language: str
    rules: tuple[Rule, ...]
    hypothetical: re.Pattern[str]


def plain(text: str) -> str:
    """The form that rules are written for: case-folded, no accents, marks, invisible characters or repeated letters."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(_LETTERS)
    kept = (" " if unicodedata.category(ch) == "Cc" else ch for ch in text if not _invisible(ch))
    text = "".join(kept).translate(_SIMPLIFIED)
    text = re.sub(r"([^\W\d])\1{2,}", r"\1", text)
    return re.sub(r"\s+", " ", text).strip(" \"'“”«»¿¡")


def _invisible(character: str) -> bool:
    return unicodedata.combining(character) != 0 or unicodedata.category(character) in ("Cf", "Mn")


def unmasked(text: str) -> tuple[str, ...]:
    """A plain text as it reads once spelled-out letters are joined or digits stand for letters ("1gn0re", "i g n o r e")."""
    variants = []
    joined = re.sub(r"\b(?:\w[ ._*-]){4,}\w\b", lambda found: re.sub(r"[ ._*-]", "", found.group()), text)
    if joined != text:
        variants.append(joined)
    if re.search(r"[a-z][013457@$]+[a-z]|\b[013457@$]+[a-z]{2,}", text):
        variants.append(text.translate(_LEET))
    return tuple(variants)


def _compiled(value: str | Sequence[str] | None, macros: Mapping[str, str]) -> re.Pattern[str] | None:
    if not value:
        return None
    source = value if isinstance(value, str) else "|".join(f"(?:{part})" for part in value)
    while found := _MACRO.search(source):
        source = source.replace(found.group(), f"(?:{macros[found.group(1)]})")
    pattern = re.compile(source)
    if pattern.search(""):
        raise ValueError(f"a guard pattern matches anything: {source!r}")
    return pattern


def _rule(raw: Mapping[str, Any], macros: Mapping[str, str]) -> Rule:
    category = str(raw["category"])
    match = _compiled(raw["match"], macros)
    if match is None or category not in OUTCOMES:
        raise ValueError(f"guard rule {raw.get('name')!r} has no pattern or an unknown category")
    return Rule(
        name=str(raw["name"]),
        category=category,
        match=match,
        unless=_compiled(raw.get("unless"), macros),
        message=str(raw.get("message", category if category == "greeting" else f"guard.{category}")),
        topic=raw.get("topic", TOPICS.get(category)),
        urgent=bool(raw.get("urgent", category in URGENT)),
        hypothetical=bool(raw.get("hypothetical", category in SITUATIONS)),
    )


def load(language: str) -> RuleSet:
    """The rules of one language, compiled. Raises when the file is missing or a pattern is wrong."""
    data = tomllib.loads(resources.files("app").joinpath(f"guard_rules/{language}.toml").read_text(encoding="utf-8"))
    macros: dict[str, str] = dict(data.get("define", {}))
    hypothetical = _compiled(data["hypothetical"], macros)
    if hypothetical is None:
        raise ValueError(f"guard rules of {language} do not say what is hypothetical")
    return RuleSet(language, tuple(_rule(raw, macros) for raw in data["rule"]), hypothetical)


def _clause(text: str, end: int) -> str:
    """The sentence up to `end`: what "if" must stand in to govern what follows."""
    return re.split(r"[.!?;。！？；؟\n]", text[:end])[-1]


class Guard:
    """Checks one message. Compiles every language's rules once; holds nothing of what was checked."""

    def __init__(self, languages: Iterable[str] = LANGUAGES) -> None:
        self._sets = {language: load(language) for language in languages}

    def check(self, text: str, language: str) -> GuardDecision:
        """The decision for a normalised, redacted text in a served language; a fault inside is a hand-off."""
        try:
            return self._check(text, language)
        except Exception as fault:
            log.error("guard fault: %s", type(fault).__name__)
            return GuardDecision("fault", OUTCOMES["fault"], "guard.fault", None, False, (type(fault).__name__,))

    def _check(self, text: str, language: str) -> GuardDecision:
        if len(text) > LONGEST:
            raise ValueError("longer than the guard reads")
        read = plain(text)
        if not any(ch.isalnum() for ch in read):
            return GuardDecision("greeting", "answered", "error.empty", None, False, ("empty",))
        found = list(self._matches(read, language))
        masked = [self._matches(variant, language) for variant in unmasked(read)]
        found += [rule for rules in masked for rule in rules if rule.category == "injection"]
        if not found:
            return GO_ON
        order = list(OUTCOMES)
        first = min(found, key=lambda rule: order.index(rule.category))
        names = tuple(dict.fromkeys(rule.name for rule in found))
        return GuardDecision(first.category, OUTCOMES[first.category], first.message, first.topic, first.urgent, names)

    def _matches(self, read: str, language: str) -> Iterable[Rule]:
        home = self._sets[language if language in self._sets else "en"]
        for rules in (home, *(other for other in self._sets.values() if other is not home)):
            for rule in rules.rules:
                if (rules is home or rule.category in EVERYWHERE) and self._holds(rule, rules, home, read):
                    yield rule

    @staticmethod
    def _holds(rule: Rule, rules: RuleSet, home: RuleSet, read: str) -> bool:
        found = rule.match.search(read)
        if found is None or (rule.unless is not None and rule.unless.search(read)):
            return False
        if not rule.hypothetical:
            return True
        before = _clause(read, found.start() + 1)
        return not (rules.hypothetical.search(before) or home.hypothetical.search(before))
