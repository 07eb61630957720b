"""Data: grounded questions as token ids, from public question sets, aligned sentences, policies and random tokens.

A question stands with 2 to 6 statements; the target is the label and the exact text of the one that answers, or `<none>`.
Passages are split by a hash of their text: one in twenty is held out for `evaluate`.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from factory.slm.tokenizer import ANSWER, EOS, NONE, QUESTION, SPECIAL, closing, opening
from knowledge.passages import passages_of
from knowledge.policy import load_policies
from knowledge.search import Scope, Search
from knowledge.sentences import sentence_spans

LANGUAGES = ("en", "es", "fr", "de", "pt", "it", "zh", "ar")
MAX_STATEMENT = 110
MAX_QUESTION = 60
SEARCH_RIGHT = 0.7
"""How often the statement that is said to be first answers, where no search was asked."""
SHORTENED = 0.5
"""Of the targets that are cut after a few tokens: choosing is learnt more slowly than copying on."""
_WORD = re.compile(r"[\u4e00-\u9fff]{2}|[^\W\d_]{4,}|\d[\d.,]*")


@dataclass(frozen=True, slots=True)
class Item:
    """A question, the statement that answers it (None: nothing does) and statements that do not; all plain text. `first` is
    the one that a search ranks first, where one was asked."""

    language: str
    kind: str
    question: str
    gold: str | None
    others: tuple[str, ...]
    first: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids: `prompt` up to `<a>`, `target` after it; `gold` is the number of the statement that answers, from 0, or -1."""

    prompt: list[int]
    target: list[int]
    gold: int


def held_out(text: str) -> bool:
    """Whether a passage or document is kept from training."""
    return hashlib.sha256(text.encode()).digest()[0] < 13


def _rows(path: Path) -> Iterator[dict[str, object]]:
    with lzma.open(path, "rt", encoding="utf8") as lines:
        for line in lines:
            yield json.loads(line)


def qa_items(folder: Path, language: str, limit: int | None = None) -> tuple[list[Item], list[Item]]:
    """The question set of a language as (training, held-out) items; distractors are neighbours in the same passage."""
    path = folder / "qa" / f"{language}.jsonl.xz"
    train: list[Item] = []
    dev: list[Item] = []
    if not path.exists():
        return train, dev
    seen: dict[str, list[tuple[int, int, str]]] = {}
    previous: list[str] = []
    last = ""
    for number, row in enumerate(_rows(path)):
        if limit is not None and number >= limit:
            break
        passage = str(row["passage"])
        if passage not in seen:
            previous = [text for _, _, text in seen.get(last, [])][:4]
            spans = sentence_spans(passage, language)
            seen[passage] = [(a, b, " ".join(passage[a:b].split())) for a, b in spans]
            last = passage
        sentences = seen[passage]
        question = " ".join(str(row["question"]).split()).lstrip("- ")
        gold = None
        if row["answerable"]:
            start = int(str(row["start"]))
            gold = next((text for a, b, text in sentences if a <= start < b), None)
            if gold is None:
                continue
        others = tuple(text for _, _, text in sentences if text != gold) + tuple(t for t in previous if t != gold)
        if others:
            (dev if held_out(passage) else train).append(Item(language, "qa", question, gold, others))
    return train, dev


def _keywords(text: str, rng: random.Random) -> str:
    words = _WORD.findall(text)
    if len(words) < 2:
        return text[:40]
    chosen = sorted(rng.sample(range(len(words)), min(len(words), rng.randint(2, 6))))
    return ("" if re.search(r"[\u4e00-\u9fff]", text) else " ").join(words[i] for i in chosen)


def parallel_items(folder: Path, seed: int, limit: int) -> list[Item]:
    """Keywords or the beginning of a sentence, or of its translation -> the sentence, among its neighbours."""
    rng = random.Random(seed)
    path = folder / "parallel" / "sentences.jsonl.xz"
    items: list[Item] = []
    if not path.exists():
        return items
    rows: list[dict[str, object]] = []
    for row in _rows(path):
        if not held_out(str(row["path"])) and (row["finance"] or rng.random() < 0.3):
            rows.append(row)
        if len(rows) >= limit:
            break
    for number, row in enumerate(rows):
        languages = [code for code in LANGUAGES if code in row]
        target = rng.choice(languages)
        source = target if rng.random() < 0.4 else rng.choice(languages)
        gold = str(row[target])
        near = [rows[j] for j in range(max(0, number - 5), min(len(rows), number + 6)) if j != number and target in rows[j]]
        others = tuple(text for text in (str(other[target]) for other in near) if text != gold)
        if len(gold) < (10 if target == "zh" else 30) or len(others) < 2:
            continue
        text = str(row[source])
        question = _keywords(text, rng) if rng.random() < 0.7 else text[: max(12, len(text) // 2)]
        items.append(Item(source, "parallel", question, gold, others))
    return items


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of one policy, each with its heading."""

    language: str
    policy: str
    rows: tuple[tuple[str, str], ...]


def policy_statements(folder: Path) -> list[Statements]:
    """What the reference bank's policies say, statement by statement; superseded versions are left out."""
    found = []
    for policy in load_policies(folder):
        rows = tuple((passage.heading, " ".join(s.text.split())) for passage in passages_of(policy) for s in passage.statements)
        if policy.effective_to is None:
            found.append(Statements(policy.language, policy.id, rows))
    return found


Nearby = Callable[[str, str], Sequence[str]]
"""What the box's search finds for a question in a language: statements, the best first."""


def nearby(search: Search) -> Nearby:
    """The statements that `search` finds, as a model of the box is shown them."""

    def find(question: str, language: str) -> list[str]:
        found = search.find(question, Scope(language=language, role="customer"))
        return [" ".join(item.statement.text.split()) for item in found.candidates]

    return find


def keyword_items(policies: list[Statements], seed: int, find: Nearby | None = None) -> list[Item]:
    """A heading with keywords of a statement -> the statement, among its neighbours or what a search finds beside it."""
    rng = random.Random(seed)
    items = []
    for policy in policies:
        texts = [text for _, text in policy.rows]
        for heading, text in policy.rows:
            words = _keywords(text, rng)
            question = f"{heading.split('›')[-1].strip()} {words}" if rng.random() < 0.4 else words
            beside = find(question, policy.language) if find is not None else ()
            near = tuple(t for t in beside if t != text)
            others = near if len(near) > 1 else tuple(t for t in texts if t != text)
            items.append(Item(policy.language, "keywords", question, text, others, beside[0] if len(near) > 1 else None))
    return items


def _holds(text: str, wanted: list[str]) -> bool:
    return all(re.search(rf"(?<!\d){re.escape(w)}(?!\d)", text) for w in wanted)


def gold_items(folder: Path, policies: list[Statements], split: str, find: Nearby | None = None) -> list[Item]:
    """Questions of tests/gold with the one statement of their policy that holds what the answer must contain, among the others
    of the policy, or beside what a search finds.

    Where a policy has no text in a question's language, the English text stands in: a cross-lingual item. Where more
    than one statement holds it, the one that shares most words with the question (or with its English twin) is meant.
    """
    by_key = {(p.language, p.policy): p for p in policies}
    names = sorted({p.policy for p in policies})
    questions: dict[str, str] = {}
    rows: list[dict[str, object]] = []
    for language in LANGUAGES:
        path = folder / language / f"{split}.jsonl"
        if path.exists():
            for line in path.read_text(encoding="utf8").splitlines():
                row = json.loads(line)
                rows.append(row)
                questions[str(row["id"])] = str(row["question"])
    items = []
    rng = random.Random(len(rows))
    for row in rows:
        language, question = str(row["language"]), str(row["question"])
        for shown in dict.fromkeys((language, "en", "es")):
            policy = by_key.get((shown, str(row.get("policy"))))
            if not row.get("answerable"):
                if (shown, names[0]) in by_key and row.get("category") != "answerable":
                    other = by_key.get((shown, rng.choice(names)))
                    if other:
                        items.append(Item(language, f"gold-{shown}", question, None, tuple(t for _, t in other.rows)))
                continue
            if policy is None:
                continue
            wanted = [str(w) for w in row.get("must_contain") or []]  # type: ignore[attr-defined]
            texts = [t for _, t in policy.rows]
            holding = [t for t in texts if wanted and _holds(t, wanted)]
            twin = questions.get(shown + str(row["id"])[2:], question)
            if holding:
                words = {w.lower()[:5] for w in _WORD.findall(twin)}
                gold = max(holding, key=lambda t: len(words & {w.lower()[:5] for w in _WORD.findall(t)}))
                beside = find(question, language) if find is not None and shown == language else ()
                near = [t for t in beside if not _holds(t, wanted)]
                if len(near) > 1:
                    first = beside[0] if beside[0] == near[0] else gold
                    items.append(Item(language, f"gold-{shown}", question, gold, tuple(near), first))
                else:
                    items.append(Item(language, f"gold-{shown}", question, gold, tuple(t for t in texts if t not in holding)))
    return items


class Encoder:
    """Items to examples; remembers the ids of texts that were seen."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, list[int]] = {}
        self._newline = tokenizer.encode("\n").ids
        self._space = tokenizer.encode(" ").ids

    def ids(self, text: str) -> list[int]:
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = [i for i in self._tokenizer.encode(text).ids if i >= len(SPECIAL)]
        return found

    def prompt(self, question: list[int], statements: list[list[int]], first: int) -> list[int]:
        """The ids of `<q>[1] … [/1]\\n…question [first]<a>`, in the order of `app/slm/prompt.py`; `first`, from 0, is the
        statement that a search ranks first."""
        ids: list[int] = [QUESTION]
        for number, text in enumerate(statements, 1):
            ids += [opening(number), *text, *self._space]
            ids += [closing(number), *self._newline]
        return [*ids, *question, *self._space, opening(first + 1), ANSWER]

    def example(self, item: Item, rng: random.Random, most: int, longest: int) -> Example | None:
        """An item with at most `most` statements, of which none is longer than `longest` tokens."""
        question = self.ids(item.question)[:MAX_QUESTION]
        gold = self.ids(" " + item.gold) if item.gold is not None else None
        if not question or (gold is not None and len(gold) > longest):
            return None
        drawn = rng.sample(item.others, min(len(item.others), most + 2))
        misled = item.first if item.first is not None and item.first != item.gold else None
        if misled is not None:
            drawn = [misled, *(text for text in drawn if text != misled)]
        others = [ids for ids in (self.ids(" " + text) for text in drawn) if len(ids) <= longest]
        count = rng.randint(1, most)
        if gold is not None and rng.random() < 0.1 and len(others) >= 2:
            gold = None
        statements = others[: count - (gold is not None)]
        if gold is not None:
            statements.append(gold)
        if not statements:
            return None
        order = list(range(len(statements)))
        rng.shuffle(order)
        place = order.index(len(statements) - 1) if gold is not None else -1
        lead = place if place >= 0 and (misled is None and (item.first is not None or rng.random() < SEARCH_RIGHT)) else order.index(0)
        prompt = self.prompt(question, [statements[i] for i in order], lead)
        target = [opening(place + 1), *gold, EOS] if gold is not None else [NONE, EOS]
        return Example(prompt, target, place)

    def random_example(self, rng: random.Random, vocabulary: int, most: int, longest: int) -> Example:
        """Random tokens: the question is a few of the tokens of the statement to copy."""
        low = len(SPECIAL)
        pool = [rng.randrange(low, vocabulary) for _ in range(rng.choice((40, 400)))]
        statements = [[rng.choice(pool) for _ in range(rng.randint(3, longest))] for _ in range(rng.randint(2, most))]
        place = rng.randrange(len(statements))
        question = rng.sample(statements[place], min(4, len(statements[place])))
        lead = place if rng.random() < SEARCH_RIGHT else rng.randrange(len(statements))
        prompt = self.prompt(question, statements, lead)
        return Example(prompt, [opening(place + 1), *statements[place], EOS], place)


@dataclass(frozen=True, slots=True)
class Sources:
    """Training items by kind, and held-out ones."""

    train: dict[str, list[Item]]
    dev: list[Item]

    def texts(self) -> list[str]:
        """The questions and statements of the training, each once, in an order that is always the same."""
        found = (text for items in self.train.values() for item in items for text in (item.question, item.gold, *item.others[:3]))
        return sorted({text for text in found if text and len(text) > 3})


def load_sources(data: Path, policies: Path, gold: Path, seed: int, limit: int | None = None, find: Nearby | None = None) -> Sources:
    """All material there is; what is absent is left out. `find` makes the bank's own questions as hard as the box's search does."""
    questions: list[Item] = []
    dev: list[Item] = []
    for language in LANGUAGES:
        train, held = qa_items(data, language, limit)
        questions += train
        dev += held
    texts = policy_statements(policies) if policies.is_dir() else []
    train_by_kind = {
        "qa": questions,
        "parallel": parallel_items(data, seed, limit or 60_000),
        "keywords": keyword_items(texts, seed, find) if texts else [],
        "gold": gold_items(gold, texts, "train", find) if texts else [],
    }
    return Sources({kind: items for kind, items in train_by_kind.items() if items}, dev)


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the curriculum: until `until` of the whole, the shares of kinds, and how much stands in one prompt."""

    until: float
    shares: dict[str, float]
    most: int
    longest: int


CURRICULUM = (
    Stage(0.05, {"random": 0.6, "parallel": 0.4}, 3, 16),
    Stage(0.35, {"random": 0.05, "parallel": 0.25, "qa": 0.25, "keywords": 0.35, "gold": 0.1}, 4, 40),
    Stage(0.75, {"parallel": 0.2, "qa": 0.25, "keywords": 0.35, "gold": 0.2}, 5, 60),
    Stage(1.01, {"parallel": 0.1, "qa": 0.2, "keywords": 0.4, "gold": 0.3}, 6, MAX_STATEMENT),
)


def batches(
    sources: Sources, encoder: Encoder, vocabulary: int, stage: Stage, tokens: int, rng: random.Random
) -> list[list[Example]]:
    """Some dozens of batches of one stage, each of examples of like length and at most `tokens` tokens with padding."""
    kinds = [kind for kind in stage.shares if kind == "random" or kind in sources.train]
    weights = [stage.shares[kind] for kind in kinds]
    pool: list[Example] = []
    budget = tokens * 16
    while budget > 0:
        kind = rng.choices(kinds, weights)[0]
        if kind == "random":
            example: Example | None = encoder.random_example(rng, vocabulary, stage.most, stage.longest)
        else:
            example = encoder.example(rng.choice(sources.train[kind]), rng, stage.most, stage.longest)
        if example is None:
            continue
        if rng.random() < SHORTENED and len(example.target) > 8:
            example = Example(example.prompt, example.target[:6], example.gold)
        pool.append(example)
        budget -= len(example.prompt) + len(example.target)
    pool.sort(key=lambda e: len(e.prompt) + len(e.target))
    made: list[list[Example]] = [[]]
    for example in pool:
        length = len(example.prompt) + len(example.target)
        if made[-1] and (len(made[-1]) + 1) * length > tokens:
            made.append([])
        made[-1].append(example)
    rng.shuffle(made)
    return made
