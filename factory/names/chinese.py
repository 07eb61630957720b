"""Chinese names of people, addresses and firms, composed of family names, characters and pieces (`lexicon/pieces.zh.toml`)."""

from __future__ import annotations

import random

from factory.names.composer import Pick
from factory.names.lexicon import pieces

COMMON = 0.5
"""How often a family name is one of the hundred that most people bear: the others are rare, and many of them ordinary characters."""
DOTS = ("·", "·", "·", "•", "・", " ", "")


def surname(rng: random.Random, pick: Pick) -> str:
    """A family name of one character or two."""
    return pick("common_surnames" if rng.random() < COMMON else "surnames")


def person(rng: random.Random, pick: Pick) -> str:
    """Family name and given name of one character or two."""
    given = pick("given")
    if rng.random() < 0.6:
        given = "".join(pick("given_chars") for _ in range(rng.choice((1, 2, 2, 2))))
    return surname(rng, pick) + given


def nickname(rng: random.Random, pick: Pick) -> str:
    """As colleagues, neighbours and children are called: 小王, 老周, 大刘, 阿强, 小芳, 婷婷, 果果."""
    form = rng.random()
    if form < 0.14:
        return "阿" + pick("given_chars")
    if form < 0.2:
        return "小" + pick("given_chars")
    if form < 0.28:
        return pick("given_chars") * 2
    if form < 0.34:
        return pick("milk_names")
    return rng.choice(("小", "小", "老", "老", "大")) + surname(rng, pick)


def foreigner(rng: random.Random, pick: Pick) -> str:
    """Somebody of another people, as Chinese writes it."""
    form = rng.random()
    if form < 0.1:
        return pick("persons_foreign")
    if form < 0.25:
        return pick("japanese") + pick("japanese_given")
    if form < 0.4:
        return pick("foreign_given")
    names = [pick("foreign_given"), pick("foreign_surnames")]
    if form < 0.46:
        names.append(pick("foreign_surnames"))
    return rng.choice(DOTS).join(names)


def street(rng: random.Random) -> str:
    """Where a house is, from the district down to the flat; without the town."""
    some, form = pieces("zh"), rng.random()
    if form < 0.12:
        house = f"{rng.choice(some['roads'])}{rng.choice(some['hong_kong_houses'])}"
        end = rng.choice(("", f"{rng.randint(1, 40)}樓", f"{rng.randint(1, 40)}樓{rng.choice('ABCDEFGH')}室", f"{rng.randint(1, 40)}字樓", f"地下{rng.randint(1, 30)}號舖"))
        road = rng.choice(some["hong_kong_roads"]) + (f"{rng.randint(1, 900)}號" if rng.random() < 0.8 else "")
        return f"{rng.choice(some['hong_kong'])}{road}{house if rng.random() < 0.6 else ''}{end}"
    if form < 0.24:
        road = rng.choice(some["taiwan_roads"]) + rng.choice(("", f"{rng.choice('一二三四五')}段"))
        lane = rng.choice(("", "", f"{rng.randint(2, 400)}巷", f"{rng.randint(2, 400)}巷{rng.randint(1, 60)}弄"))
        return f"{rng.choice((rng.choice(some['taiwan']), ''))}{road}{lane}{rng.randint(1, 400)}號{rng.choice(('', f'{rng.randint(2, 15)}樓', f'{rng.randint(2, 15)}樓之{rng.randint(1, 5)}'))}"
    if form < 0.34:
        village = rng.choice(some["villages"]) + rng.choice(("", rng.choice(some["villages"])))
        return village + rng.choice((f"{rng.randint(1, 300)}号", f"{rng.randint(1, 20)}组", f"{rng.choice(some['roads'])}路{rng.randint(1, 90)}号"))
    number = rng.choice((f"{rng.randint(1, 999)}号", f"{rng.randint(1, 999)}号", f"{rng.randint(1, 999)}弄{rng.randint(1, 99)}号", f"{rng.randint(1, 99)}号院{rng.randint(1, 30)}号楼", ""))
    road = rng.choice(some["roads"]) + rng.choice(some["road_kinds"]) + number
    place = f"{rng.choice(some['districts']) if rng.random() < 0.6 else ''}{road if rng.random() < 0.85 else ''}"
    if rng.random() < 0.5 or not place:
        place += rng.choice(some["estates"])
    block = rng.choice((f"{rng.randint(1, 60)}栋", f"{rng.randint(1, 60)}号楼", f"{rng.choice('ABCDE')}座", f"{rng.randint(1, 60)}幢", ""))
    unit = rng.choice(("", "", f"{rng.randint(1, 8)}单元"))
    flat = rng.choice((f"{rng.randint(101, 3205)}室", f"{rng.randint(101, 3205)}", f"{rng.randint(1, 32)}楼", f"{rng.randint(1, 32)}层{rng.randint(1, 20)}号", ""))
    return place + (block + unit + flat if rng.random() < 0.7 else "")


def address(rng: random.Random, pick: Pick, where: str) -> str:
    """A street with the town before it, now and then the province, as a form asks for it."""
    town = pick("cities")
    town += "" if town.endswith(("市", "区", "县")) else rng.choice(("市", "市", ""))
    return f"{rng.choice(pieces('zh')['provinces']) if rng.random() < 0.25 else ''}{town}{where}"


def firm(rng: random.Random, pick: Pick) -> str:
    """A company with town, trade and form, or a shop by its owner, its street or a happy word."""
    some, form = pieces("zh"), rng.random()
    town = pick("cities")
    if form < 0.35:
        before = town + ("市" if rng.random() < 0.3 and not town.endswith(("市", "区", "县")) else "") if rng.random() < 0.4 else ""
        form_of_law = rng.choice(some["forms"]) if rng.random() < 0.75 else ""
        return f"{before}{rng.choice(some['firm_words'])}{rng.choice(some['trades'])}{form_of_law}"
    shop = rng.choice(some["shops"])
    if form < 0.7:
        return f"{rng.choice(some[rng.choice(('shop_words', 'firm_words'))])}{shop}"
    if form < 0.8:
        return f"{rng.choice((surname(rng, pick) + '记', surname(rng, pick) + '氏', pick('given'), nickname(rng, pick), '阿' + pick('given_chars')))}{shop}"
    if form < 0.9:
        school = rng.choice(("第一中学", "第三小学", "大学", "中学", "小学", "幼儿园", "人民医院", "中心医院", "第二医院", "职业学院", "师范大学", "外国语学校"))
        return f"{rng.choice((town, rng.choice(some['roads'])))}{school}"
    return rng.choice(some["shop_words"]) + rng.choice(some["shops"])[:2]
