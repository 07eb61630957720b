"""Tokenizer of the embedder: Unigram over text whose spelling has been evened out inside `tokenizer.json` itself.

Accents, case, width, diacritics and tatweel go; Arabic letters that people write in two ways become one; traditional
Chinese becomes simplified. In Arabic the article, "and" and "will" before a word, and after it the endings of number, person and
owner, are split from it (much as a light stemmer would, Larkey et al. 2007); each digit is a token; a mark begins each word.
Without that mark Unigram breaks the short, frequent words ("mi", "yo") into letters: it was tried, and cost .15 of R@1.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

_INVISIBLE = "[\u0640\u00ad\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
_ARTICLE = "^(?:[وف]?[بك]?ال|[وف]?لل)(?=[\u0621-\u064a]{3,})"
_AND = "^[وف](?=[\u0621-\u064a]{4,})"
_WILL = "^س(?=[اتني][\u0621-\u064a]{3,})"
_ENDING = "(?<=[\u0621-\u064a]{3})(?:ت?(?:هما|كما|ها|هم|هن|كم|كن|نا|ه|ك|ي)|ني|ون|ين|ان|ات|وا)$"
_LETTERS = dict(zip("ىةکیھہٱ", "يهكيهها", strict=True)) | {"ß": "ss", "œ": "oe", "Œ": "oe", "æ": "ae"}
_DIGITS = {chr(first + digit): str(digit) for first in (0x0660, 0x06F0) for digit in range(10)}
_HAN = re.compile(r"[\u3400-\u9fff]")
UNKNOWN = "<unk>"


def build_tokenizer(
    texts: Iterable[str],
    size: int,
    simplified: Mapping[str, str],
    spoken: Sequence[str] = (),
    longest_han: int = 4,
) -> Any:
    """A trained tokenizer of at most `size` pieces; `simplified` maps traditional characters.

    A quarter of the pieces are kept for whole words of `spoken` (dictionaries, customers' questions), the most frequent
    first: Unigram alone gives its pieces to the documents, which are far longer, and breaks everyday words into letters.
    """
    tokenizer = _empty(models.Unigram(), simplified)
    whole = size // 4 if spoken else 0
    trainer = trainers.UnigramTrainer(
        vocab_size=size - whole, special_tokens=[UNKNOWN], unk_token=UNKNOWN, max_piece_length=16, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    pieces = [(str(piece), float(score)) for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"]]
    kept = [(piece, score) for piece, score in pieces if len(_HAN.findall(piece)) <= longest_han]
    kept += _whole_words(tokenizer, spoken, {piece for piece, _ in kept}, size - len(kept) if spoken else 0)
    return _empty(models.Unigram(kept, 0, False), simplified)


def _whole_words(tokenizer: Any, texts: Sequence[str], known: set[str], most: int) -> list[tuple[str, float]]:
    counts: Counter[str] = Counter()
    for text in texts:
        pieces = tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))
        counts.update(piece for piece, _ in pieces if 3 <= len(piece) <= 20 and not _HAN.search(piece))
    total = max(counts.total(), 1)
    new = [(piece, count) for piece, count in counts.most_common() if piece not in known and count > 1]
    return [(piece, math.log(count / total)) for piece, count in new[: max(most, 0)]]


def trim(tokenizer: Any, uses: Sequence[int], most: int) -> tuple[Any, list[int]]:
    """The tokenizer with the `most` pieces that are used most (single characters first), and their old numbers."""
    state = json.loads(tokenizer.to_str())
    vocabulary = [(str(piece), float(score)) for piece, score in state["model"]["vocab"]]
    order = sorted(range(1, len(vocabulary)), key=lambda number: (len(vocabulary[number][0]) > 1, -uses[number]))
    kept = [0, *sorted(order[: most - 1])]
    # Three decimals of a log-probability choose the same pieces and spare a third of the file.
    state["model"]["vocab"] = [[vocabulary[number][0], round(vocabulary[number][1], 3)] for number in kept]
    return Tokenizer.from_str(json.dumps(state, ensure_ascii=False)), kept


def fine_tokenizer(tokenizer: Any, longest: int = 5) -> Any:
    """The same pieces and numbers, but cutting words finer: single Han characters, at most `longest` letters.

    Training reads some texts this way, so that the parts of a word that is not in the vocabulary have a meaning too.
    """
    state = json.loads(tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    for entry in vocabulary:
        if len(entry[0]) > (1 if _HAN.search(entry[0]) else longest + 1) and entry[0] != UNKNOWN:
            entry[1] = -1000.0
    return Tokenizer.from_str(json.dumps(state))


def _empty(model: Any, simplified: Mapping[str, str]) -> Any:
    tokenizer = Tokenizer(model)
    characters = {**simplified, **_LETTERS, **_DIGITS}
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(characters_map(characters)),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(_INVISIBLE), ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split(Regex(_ARTICLE), "isolated"),
            pre_tokenizers.Split(Regex(_AND), "isolated"),
            pre_tokenizers.Split(Regex(_WILL), "isolated"),
            pre_tokenizers.Split(Regex(_ENDING), "isolated"),
            pre_tokenizers.Split(Regex(f"{_HAN.pattern}+"), "isolated"),
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            pre_tokenizers.Split(Regex(f"▁(?={_HAN.pattern})"), "removed"),
        ]
    )
    return tokenizer


def characters_map(characters: Mapping[str, str]) -> bytes:
    """A SentencePiece `precompiled_charsmap`: a double array of UTF-8 bytes (as darts-clone's), then the replacements.

    One lookup a character, whatever the number of rules; a chain of thousands of replacements would cost milliseconds.
    """
    blob = bytearray()
    trie: dict[int, Any] = {}
    for key in sorted(characters):
        node = trie
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[0] = len(blob)
        blob += characters[key].encode() + b"\x00"
    units = _double_array(trie)
    array = struct.pack(f"<{len(units)}I", *units)
    return struct.pack("<I", len(array)) + array + bytes(blob)


def _double_array(trie: dict[int, Any]) -> list[int]:
    units = [0] * 256
    used = {0}
    waiting: list[tuple[int, dict[int, Any]]] = [(0, trie)]
    first_free = 1
    while waiting:
        position, children = waiting.pop(0)
        while first_free in used:
            first_free += 1
        base = first_free
        while base in used or any((base ^ label) in used for label in children) or not _reachable(position ^ base):
            base += 1
        used.add(base)
        units.extend([0] * (max(base | 0xFF, position) + 1 - len(units)))
        units[position] |= _offset(position ^ base)
        for label, child in children.items():
            place = base ^ label
            used.add(place)
            if label == 0:
                units[position] |= 1 << 8
                units[place] = int(child) | 1 << 31
            else:
                units[place] = label
                waiting.append((place, child))
    units.extend([0] * (-len(units) % 256))
    return units


def _reachable(offset: int) -> bool:
    return 0 < offset < 1 << 21 or (offset & 0xFF == 0 and 0 < offset < 1 << 29)


def _offset(offset: int) -> int:
    return offset << 10 if offset < 1 << 21 else (offset << 2) | 1 << 9
