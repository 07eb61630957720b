"""Asking: which kind of figure a question wants (an amount, a rate, a time …), and which kinds a statement offers."""

from __future__ import annotations

import re
from functools import lru_cache

from knowledge.quantities import quantities
from knowledge.terms import fold, words

KINDS = ("money", "percent", "duration", "time", "date", "count")

# Phrases are folded (no accents, lower case); in Latin scripts they match at the start of a word.
_ASKED: dict[str, dict[str, str]] = {
    "en": {
        "money": "how much|cost|price|fee|charge|pay for|expensive|cheap|amount|limit|max|most|minimum|smallest|salary|balance|biggest|up to",
        "percent": "interest|rate|percent|how much of|what part|margin|what do you add|earn|get on",
        "duration": "how long|how many days|how many months|how many years|how soon|how fast|how quick|how often|deadline|time limit|until when|too late|how old|from what age|age|period|expire|within|when do i get|when is|notice|far back|valid|waiting",
        "time": "what time|until what time|open|close|hours|times|clock",
        "date": "when|what day|which day|until when|date",
        "count": "how many|how old|what age|number",
    },
    "es": {
        "money": "cuanto cuest|cuanto val|cuanto cobr|cuanto pag|cuanto tengo|cuanto pued|cuanto diner|cuanto es|cuant|cuesta|coste|precio|comision|cobr|tarifa|cuota|importe|limite|maximo|minimo|nomina|saldo|hasta cuanto|caro",
        "percent": "interes|tipo|porcentaje|por ciento|que parte|margen|retencion|retien|que me da|rent",
        "duration": "cuanto tiempo|cuanto tard|cuantos dias|cuantos meses|cuantos anos|plazo|hasta cuando|cada cuanto|a partir de que edad|que edad|caduc|de cuantos|cuando|en cuanto|rapid|tarda|antelacion|dura|vale|todavia|carencia",
        "time": "a que hora|hora|horario|abr|cierr",
        "date": "cuando|que dia|hasta cuando|fecha",
        "count": "cuantos|cuantas|que edad|telefono|numero",
    },
    "fr": {
        "money": "combien|cout|prix|frais|tarif|cotisation|montant|plafond|limite|maxim|minim|salaire|solde|jusqu a combien|cher|prenez",
        "percent": "taux|interet|pourcent|quelle part|marge|retenue|retenu|rapporte|prenez",
        "duration": "combien de temps|combien de jours|combien de mois|combien d annees|delai|jusqu a quand|tous les combien|quel age|expire|valable|quand|en combien|dure|encore|trop tard|carence|a l avance|dater|date de",
        "time": "quelle heure|heure|horaire|ouvr|ferm",
        "date": "quand|quel jour|date",
        "count": "combien de|quel age|numero",
    },
    "de": {
        "money": "wie viel|wieviel|wie teuer|kost|preis|gebuhr|entgelt|betrag|limit|hochst|maxim|mindest|minim|gehalt|guthaben|bis zu|teuer|wie hoch",
        "percent": "zins|prozent|anteil|welchen teil|marge|aufschlag|satz|steuer|bringt|kommt drauf",
        "duration": "wie lange|wie viele tage|wie viele monate|wie viele jahre|frist|bis wann|wie oft|welchem alter|wie alt|gilt|gultig|wann|wie schnell|dauer|vorher|zu spat|verfall|innerhalb|wartezeit|bedenkzeit",
        "time": "um wie viel uhr|uhr|offnungs|offen|macht ihr|wann",
        "date": "wann|welchem tag|bis wann|datum",
        "count": "wie viele|wie alt|alter|nummer",
    },
    "pt": {
        "money": "quanto cust|quanto cobr|quanto pag|quanto poss|quanto e|quant|custa|custo|preco|comissao|cobr|mensalidade|anuidade|valor|limite|maximo|minimo|ordenado|saldo|ate quanto|caro",
        "percent": "juro|taxa|percent|que parte|margem|retem|rende|imposto",
        "duration": "quanto tempo|quanto demor|quantos dias|quantos meses|quantos anos|prazo|ate quando|de quanto em quanto|que idade|caduc|quando|em quanto|rapid|demora|antecedencia|dura|valid|ja e tarde|carencia",
        "time": "a que horas|horas|horario|abr|fech",
        "date": "quando|que dia|ate quando|data",
        "count": "quantos|quantas|que idade|telefone|numero",
    },
    "it": {
        "money": "quanto cost|quanto prend|quanto pag|quanto poss|quanto|costa|costo|prezzo|commission|canone|importo|limite|massimo|minimo|stipendio|saldo|fino a quanto|caro",
        "percent": "interess|tasso|percent|che parte|quanta parte|margine|ritenuta|tratten|rende|imposta",
        "duration": "quanto tempo|quanti giorni|quanti mesi|quanti anni|termine|fino a quando|ogni quanto|che eta|scad|quando|in quanto|quanto ci|veloc|dura|prima|vale|tardi|carenza|entro",
        "time": "a che ora|ora|orari|apr|chiud",
        "date": "quando|che giorno|fino a quando|data",
        "count": "quanti|quante|che eta|numero",
    },
    "zh": {
        "money": "多少钱|多少|费|价|限额|最多|最低|最高|贵|余额|工资|额度|收费|上限",
        "percent": "利率|利息|百分|几成|比例|加收|税|加多少|收益",
        "duration": "多久|几天|几个月|几年|多长|期限|什么时候|何时|几岁|多大|有效|提前|之内|以内|来得及|最长|失效|等待",
        "time": "几点|营业|开门|关门|开吗|时间",
        "date": "什么时候|何时|几号|哪天",
        "count": "几|多少|号码|电话",
    },
    "ar": {
        "money": "كم|تكلف|رسوم|سعر|مبلغ|حد|اقصي|ادني|راتب|رصيد|غالي|بكم",
        "percent": "فايده|فائده|نسبه|هامش|ضريبه|كم نسبه|يعطي",
        "duration": "كم ياخذ|كم يوم|كم شهر|كم سنه|كم مده|مده|مهله|متي|لحد متي|خلال|اي عمر|من اي عمر|صلاحيه|قبل كم|كل كم|يستغرق|تاخذ|سرعه|فات|انتظار|بعد كم",
        "time": "الساعه|دوام|تفتح|تسكر|فاتحين",
        "date": "متي|اي يوم|لحد متي|تاريخ",
        "count": "كم|رقم|عمر",
    },
}

QUESTION_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(
        "how much many long what which when who where why does do did is are am was can could may might will would should the a an of to for "
        "in on at by my your i you we it and or if cost costs costing price charge charged pay have has had get got be there with from me us".split()
    ),
    "es": frozenset(
        "cuanto cuanta cuantos cuantas que cual cuales como cuando donde quien por para de del la el los las un una unos unas a al en y o si me "
        "te se lo le mi mis su sus cuesta cuestan costar vale valen cobran cobra cobrais pago pagar es son hay tengo tiene tienen puedo puede con sin".split()
    ),
    "fr": frozenset(
        "combien que quoi quel quelle quels quelles comment quand ou qui pour de du des la le les un une a au aux en et si je j tu vous on nous "
        "il elle me m se mon ma mes votre vos coute coutent couter est sont c ce cest prix payer paye prenez y ai as avez peux peut puis avec sans".split()
    ),
    "de": frozenset(
        "wie viel viele was wer wo wann welche welcher welches welchen der die das den dem ein eine einen einem einer und oder wenn ich mir mich "
        "ihr sie man es mein meine meinen kostet kosten teuer zahlen zahle ist sind hat habe haben kann konnt gibt fur von zu am im in mit ohne auf".split()
    ),
    "pt": frozenset(
        "quanto quanta quantos quantas que qual quais como quando onde quem por para de do da dos das o a os as um uma ao em no na e ou se me "
        "lhe meu minha custa custam custar cobram pago pagar e sao ha tenho tem posso pode com sem".split()
    ),
    "it": frozenset(
        "quanto quanta quanti quante che cosa quale quali come quando dove chi per di del della dei il lo la i gli le un una al alla in nel nella e "
        "o se mi ti si ci mio mia costa costano costare prendete pago pagare e sono ho ha hanno posso puo con senza da".split()
    ),
    "zh": frozenset("多少 少钱 什么 怎么 么时 时候 可以 吗 的 我 你 们 你们 是 了 要 会 能 能不 不能 几 多久 要多 要几 是多".split()),
    "ar": frozenset("كم ما ماذا متي اين كيف هل من الي علي في عن ان هذا هذه لي انا انت هو هي و او اذا لو مع بكم تكلفه سعر ادفع يكلف تكلف اقدر ممكن".split()),
}
"""Words that ask: they say which kind of figure is wanted (see `asked`), not what it is about."""

_UNITS = (
    r"(?:business |working |calendar )?(?:second|minute|hour|day|week|month|year)s?\b|years? old"
    r"|(?:segundo|minuto|hora|dia|semana|mes|ano)(?:s|es)?\b|(?:seconde|minute|heure|jour|semaine|moi|an|annee)s?\b"
    r"|(?:sekunde|minute|stunde|tag|woche|monat|jahr|geschaftstag|werktag|bankarbeitstag|arbeitstag)\w*"
    r"|(?:meses|ano|hora|dia|semana|mes|minuto|segundo)s?\b|(?:second|minut|or|giorn|settiman|mes|ann)[oiae]\b"
    r"|个?(?:工作日|日历日|天|日|个月|月|年|小时|分钟|秒|周岁|岁|周|星期)"
    r"|(?:ثاني|ثوان|دقيق|دقائق|ساع|يوم|ايام|اسبوع|اسابيع|شهر|اشهر|شهور|سن|سنوات|عام|اعوام)\w*"
)
_DURATION = re.compile(rf"^[\s\u00a0\u202f-]*(?:de |d')?(?:{_UNITS})", re.IGNORECASE)


@lru_cache(maxsize=64)
def _pattern(language: str, kind: str) -> re.Pattern[str]:
    phrases = _ASKED.get(language, _ASKED["en"])[kind]
    return re.compile(phrases) if language in ("zh", "ar") else re.compile(rf"(?<!\w)(?:{phrases})")


def asked(query: str, language: str) -> frozenset[str]:
    """The kinds of figures (of KINDS) that a question may want; empty for a question that wants none."""
    folded = query if language == "zh" else " ".join(words(query))
    return frozenset(kind for kind in KINDS if _pattern(language, kind).search(folded))


@lru_cache(maxsize=65536)
def offered(text: str, language: str) -> frozenset[str]:
    """The kinds of figures that a statement holds."""
    kinds: set[str] = set()
    for quantity in quantities(text, language):
        if quantity.kind != "number":
            kinds.add(quantity.kind)
        elif _DURATION.match(fold(text[quantity.end : quantity.end + 24])):
            kinds.add("duration")
        else:
            kinds.add("count")
    return frozenset(kinds)
