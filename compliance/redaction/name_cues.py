"""Name cues: words after which a name stands ("my name is", "me llamo", 我叫, اسمي), in eight languages."""

from __future__ import annotations

import re

from compliance.redaction.rule import Rule

_PARTICLE = r"(?:de|da|do|dos|das|di|du|la|le|van|von|zu|der|den|del|della|el|al|bin|ben|ibn|y|e)"
_WORD = r"[A-ZÀ-ÖØ-Þ\u0100-\u017f][\w'’\-]{0,30}\.?"
_LATIN = (
    r"(?i:my name is|my name's|i am called|this is|name ?:|full name ?:|me llamo|mi nombre es|nombre ?:|titular ?:|je m['’]appelle|mon nom est|nom ?:|mein name ist|ich hei(?:ß|ss)e"
    r"|name des \w+ ?:|chamo-me|me chamo|o meu nome é|meu nome é|nome ?:|mi chiamo|il mio nome è|sono il signor|sono la signora)\s+"
    rf"({_WORD}(?:\s+(?:{_PARTICLE}\s+){{0,2}}{_WORD}){{0,3}})"
)
_LOWER = (
    r"(?i:my name is|me llamo|mi nombre es|je m['’]appelle|mein name ist|ich hei(?:ß|ss)e|chamo-me|me chamo|o meu nome é|mi chiamo|il mio nome è)\s+"
    r"([a-zà-ÿ]{2,20}(?:\s+(?:de|da|van|von|di|del)\s+[a-zà-ÿ]{2,20})?(?:\s+[a-zà-ÿ]{2,20}){0,2}?)(?=\s*(?:[,.;:!?\n]|$|and\b|y\b|et\b|und\b|e\b|i\b|my\b|mi\b|mein|mon\b))"
)

RULES: tuple[Rule, ...] = (
    Rule("name.cue", "PERSON", re.compile(_LATIN), 0.7, digits=0),
    Rule("name.cue_lower", "PERSON", re.compile(_LOWER), 0.6, digits=0),
    Rule("name.zh", "PERSON", re.compile(r"(?:我叫|我是叫|名叫|我的名字是|我的姓名是|本人姓名|姓名[:：]|户名[:：])\s*([\u4e00-\u9fff]{2,4}?)(?=[，,。.！!？?\s的；;]|$)"), 0.7, digits=0),
    Rule("name.ar", "PERSON", re.compile(r"(?<![\u0621-\u064a])(?:و?اسمي|إسمي|الاسم:)\s+(?!(?:عند(?:كم|نا|هم)?|لديكم|قبل|بعد|من|عن|على|في|مع|بقائمة|ولا|ورقمكم|ورقمي)(?![\u0621-\u064a]))([\u0621-\u064a]{2,20}(?:\s+(?:بن|ابن|بنت|أبو|ابو|أم|عبد|آل|ال)?\s?[\u0621-\u064a]{2,20}){0,2}?)(?=\s*(?:[،,.؟!؛]|$|و\w|أ\w*\s|من|في|هل|لدي|رقم))"), 0.7, digits=0),
)  # fmt: skip
