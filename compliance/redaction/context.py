"""Context: the words, in eight languages, that say what a number is."""

from __future__ import annotations

from compliance.redaction.nearby import words

# Latin words end where a letter does not follow; \b alone would also need one before Chinese and Arabic, which have no spaces or have prefixes.
PHONE = words(
    r"\bmein(?:e)? n(?:umme)?r\b|\bmy number|\bmi n[uú]mero|\bmon num[eé]ro|\bmio numero|\bmeu n[uú]mero|\bphone|\bmobile|\bcell\b|cell ?phone|\bcall|\btel\b|\btelf|\bfijo\b|座机|座機|\btfno|\btlf|\btlm|\bfax|\breach|\bring me|\bring at|\btext me|whatsapp|\bcontact|hotline|\bdial|answering at|registered|-office\b|voicemail"
    r"|tel[eé]f|m[oó]vil|\bll[aá]m|celular|t[eé]l[eé]phone|\bportable|appel|joindre|joignable|telefon|handy|mobil|anruf|erreich|rufnummer"
    r"|ruf(?:en|t)? |telem[oó]vel|\blig(?:ar|ue|uem|a)\b|contact[oa]|cellulare|chiam|recapit|numero di tel|电话|電話|手机|手機|致电|拨打|联系|來電|来电|短信"
    r"|هاتف|جوال|موبايل|اتصل|الاتصال|رقمي|محمول|واتس|تليفون"
)
IDENTITY = words(
    r"\bid\b|\bdni\b|\bnif\b|\bnie\b|\bcif\b|\bnir\b|\bnin[o]?\b|\bssn\b|\bitin\b|\bsin\b(?!\s+(?!is\b|no\b|nu)[^\W\d_])|\b(?:my|your|his|her) sin\b|\b(?-i:SIN)\b|\bnhs\b|\bcpf\b|\bcnpj\b|\brut\b|\brun\b|\bcurp\b|\brfc\b|\bcuit\b|\bcuil\b"
    r"|\bnit\b|\bpan\b|\bcin\b|\bein\b|\bidnr|\bid-nr|\brg\b|\brif\b|\brnm\b|\bpis\b|信用代码|营业执照|\butente\b|tessera san|\bcarta n|habilita[cç][aã]o|\bbi (?:de|antigo|n)|\bcc n|eleitor|s[eé]jour|aufenthaltstitel|residence permit|permiso de residencia|permesso di soggiorno|t[ií]tulo de resid|sv-nummer|rentenvers|\btfn\b|\bird\b|\bpps\b|\bcnic\b|afiliaci|a+dha+r|\bbsn\b|pesel|\bahv\b|\bavs\b|\bsvnr\b|siren|siret|niss|insz|rijksregister|burgerservice|hkid|\bvat\b|\btin\b|\btva\b|\biva\b"
    r"|identi|passport|passeport|pasaporte|passaport|reisepass|ausweis|\btax|steuer|fiscal|codice|social sec|social ins|s[eé]cu|sozialvers|seguridad social"
    r"|seguran[çc]a social|national|nacional|nazionale|insurance n|versicherungs|contribuinte|contribuyente|documento(?! (?:informativ|di sintesi|de s[ií]ntes|de informaci|[uú]nico))|c[eé]dula|licen[cs]e|licencia|permis(?!o de (?:obra|constr)| de constr|so (?:di|per) costr|o para constr)|patente"
    r"|f[uü]hrerschein|carta de condu|cart[aã]o de cidad|护照|護照|身份证|身份證|证件|證件|税号|稅號|纳税|納稅|驾照|駕照|社保|社会保障|统一编号|هوية|هويتي|التعريف الوطني|الوطني|باسبور|جواز|بطاقة|ضريبي|إقامة|اقامة|الرقم القومي|الرقم الوطني|رخصة(?! البناء| بناء)|الضمان"
)
CEDULA = words(r"c[eé]dula|\bdni\b|\bd\.n\.i\b|\bcurp\b|carn[eé] de identidad|documento de identidad")
PASSPORT = words(
    r"passport|passeport|pasaporte|passaport|reisepass|\bpass\b|ausweis|\bperso\b|护照|護照|جواز|باسبور|identity (?:card|document)|id card|carta d'identit|carte d'identit"
    r"|documento(?! (?:informativ|di sintesi|de s[ií]ntes|de informaci|[uú]nico))|document n|travel document|licen[cs]e|permis(?!o de (?:obra|constr)| de constr|so (?:di|per) costr|o para constr)|f[uü]hrerschein|patente|驾照|驾驶证|رخصة(?! البناء| بناء)|通行证|证件|هوية"
)
CARD = words(r"card|\bcc\b|visa|mastercard|amex|tarjeta|\bcarte|karte|cart[ãa]o|cart[ae]\b|信用卡|银行卡|卡号|借记卡|بطاقة|بطاقتي|البطاقة")
CARD_NUMBER = words(r"\d{4}[ \-.]?\d{4}[ \-.]?\d{4}")
"""A long number itself: a month and a year right beside it are when it expires."""
ACCOUNT = words(
    r"account|a/c\b|acct|cuenta|\bctas?\b|konto|kto\b|compte|\bconto\b|\bconta\b|clabe|routing|\baba\b|sort code|bankleitzahl|\bblz\b|账户|賬戶|帳戶|账号|帳號|帐号|卡号|حساب|\bcbu\b|\bccc\b|\bnib\b|\brib\b"
)
BIRTH = words(
    r"\bborn\b|birth|\bdob\b|\bd\.o\.b|\bnac[ií](?!ona|ó (?:la|el|una?) [^\d])|\bnacimiento|\bn[ée]e? (?:le|en)\b|naissance|geboren|geburt|\bgeb\b(?!\.? von)|\bddn\b|\bnascid|nascimento|\bnasc[ií]|\bnat[oa]\b(?! una? [^\d])|\bnascer|\bnasce[urm](?!u (?:a|o|uma?) [^\d])|faz anos|\bcumple|anniversaire|geburtstag|compleanno|anivers[aá]rio|\bclasse 19|nascita|\bnac\."
    r"|生的|生人|出生|生日|生于|مواليد|مزداد|ازديت|خلقت|ميلاد|ولدت|مولود|المولود"
)
EXPIRY = words(
    r"expir|\bexp\b|runs? out|good (?:un)?til|caduc|venc|valid|v[aá]lid|g[uü]ltig|scad|ablauf|läuft ab|有效期|到期|过期|انتهاء|تنتهي|صالح|صلاحية"
)
CARD_TOLD = words(
    r"card|\bcc\b|visa|maestro|diners|amex|tarjeta|\bcarte|karte|cart[ãa]o|cart[ae]\b|卡|بطاق|الكارت|كارت|فيزا|(?<![a-z])(?:cvv|cvc)|\bexp\b|\d{4}[ \-.]?\d{4}[ \-.]?\d{4}|\d{4}[ \-]?\d{6}[ \-]?\d{4,5}"
)
"""What tells that a text is about a card: offers, deposits and passports expire too."""
CONTRACT = words(
    r"since|\bopened|contract|mortgage|\bloan|invoice|statement|agreement|deed|signed|dated|desde|contrat|hipoteca|pr[eé]stamo|escritura|factura|extracto|firmad|abierta|depuis|\bprêt|facture|relev[eé]|sign[eé]|ouvert|\bseit|vertrag|darlehen|kredit|rechnung"
    r"|kontoauszug|unterschrieben|er[öo]ffnet|urteil|gesetz|\bley\b|\bloi\b|\blei\b|legge|decreto|\bdal\b|mutuo|fattura|estratto|extrato|firmat|apert|empr[eé]stimo|cr[eé]dito|fatura|assinad|abert|منذ|عقد|قرض|فاتورة|كشف|فتح|بتاريخ|合同|贷款|开户|发票"
)
"""What a date is of, right before it, that is nobody's birth."""
DEADLINE = words(
    r"\bbis\b|\buntil\b|\btill?\b|\bby\b|\bends?\b|\bhasta\b|\bacaba\b|\btermina\b|jusqu|\bfinit\b|\bat[eé]\b|\bfino al|\bentro\b|\bdal\b|\bzum (?=\d)|截止|截至|到|ينتهي|تنتهي|حتى|لغاية"
)
"""What makes a date the end of something."""
REFERENCE = words(
    r"(?<![a-z])isin(?![a-z])|(?<![a-z])wkn(?![a-z])|\bsedol\b|\bcusip\b|promo|numero verde|المجاني|基金代码|股票代码|\bref|r[eé]f\b|riferiment|ticket|inciden|complaint|\bclaim|\bcase\b|\border\b|tracking|invoice|\berror|reclam|r[eé]clam|beschwerde|fehler|erreur|\berro\b|pedido|encomenda|commande|bestell|\bordine\b|sendung|seguimiento|\bsuivi|rastreio|spedizion|factura"
    r"|facture|rechnung|fatura|fattura|expediente|dossier|pratica|protocol|vorgang|aktenzeichen|订单|訂單|工单|投诉|参考号|单号|發票|发票|报错|错误|التذكرة|تذكرة|شكوى|الشكوى|(?<![ء-ي])(?:ال)?طلب|فاتورة|مرجع|خطأ|شحنة"
)
"""What a number is the number of, right before it, that is no person's: what a bank or a shop counts."""
BIC = words(r"\bbic\b|swift|银行代码|سويفت")
