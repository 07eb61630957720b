"""Credentials: what opens an account (CVV, PIN, one-time code, password), named as such in eight languages; and dates that say who one is."""

from __future__ import annotations

import re

from compliance.redaction import context
from compliance.redaction.nearby import NUMBER
from compliance.redaction.rule import Rule

_BE = r"(?:is|was|=|:|：|es|era|est|ist|war|lautet|é|era|è|是|为|為|هو|هي|كان|كانت)"
_MY = r"(?:my|the|mi|mon|ma|mein|meine|il mio|la mia|o meu|a minha|我的|الخاص بي)"
_NUMBER = r"(?:number|code|n[uú]mero|num[eé]ro|nummer|c[oó]digo|code|codice|编号|号码|الخاص|بي|لي)"
_LINK = rf"(?:\s*{_NUMBER})?(?:\s*\((?:[^()]{{0,20}})\))?(?:\s*(?:of|for|de|del|da|do|della|der|für|pour)\s+[\w' ]{{1,24}}?)?(?:\s*{_BE}){{0,2}}(?:\s+(?:el|la|le|il|o|a|die|der|das|the))?\s*[#\"'“«]?"
_SPACED = r"\d(?:[ \-]?\d)"
_END = r"(?![\d]|[.,]\d|[ \u00a0]?(?:€|\$|£|%|EUR|times|veces|fois|Mal|vezes|volte|次|مرات|digits?|d[ií]gitos|chiffres|Ziffern|cifre|位|أرقام))"

_PIN = (
    r"(?:(?<![A-Za-z0-9])pin(?![A-Za-z0-9])(?:[ -]?(?:code|number|nummer)|码|碼)?|البن\b|c[oó]digo pin|\bclave\b(?! de acceso)|n[uú]mero secreto|c[oó]digo secreto|code secret|code confidentiel|geheimzahl|geheimnummer"
    r"|\bsenha(?: de (?:4|6|quatro|seis) d[ií]gitos)?|codice segreto|codice pin|\bpincode\b|密码|密碼|كود الكارت|رمز البطاقة|باسورد البطاقة|الرقم السري|رقمي السري|رمز سري|رقم سري|الرمز السري|رمزي السري)"
)
_THRICE = r"(?:three times|3 times|tres veces|3 veces|trois fois|3 fois|drei ?mal|3 ?mal|tre volte|3 volte|três vezes|3 vezes|三次|3次|ثلاث مرات|٣ مرات)"
_OTP = (
    r"(?:\botp\b|one.?time (?:pass)?(?:code|word)?|(?:sms|text|verification|confirmation|security|authentication|login) ?.?code|code (?:sms|de v[ée]rification|re[çc]u|[àa] usage unique|de confirmation)"
    r"|c[oó]digo (?:sms|por sms|de (?:verificaci[oó]n|verifica[çc][ãa]o|un solo uso|confirmaci[oó]n|confirma[çc][ãa]o|autenticaci[oó]n))|\b(?:push|sms|chip|photo|i|m)?-?tan\b|best[äa]tigungscode|sms-?code|freigabecode|einmalcode"
    r"|c[oó]digo de firma|clave (?:de firma|temporal|sms)|(?:four|six|eight) digits?|seis (?:n[uú]meros|d[ií]gitos|cifras)|six chiffres|sechs (?:Ziffern|Zahlen)|sei (?:cifre|numeri)|\btoken\b|\bsms (?:diz|says|dit|sagt|dice)|(?:dice|diz|dit|says) (?:el|o|le|the) sms|codice (?:via sms|per sms|sms|otp|di (?:verifica|conferma|sicurezza)|monouso)|短信里的码|动态码|動態碼|验证码|驗證碼|动态密码|動態密碼|短信码|رمز التحقق|رمز التأكيد|رمز الرسالة|كود التحقق|رمز التفعيل|sent me (?:the code|a code)|me (?:ha llegado|enviaron|mandaron) el c[oó]digo)"
)
_CVV = (
    r"(?:(?<![A-Za-z0-9])(?:cvv2?|cvc2?|csc|cid)(?![A-Za-z0-9])|card security code|security (?:code|number) (?:on|of) (?:the|my) (?:back|card)|c[oó]digo de seguridad|c[oó]digo de seguran[çc]a|pr[uü]f(?:ziffer|nummer)|kartenpr[üu]fnummer"
    r"|cryptogramme|code de s[ée]curit[ée]|codice di sicurezza|(?:last )?three (?:digits|numbers) (?:on|at) the back|(?:tres|três|tre|trois|drei) (?:n[uú]meros|d[ií]gitos|cifre|numeri|chiffres|Ziffern|Zahlen) (?:de(?:l| la)? )?(?:atr[aá]s|detr[aá]s|verso|au (?:dos|verso)|dietro|sul retro|hinten|auf der R[üu]ckseite)|后面三位|背面(?:的)?三位|后三位|後三碼|安全码|安全碼|رمز الأمان|رمز الحماية|(?:الرمز|الرقم|الأرقام|ارقام|أرقام) (?:اللي |التي |الذي )?(?:ورا|وراء|خلف|على ظهر|بظهر)(?: الكارت| البطاقة| الفيزا)?)"
)
_PASSWORD = (
    r"(?:pass ?word|passwd|\bpwd\b|passphrase|pass ?code|passwort|kennwort|zugangscode|contrase[ñn]a|clave de acceso|mot de passe|\bmdp\b|palavra.passe|\bsenha\b|parola d.ordine|parola chiave"
    r"|登录密码|登入密碼|密码|密碼|口令|كلمة (?:السر|المرور|مرور)|الباسورد|باسوورد)"
)

_MONTH = r"[^\W\d_]{3,12}\.?"
_YEAR = r"(?:19|20)\d{2}"
_DATE = (
    rf"(?:1[34]\d\d[/\-]\d{{1,2}}[/\-]\d{{1,2}}(?:\s?(?:هـ|ه))?|\d{{1,2}}\s?[./\-]\s?\d{{1,2}}\s?[./\-]\s?(?:{_YEAR}|\d{{2}})|\d{{1,2}} \d{{1,2}} {_YEAR}|{_YEAR}\s?[./\-]\s?\d{{1,2}}\s?[./\-]\s?\d{{1,2}}|[一二〇零九八七六五四三○]{{4}}年[一二三四五六七八九十]{{1,2}}月[一二三四五六七八九十]{{1,3}}[日号]|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|(?:{_YEAR}|民[国國]\s?\d{{1,3}}|[一二〇零九八○]{{4}})\s?年\s?\d{{1,2}}\s?月\s?\d{{1,2}}\s?[日号]"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.|º|°)?(?: of| de)? {_MONTH},?(?: de| del| of)? {_YEAR}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? {_YEAR})"
)

_NO_EVENT = r"(?i:(?<=\bsoy del )|(?<=\bsuis du )|(?<=\bsono del )|(?<=\bsou de )|(?<!\b[aà] )(?<!\b(?:am|ab|on|du|em|de|al) )(?<!\b(?:vom|bis|zum|del|dal|den|dem|the) )(?<!\b(?:seit|dell|from) )(?<!\b(?:since|desde|hasta|until) )(?<!يوم ))"
"""No preposition stands before a date that says who one is by itself, but after "I am": with another it is the day of something."""

RULES: tuple[Rule, ...] = (
    Rule("cvv", "CVV", re.compile(rf"{_CVV}{_LINK}\s*(\d[ ]?\d[ ]?\d(?:[ ]?\d)?){_END}", re.I), 0.95, digits=3),
    Rule("cvv.before", "CVV", re.compile(rf"(?<![\d.,])(\d{{3,4}})\s*(?:,\s*)?{_BE}\s*{_MY}?\s*(?:card\s*)?{_CVV}", re.I), 0.94, digits=3),
    Rule("cvv.behind", "CVV", re.compile(rf"(?:code|c[oó]digo|codice|zahl|nummer|n[uú]mero|number|digits|cvv|cvc)[^\d\n.]{{0,14}}(?:derri[eè]re|au dos|devant|davanti|da frente|delante|on the front|vorne|hinten|dietro|sul retro|atr[aá]s|detr[aá]s|behind|on the back)[^\d\n.]{{0,8}}(\d{{3,4}}){_END}", re.I), 0.85, digits=3),
    Rule("cvv.after_card", "CVV", re.compile(r"\d{4}[ \-]?\d{4,6}[ \-]?\d{4,5}(?:[ \-]?\d{1,4})?[^\d\n]{1,24}(?:0[1-9]|1[0-2])[ /\-]?(?:20)?\d{2}[^\d\n]{1,16}(\d{3,4})(?!\d)"), 0.8, digits=12),
    Rule("otp", "OTP", re.compile(rf"{_OTP}{_LINK}\s*((?:[A-Z]{{1,2}}-)?{_SPACED}{{3,7}}){_END}", re.I), 0.94, digits=4),
    Rule("otp.after", "OTP", re.compile(rf"{_OTP}[^\d\n]{{0,24}}?(?<![\d.,/:+\-])({_SPACED}{{3,7}}){_END}", re.I), 0.85, digits=4),
    Rule("otp.code", "OTP", re.compile(rf"(?:\bcode|c[oó]digo|codice|رمز|الكود|كود|(?<!基金)(?<!股票)(?<!证券)(?<!银行)代码)(?! postal| post)[^\d\n.]{{0,26}}(?<![\d.,/:+\-])(\d{{6}}|\d{{3}}[ \-]\d{{3}}){_END}", re.I), 0.7, digits=6),
    Rule("otp.code_before", "OTP", re.compile(rf"(?<![\d.,/:+\-])(\d{{3}}[ \-]?\d{{3}})\s*,?\s*{_BE}\s*(?:the|der|el|le|il|o)?\s*(?:code|c[oó]digo|codice)\b", re.I), 0.7, digits=6),
    Rule("pin.card_code", "PIN", re.compile(rf"(?:c[oó]digo d[eao]l? ?(?:la |mi |meu )?(?:cart[aã]o|tarjeta)|code de (?:la|ma) carte|kartencode|codice della (?:mia )?carta|card code)[^\d\n.]{{0,10}}(\d{{4}}){_END}", re.I), 0.75, digits=4),
    Rule("otp.by_sms", "OTP", re.compile(rf"(?<![\d.,/:+\-])({_SPACED}{{3,7}})[^\d\n.]{{0,20}}(?:\bsms\b|\bc.est le code|code re[çc]u|短信|رسالة)", re.I), 0.8, digits=4),
    Rule("otp.before", "OTP", re.compile(rf"(?<![\d.,])(\d{{4,8}})\s*(?:,\s*)?{_BE}\s*{_MY}?\s*{_OTP}", re.I), 0.93, digits=4),
    Rule("pin", "PIN", re.compile(rf"{_PIN}{_LINK}\s*({_SPACED}{{3,5}}){_END}", re.I), 0.94, digits=4),
    Rule("pin.after", "PIN", re.compile(rf"{_PIN}[^\d\n.?!]{{0,18}}?(?<![\d.,/:\-])(?!20[2-4]\d\b)(\d{{4}}|\d{{6}}){_END}", re.I), 0.8, digits=4),
    Rule("pin.tried", "PIN", re.compile(rf"(?<![\d.,/:+\-])({_SPACED}{{3}}(?![\d.,]))[^\d\n.]{{0,14}}{_THRICE}|{_THRICE}[^\d\n.]{{0,10}}(?<![\d.,/:+\-])({_SPACED}{{3}}){_END}", re.I), 0.75, digits=4),
    Rule("pin.before", "PIN", re.compile(rf"(?<![\d.,])(\d{{4,6}})\s*(?:,\s*)?(?:{_BE}|come|como|comme|als|as)\s*{_MY}?\s*{_PIN}", re.I), 0.93, digits=4),
    Rule("password", "PASSWORD", re.compile(rf"{_PASSWORD}(?:\s+[^\W\d_]{{2,10}}){{0,3}}?(?:\s+(?:is|was|es|era|est|ist|war|lautet|é|è)\s+|\s*(?:是|为|為|هي|هو)\s*|\s*[:=：]\s*)[\"'“«]?((?=[^\s,;，。؛\"'”»]*[\d@#$%&*_+^~]|[^\s,;，。؛\"'”»]*[!?][^\s,;，。؛\"'”»!?])[^\s,;，。؛\"'”»\u4e00-\u9fff]{{4,64}})", re.I), 0.85, digits=0),
    Rule("password.mixed", "PASSWORD", re.compile(rf"(?:{_PASSWORD}|\bclave\b)\s*[\"'“«]?((?=[!-~]*\d)(?=[!-~]*[A-Za-z])[!-~]{{6,64}}?)(?=[\s,;，。؛\"”»]|[^\x00-\x7f]|$)", re.I), 0.8),
    Rule("password.colon", "PASSWORD", re.compile(rf"(?:{_PASSWORD}|\bpass\b)(?:\s[^\W\d_]{{2,10}})?\s*[:=：]\s*[\"'“«]?([^\s,;，。؛\"'”»]{{4,64}})", re.I), 0.8, digits=0),
    Rule("birth_date", "BIRTH_DATE", re.compile(rf"(?<!\d)({_DATE})(?!\d)", re.I), 0.85, None, context.BIRTH, digits=0, unless=context.DEADLINE),
    Rule("birth_date.alone", "BIRTH_DATE", re.compile(rf"{_NO_EVENT}(?<![\d./\-])(\d{{1,2}}([./\-])\d{{1,2}}\2(?:19[3-9]\d|200\d)|(?:19[3-9]\d|200\d)-\d{{2}}-\d{{2}})(?![\d/\-]|[ T]\d{{2}}:\d{{2}}:\d{{2}})"), 0.5, digits=6, unless=context.CONTRACT),
    Rule("expiry.month", "EXPIRY", re.compile(rf"(?<!\w)({_MONTH}(?: de| del)? 20[2-4]\d)(?!\d)", re.I), 0.5, None, context.CARD_NUMBER, digits=12),
    Rule("expiry.short", "EXPIRY", re.compile(r"\b(?:exp|expiry|cad|caduca|scad|ablauf|val|g[üu]ltig bis|valable jusqu.[aà]?u?|valid until|v[aá]lida? (?:hasta|at[eé])|valida fino al?)[.: ]{1,2}((?:0[1-9]|1[0-2])(?:2[4-9]|3\d))(?!\d)", re.I), 0.7, digits=4),
    Rule("expiry.card", "EXPIRY", re.compile(r"(?<![\d/.,])((?:0[1-9]|1[0-2])[/\- ](?:20)?(?:2[4-9]|3\d))(?![\d/\-])"), 0.55, None, context.CARD_NUMBER, digits=12, begins=NUMBER),
    Rule("expiry", "EXPIRY", re.compile(r"(?<![\d/])((?:0?[1-9]|1[0-2])(?:\s?[/\-]\s?|\s)(?:20)?[2-4]\d|20[2-4]\d\s?年\s?(?:0?[1-9]|1[0-2])\s?月)(?![\d/])"), 0.6, None, context.EXPIRY, digits=3, begins=NUMBER, about=context.CARD_TOLD),
)  # fmt: skip
"""Patterns are tried over the whole text, so what they look for is anchored by words and bounded in length."""
