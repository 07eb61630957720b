"""Currencies: whether a text speaks of euros, or of other money, in eight languages; amounts ("€3.50") do not count."""

from __future__ import annotations

import re
from dataclasses import dataclass

# All folded. Words that begin the names of currencies other than the euro, then those that are such a name as they stand.
_BEGIN = (
    "dollar|dolar|pound|sterlin|zlot|rupee|rupi|roupi|rubel|roubl|rubl|dinar|dirham|forint|renminb|shekel|"
    "دولار|جنيه|درهم|دينار|فرنك|زلوتي|روبل|كورون"
)
_WHOLE = (
    "francs?|franken|francos?|franchi|liras?|libras?|pesos?|coronas?|coroas?|corone|"
    "couronnes?|kron[aeou]r?n?|yen|yenes|yuan|pfund|reais|bahts?|rands?|ليره|ليرات|ريال|ريالات|روبيه"
)
_WORD = re.compile(rf"(?:(?:{_BEGIN})\w*|{_WHOLE})")
_NAMED = re.compile(
    rf"(?<!\w)(?:وال|بال|لل|ال|و|ب|ل)?{_WORD.pattern}(?!\w)|livres? sterling|livres? turque"
    r"|美元|美金|英镑|英鎊|瑞士法郎|日元|人民币|人民幣|泰铢|里拉|兹罗提|克朗|卢比|卢布|比索|港币|港元|加元|澳元|韩元|[加澳]元"
)
_ANOTHER = re.compile(
    r"(?<!\w)(?:(?:other|another|different) (?:[\w ]{1,24} )?currenc(?:y|ies)|otras? (?:moneda|divisa)s?|autres? (?:devise|monnaie)s?"
    r"|andere[rn]? wahrung(?:en)?|n?outras? (?:moeda|divisa)s?|altr[ae] valut[ae])(?!\w)"
    r"|其他货币|其它货币|别的货币|عمل(?:ه|ات) (?:اخري|ثانيه)"
)
_FOREIGN = re.compile(
    r"(?<!\w)(?:foreign (?:currenc(?:y|ies)|money)|divisas?|moneda extranjera|devises?|fremdwahrung(?:en)?|fremde[rn]? wahrung(?:en)?"
    r"|moeda estrangeira|valut[ae] ester[ae])(?!\w)|外币|外幣|عمله اجنبيه|العملات الاجنبيه"
)
_CODE = re.compile(r"(?<!\w)(?:USD|GBP|CHF|PLN|RON|SEK|NOK|DKK|CZK|HUF|JPY|CNY|CAD|AUD|BRL|MXN|COP|ARS|TRY|MAD|INR|UAH)(?!\w)|[$£¥]")
_EURO = re.compile(r"(?<!\d)(?<!\d[ \u00a0\u202f])(?:(?<!\w)(?:وال|بال|لل|ال|و|ب|ل)?(?:euros?|eur|يورو)(?!\w)|欧元|歐元)")
_IN_EUROS = re.compile(r"(?<!\w)(?:in|en|em|moves|into) euros?(?!\w)|以欧元|欧元(?:现金|支票|转账)|(?<!\w)باليورو(?!\w)")
_ZONE = re.compile(
    r"(?:single )?euro[ -](?:area|zone|payments? area|countr\w+|raum\w*|land\w*|zahlungs\w*)"
    r"|(?:zona|zone|area|pais|paises|pays|paesi?)(?: (?:de|do|del|dell))?(?: l)?['’ ]euro"
    r"|(?:pagos|paiements?|pagamentos|pagamenti) (?:en|em|in) euros?|(?:单一)?欧元(?:支付)?区|(?:منطقه|دول|بلدان) (?:ال)?يورو|موحده باليورو"
)
_CHINESE = re.compile(r"法郎|卢布|盧布|里拉|兹罗提|比索|币|幣|元|镑|鎊|卢比|盧比|克朗|铢|第纳尔|迪拉姆|里亚尔|雷亚尔|福林")


@dataclass(frozen=True, slots=True)
class Money:
    """`euros` are named, `in_euros` says in which money something is done; `other`: another currency is named, or "another currency" said;
    `foreign`: that it is foreign money."""

    euros: bool = False
    in_euros: bool = False
    other: bool = False
    foreign: bool = False


NO_MONEY = Money()


def money(text: str, folded: str) -> Money:
    """The money that a text speaks of; `folded` is the same text as `knowledge.terms.fold` gives it, without hamzas."""
    bare = _ZONE.sub(" ", folded)
    other = bool(_NAMED.search(bare) or _ANOTHER.search(bare) or _CODE.search(text))
    return Money(bool(_EURO.search(bare)), bool(_IN_EUROS.search(bare)), other, bool(_FOREIGN.search(bare)))


def is_currency(word: str) -> bool:
    """Whether a folded word is the name of a currency other than the euro."""
    return _WORD.fullmatch(word) is not None


def begins_currency(text: str, place: int) -> bool:
    """Whether what stands there in a Chinese text ends the name of a currency ("瑞士法郎")."""
    return _CHINESE.match(text, place) is not None
