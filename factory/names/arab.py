"""Arab names of people, addresses and firms, composed of given names, surnames and pieces (`lexicon/pieces.ar.toml`): no list of whole
ones is long enough not to be learnt by heart."""

from __future__ import annotations

import random

from factory.names.composer import Pick
from factory.names.lexicon import pieces


def person(rng: random.Random, pick: Pick) -> str:
    """A man or woman with as much of the name as is said: with a father's name, with two, with a family's, or by the child's."""
    given, father, surname, form = pick("given"), pick("given"), pick("surnames"), rng.random()
    if form < 0.12:
        return kunya(rng, pick)
    if form < 0.3:
        return f"{given} {rng.choice(('بن', 'ابن', 'بنت'))} {father} {surname}" if rng.random() < 0.6 else f"{given} بن {father}"
    if form < 0.46:
        return f"{given} {father} {surname}"
    if form < 0.5:
        return f"{given} {father} {pick('given')} {surname}"
    return f"{given} {father}" if form < 0.62 else f"{given} {surname}"


def kunya(rng: random.Random, pick: Pick) -> str:
    """The father or the mother of the eldest, as neighbours say."""
    if rng.random() < 0.25:
        return pick("kunya")
    return f"{rng.choice(('أبو', 'أبو', 'ابو', 'أم', 'أم', 'ام', 'بو'))} {pick('given')}"


def foreigner(rng: random.Random, pick: Pick) -> str:
    """Somebody of another people, as Arabic writes it."""
    form = rng.random()
    if form < 0.25:
        return pick("persons_foreign")
    if form < 0.35:
        return f"{pick('foreign_given')} {pick('foreign_surnames')} {pick('foreign_surnames')}"
    return f"{pick('foreign_given')} {pick('foreign_surnames')}"


def street(rng: random.Random) -> str:
    """Where a house is, from the street or the quarter down to the flat, or a post-office box; without the town."""
    some = pieces("ar")

    def number(most: int) -> str:
        return f"{rng.choice(('رقم ', 'رقم ', 'عدد ', '')) if rng.random() < 0.3 else ''}{rng.randint(1, most)}"

    if rng.random() < 0.08:
        return rng.choice(some["boxes"]).replace("{N}", str(rng.randint(10, 99999))).replace("{P}", str(rng.randint(1000, 99999)))
    road = f"{rng.choice(some['street_kinds'])} {rng.choice(some[rng.choice(('eponyms', 'street_names', 'street_names'))])}"
    if rng.random() < 0.08:
        road = f"{rng.choice(('شارع', 'ش', 'طريق', 'زنقة'))} {rng.randint(1, 99)}"
    form = rng.random()
    if form < 0.35:
        road = f"{road} {number(200)}"
    elif form < 0.6:
        road = f"{rng.randint(1, 200)} {road}"
    quarter = f"{rng.choice(some['district_kinds'])} {rng.choice(some['district_names'])}" if rng.random() < 0.75 else rng.choice(some["district_names"])
    kind = rng.choice(some["building_kinds"])
    house = f"{kind} {number(300)}" if rng.random() < 0.6 else f"{kind} {rng.choice(some['building_names'])}"
    flat = f"{rng.choice(some['flat_kinds'])} {number(60)}"
    inner = [part for part, often in ((house, 0.6), (rng.choice(some["floors"]), 0.35), (flat, 0.5)) if rng.random() < often]
    if rng.random() < 0.3:
        inner.reverse()
    outer = rng.choice(([road], [road], [quarter, road], [road, quarter], [quarter]))
    if outer == [quarter] and not inner:
        inner = [house]
    if rng.random() < 0.06:
        outer.append(rng.choice(some["near"]))
    joint = rng.choice(("، ", "، ", "، ", " ", " ", " - ", "، ", "\n"))
    return joint.join(inner + outer if rng.random() < 0.3 else outer + inner)


def firm(rng: random.Random, pick: Pick) -> str:
    """A company with its trade, a shop by what it sells, an institution named after somebody, or a word that somebody coined."""
    some, form = pieces("ar"), rng.random()
    shop = rng.choice(some["shop_kinds"])
    if form < 0.28:
        name = f"{rng.choice(some['firm_heads'])} {rng.choice(some['firm_words'])}"
        if rng.random() < 0.2:
            name += f" {rng.choice(some['firm_words'])}"
        name += f" {rng.choice(some['firm_trades'])}" if rng.random() < 0.65 else ""
        return f"{name} {rng.choice(some['firm_forms'])}" if rng.random() < 0.12 else name
    if form < 0.4:
        owner = rng.choice((pick("surnames"), pick("surnames"), f"{pick('given')} {pick('surnames')}"))
        return f"{rng.choice(some['firm_heads'])} {owner} {rng.choice(some['firm_trades'])}"
    if form < 0.62:
        return f"{shop} {rng.choice(some[rng.choice(('shop_words', 'firm_words'))])}"
    if form < 0.72:
        return f"{shop} {rng.choice((pick('given'), pick('surnames'), pick('cities'), kunya(rng, pick)))}"
    if form < 0.8:
        kind = rng.choice(("مدرسة", "ثانوية", "جامعة", "مستشفى", "مصحة", "معهد", "كلية", "مركز", "إعدادية", "مستوصف", "روضة", "نادي"))
        return f"{kind} {rng.choice((rng.choice(some['eponyms']), pick('cities'), rng.choice(some['street_names'])))}"
    if form < 0.9:
        return f"{rng.choice(some['bare_heads'])} {rng.choice(some['bare_tails'])}"
    first, second = rng.choice(some["coined"]), rng.choice(some["coined"])
    return f"{rng.choice(('شركة ', '', ''))}{first} {second}"
