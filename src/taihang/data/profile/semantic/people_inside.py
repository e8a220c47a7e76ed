"""People inside: names and addresses in running text, weighed by what stands beside them."""

# ruff: noqa: E501 - a pattern is read as one line
from __future__ import annotations

import re
from collections.abc import Iterator

from taihang.data.profile.semantic import people

_HAN = "㐀-鿿"
# Characters that hardly stand in the name of a place, and often before one.
_PLACE = r"[^\W\dA-Za-z住在到于址是为从至往寄送和与的了往向邮发由给赴距离]"
_CHINESE_ADDRESS = re.compile(
    rf"(?:{_PLACE}{{2,7}}?(?:省|自治区|特别行政区))?(?:{_PLACE}{{2,7}}?(?:市|自治州|地区|盟))?"
    rf"(?:{_PLACE}{{1,6}}?(?:区|县|旗|市))?(?:{_PLACE}{{1,6}}?(?:镇|乡|街道))?"
    rf"{_PLACE}{{1,8}}?(?:路|街|大道|道|巷|弄|胡同|村|小区|花园|苑|园|庄|里)(?:[东南西北中]?[段巷里])?"
    r"\d{1,5}(?:-\d{1,4})?(?:号|弄|栋|幢|组|室)(?:院)?(?:[ ]?\d{1,4}(?:号楼|栋|幢|座|单元|层|楼|室|号|门)|[A-Za-z甲乙丙丁]座)*"
)
# What an address cannot be without, and quickly found.
_HOUSE = re.compile(r"(?:[路街道巷弄村区园苑庄里段同东南西北中])\d{1,5}(?:-\d{1,4})?[号弄栋幢组室]")
_REACH = 48
_AREA = re.compile(r"省|自治区|市|区|县|旗|镇|乡|街道|盟|州")
_ENGLISH_ADDRESS = re.compile(
    r"(?<![\w.-])\d{1,6}[A-Za-z]? (?:[NSEW]\.? )?(?:[A-Z][\w'’.-]* ){1,4}?"
    r"(?:St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Ln|Lane|Dr|Drive|Ct|Court|Way|Pl|Place|Sq|Square|Ter|Terrace|Pkwy|Parkway|Cir|Circle|Hwy|Highway|Close|Crescent)\b\.?"
    r"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Floor|#)\.? ?\w{1,6})?(?:, [A-Z][a-z]+(?: [A-Z][a-z]+)*)?(?:, [A-Z]{2} \d{5}(?:-\d{4})?)?"
)
_GIVEN = frozenset(people.lexicon("given_han"))
_THINGS = frozenset(people.lexicon("phrases"))
_FAMILY = people.lexicon("family")
_SURNAME = rf"(?:{'|'.join(people.COMPOUND)}|[{''.join(sorted(people.SURNAMES | people.lexicon('surnames_more')))}])"
# Family names that are everyday words as well.
_EVERYDAY = frozenset("时来包管方单高白黄金石任成强易常关文于何安路程解查计边项位施连明荣温车全景向习都")
# After a label, what stands alone is a name though its family name is rare.
_LABELLED = re.compile(
    rf"(?:姓名|联系人|负责人|经办人|户主|申请人|收件人|收货人|寄件人|当事人|责任人|报告人|记录人|审核人|值班人|检查人|处理人|持卡人)[:：为]\s?(?P<name>[{_HAN}]{{2,3}}|[{_HAN}]{{1,5}}·[{_HAN}]{{1,8}})(?=[\s，,。；;、（(|]|$)"
)
_CHINESE_NAME = re.compile(rf"(?={_SURNAME}(?P<given>[{_HAN}]{{1,2}}))")
_STRONG_BEFORE = re.compile(
    r"(?:姓名|名字|联系人|负责人|经办人|户主|申请人|收件人|收货人|寄件人|当事人|责任人|报告人|记录人|审核人|值班人|检查人|签发人|证明人|担保人|被保险人|法定代表人|法人|患者|伤者|死者|持卡人"
    r"|我叫|名叫|叫做|我是|本人)(?:一栏)?(?:[:： ]{0,2}|为|是|叫)$"
)
_WEAK_BEFORE = re.compile(
    r"(?:的|人|员|据|告|是|有|该|位|长|夫|妻子|丈夫|父亲|母亲|儿子|女儿|哥哥|弟弟|姐姐|妹妹|[昨今明]晚|[昨今明前]天|由|请|找|叫|派|与|和|跟|同|让|向|给|致|及|对|被|将|经|询问|通知|联系|员工|职工|工人|矿工|司机|驾驶员|安全员|瓦检员|班长|队长|组长|矿长|科长|处长|经理|主任|同事|客户|用户|学生|老师|医生|师傅"
    r"|工程师|值班员|调度员|操作工|电工|焊工|同志|[、，,：:；;。！？\s“（(]|^)$"
)
_STRONG_AFTER = re.compile(
    r"(?:先生|女士|小姐|同志|师傅|老师|同学|经理|主任|队长|班长|组长|矿长|科长|处长|总工|工程师|医生|大夫|教授|院长|书记"
    r"|[（(，,](?:男|女|\d{1,2}岁|工号|身份证|手机|电话|联系电话|系)|的(?:手机|电话|身份证|银行卡|卡号|住址|家庭|邮箱|账号|座机|护照|车牌|地址|家住)|[:： ]{0,2}1[3-9]\d{9}|，?(?:手机|电话|身份证|邮箱|住址)(?:号|号码)?[:：是为]?)"
)
_WEAK_AFTER = re.compile(
    r"(?:介绍|为|没|带队|带领|值班|打|来|还|等|先后|分别|主动|曾|又|则|便|即|给|被|把|的|得知|认为|要求|指出|透露|回忆|一起|一同|共同|两人|三人|说|表示|反映|称|报告|来电|签字|签名|负责|确认|反馈|提出|提交|入职|离职|请假|参加|完成|到场|进行|发现|受伤|办理|申请|住|出生|使用|登录|驾驶|操作|值班|已|于|将|在|是|因|从|和|与|及|也|都|的|今|昨|未|[、，,。；;！？!?）)”\s]|$)"
)
_PLACE_AFTER = re.compile(
    r"[庄村镇县市区路街矿厂店站山河江湖桥沟集州省氏]|公司|集团|煤矿|医院|学校|银行|证券|软件|股份|地产|大学|中学"
)
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? $")
_CUE = re.compile(
    r"(?i:\b(?:name|named|called|contact|dear|employee|patient|customer|driver|worker|operator|supervisor|engineer|manager|inspector|foreman|signed|signature|attn|witness|resident|user|client|applicant|holder"
    r"|from|by|with|told|met|to|for|and|ask|call|email|tell|notify|cc|bcc|was|is|regards|sincerely|according to|operator|nurse|doctor|clerk)\b(?: (?:is|was|by))?[:, \n]{1,2}$)|(?:^|[.!?:;,(。；，：\n]\s?)$"
)
_STRONG_CUE = re.compile(
    r"(?i:\b(?:name(?: is)?|named|my name is|i am|i'm|contact|dear|employee|patient|customer|driver|worker|operator|supervisor|foreman|inspector|signed by|attn|witness|applicant|card ?holder)[:, ]{1,2}$)"
)
_LATIN_NAME = re.compile(
    r"(?<![\w@.'’-])(?:[A-ZÀ-Þ][a-zà-ÿ’'-]{1,20}(?: [A-Z]\.)?(?: [A-ZÀ-Þ][A-Za-zà-ÿ’'-]{1,20}){1,2}"
    r"|[A-ZÀ-Þ][A-Za-zà-ÿ’'-]{1,20}, [A-ZÀ-Þ][a-zà-ÿ’'-]{1,20}(?: [A-Z]\.)?)(?![\w@])"
)
_NO_NAME = people.lexicon("no_names")


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Places of postal addresses: an area and a street with a number."""
    end = 0
    for house in _HOUSE.finditer(text):
        if house.start() < end:
            continue
        found = _CHINESE_ADDRESS.search(text, max(end, house.start() - _REACH), house.end() + _REACH)
        if found is not None and _AREA.search(found.group()):
            end = found.end()
            yield found.span()
    for one in _ENGLISH_ADDRESS.finditer(text):
        yield one.start(), one.end()


def names(text: str) -> Iterator[tuple[int, int]]:
    """Places of people's names: the words themselves weigh, and so does what stands before and after."""
    end = 0
    for one in _LABELLED.finditer(text):
        if one["name"] not in _THINGS and one["name"][:2] not in _THINGS and one["name"][-1] not in people.THINGS:
            yield one.span("name")
    for one in _CHINESE_NAME.finditer(text):
        if one.start() >= end and (stop := _chinese_end(text, one)):
            end = stop
            yield one.start(), stop
    for one in _LATIN_NAME.finditer(text):
        found = _latin(text, one)
        if found is not None:
            yield found


def _chinese_end(text: str, one: re.Match[str]) -> int | None:
    start = one.start()
    first = start + (2 if text[start : start + 2] in people.COMPOUND else 1)
    before = text[max(0, start - 8) : start]
    weight = 2 if _STRONG_BEFORE.search(before) else 1 if _WEAK_BEFORE.search(before) else 0
    best: tuple[int, int] | None = None
    for size in (2, 1):
        stop = first + size
        given = text[first:stop]
        if len(given) < size or not all("㐀" <= c <= "鿿" for c in given):
            continue
        after = text[stop : stop + 8]
        score = weight + (2 if _STRONG_AFTER.match(after) else 1 if _WEAK_AFTER.match(after) else 0)
        # Two usual characters in a row are rarer by chance than one.
        score += len(given) if all(c in _GIVEN for c in given) else -1
        if text[start] in _EVERYDAY and size == 2:
            score -= 1
        if (
            given in _THINGS
            or text[start:stop] in _THINGS
            or text[start : start + 2] in _THINGS
            or text[first - 1 : stop] in _THINGS
        ):
            score -= 3
        if given[-1] in people.THINGS or _PLACE_AFTER.match(after):
            score -= 3
        if weight == 0 and score < 3:
            continue
        if score >= 3 and (best is None or score > best[0]):
            best = score, stop
    return best[1] if best else None


def _latin(text: str, one: re.Match[str]) -> tuple[int, int] | None:
    start, end = one.span()
    if text[start:end].endswith(("'s", "’s")):
        end -= 2
    parts = re.split(r",? ", text[start:end])
    # A sentence's first word may have been taken for the first of a name.
    while len(parts) > 2 and (parts[0].casefold() in _NO_NAME or (not _given(parts[0]) and _given(parts[1]))):
        start += len(parts[0]) + 1
        parts = parts[1:]
    before = text[max(0, start - 24) : start]
    plain = [part.strip(".,").casefold() for part in parts]
    if any(part in _NO_NAME for part in plain) or len(parts) < 2:
        return None
    strong = _TITLE.search(before) or _STRONG_CUE.search(before)
    weak = _CUE.search(before) and any(part in _FAMILY for part in plain)
    return (start, end) if strong or weak or people.given_name(" ".join(parts)) else None


def _given(word: str) -> bool:
    return people.given_name(word.strip(".,"))
