# ruff: noqa: E501 - a line a form
"""How well personal data is found inside running text, Chinese and English, beside look-alikes; Presidio beside it.

Sentences are filled from the makers of `bench/personal.py`; sentence forms and word lists are halved: `dev` sees one half,
`report` the other and other seeds, and nothing is tuned on `report`. A span is found when one of the same kind covers at
least 80% of it and reaches no more than a fifth beyond; a span that is told where there is none of its kind is wrong.
All of it is synthetic: no claim is made for real text.

Presidio's own recognisers of numbers and patterns run when it can be imported; its recognisers of names and places need a
language model of spaCy, which has to be downloaded, and run only when one is there. It has no recogniser for Chinese
names, addresses and plates; the kinds that it knows are told apart.

    PYTHONPATH=src:. python -m bench.personal_text [--split report] [--texts 4000] [--presidio]
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import time
from collections.abc import Callable, Iterable

from bench.personal import Maker
from taihang.data.profile.semantic import spans

Gold = list[tuple[int, int, str]]
MAKERS: dict[str, tuple[str, Callable[[Maker], str]]] = {
    "id": ("id-card", lambda m: next(v for v in iter(m.id_card, "") if len(v) == 18)),
    "phone": ("phone", Maker.phone_zh), "tel": ("phone", Maker.phone_en), "card": ("bank-card", Maker.card),
    "plate": ("plate", Maker.plate), "email": ("email", Maker.email), "name": ("name", Maker.name_zh),
    "person": ("name", lambda m: f"{m.of(_FIRST)} {m.of(_LAST)}"), "address": ("address", Maker.address_zh),
    "street": ("address", Maker.address_en), "ip": ("ip", Maker.ip), "ssn": ("social-security", Maker.ssn),
    "point": ("coordinates", Maker.point),
}  # fmt: skip
from bench.personal import FIRST as _FIRST  # noqa: E402
from bench.personal import LAST as _LAST  # noqa: E402

ZH = (
    "联系人：{name}，手机 {phone}，请尽快回复。", "{name}的手机号是{phone}，身份证号{id}。", "经办人{name}（身份证{id}）已签字。",
    "请将款项汇入{name}的银行卡{card}，谢谢。", "家住{address}的{name}反映噪声扰民。", "{name}，男，住{address}，电话：{phone}。",
    "车牌{plate}的司机{name}在三号门被拦下。", "如有疑问请发邮件至{email}或致电{phone}。", "服务器{ip}于昨夜被{name}登录。",
    "收货人：{name} 地址：{address} 电话：{phone}", "值班员{name}报告：二采区瓦斯正常。", "{name}女士来电，称{plate}占用消防通道。",
    "持卡人{name}，卡号{card}，有效期三年。", "由{name}负责通风设施检查，{phone}为其联系电话。", "我叫{name}，我的邮箱是{email}。",
    "现场坐标{point}，发现人{name}。", "员工{name}于今天入职，证件号{id}。", "本人{name}同意，身份证号码：{id}，联系方式：{phone}。",
    "寄件地址{address}，请在工作日送达。", "对{name}进行了安全培训，其车{plate}已登记。", "伤者{name}已送医，家属电话{phone}。",
    "客户{name}投诉，回访{phone}未接通。", "告警来源{ip}，处理人{name}。", "巡检由{name}和{name}完成。",
)  # fmt: skip
EN = (
    "Contact {person} at {tel} or {email}.", "My name is {person} and I live at {street}.", "Employee {person}, SSN {ssn}, started today.",
    "Please charge card {card} for {person}.", "The truck was driven by {person}, phone {tel}.", "Login from {ip} by {person} was refused.",
    "Send the parcel to {person}, {street}.", "Dear {person}, your card {card} has expired.", "Supervisor: {person}, tel {tel}.",
    "Patient {person} gave the number {ssn}.", "Mail {email} about the incident at {point}.", "{person} reported smoke near shaft two.",
    "Witness: {person}, {street}, {tel}.", "The host {ip} belongs to {person}.", "Ask {person} for the keys, or write to {email}.",
    "Signed by {person}, social security {ssn}.", "Visa {card}, holder {person}.", "Customer {person} called from {tel} about a leak.",
)  # fmt: skip
ALIKE = (
    "订单号20{d2}11{d12}已发货。", "流水号{d18}，请核对。", "设备编号{d11}在三号泵房。", "工单1{d10}已关闭。", "时间戳1{d12}附近有断点。",
    "{thing}已更换，{unit}验收合格。", "{firm}提供的{thing}已到货。", "请{unit}在周五前提交计划。", "软件版本 2.{d1}.0.{d1} 已发布。",
    "{city}的煤矿今年产量稳定。", "沿{road}向前三百米右转。", "压力 12.5 MPa，温度 36.62 ℃，流量 0.{d3}。", "规程第{d2}条第3款要求佩戴自救器。",
    "运单{d15}已签收。", "序列号 SN{d12} 的传感器离线。", "会议定于2024-05-{d2}在调度中心召开。", "合格率 99.{d2}%，抽检 {d5} 件。", "{thing}和{thing}都在库里。",
    "由{unit}负责{thing}的采购。", "批号{d16}的药品已入库。", "检查人员对{thing}进行了抽查。", "高度重视安全生产，马上整改到位。",
    "Order {d18} was shipped on 2024-03-{d2}.", "Tracking {d16} shows no movement.", "Release 1.{d1}.{d2}.{d1} fixes the leak.", "Part {d2}-{d4}-{d3} is out of stock.",
    "The {word} {word} was replaced.", "New York and San Diego sent crews.", "IMEI {imei} was blocked.", "Invoice {d11} is overdue.", "See section 4.2.{d1} on page {d3}.",
    "Flow was 3.{d4} and 2.{d2} at noon.", "Washington Street is closed.", "Ticket 1{d10} is open.", "Serial {d15} failed the test.", "The Safety Valve and the Drill Gear passed.",
)  # fmt: skip
# Only `dev` sees these: what was learned from is wider than what is reported.
MORE_ZH = (
    "据{name}介绍，事故发生在夜班。",
    "{name}、{name}、{name}三人参加了演练。",
    "请转告{name}，明天不用来了。",
    "医生{name}为他做了检查。",
    "安监员{name}说设备没问题。",
    "参会人员：{name}，{name}，{name}。",
    "该车由{name}驾驶。",
    "他的妻子{name}住在{address}。",
    "{name}（工号 {d5}）的账号已停用。",
    "代理人：{name} 身份证号：{id}",
    "{name}给{name}打了电话，号码是{phone}。",
    "负责人是{name}。",
    "抄送：{name}；{name}",
    "{name} {phone}",
    "姓名 {name} 性别 男 身份证 {id}",
    "昨晚{name}值班时发现漏水。",
    "新来的{name}还没有培训。",
    "{name}同志：您好！",
    "批准人：{name}  日期：2024-03-{d2}",
    "已通知{name}到场处理。",
    "赔付给{name}，账号{card}。",
    "{name}的父亲{name}来过。",
    "班长{name}带队下井。",
    "签名：{name}",
)
MORE_EN = (
    "According to {person}, the pump failed.",
    "{person} and {person} were on shift.",
    "cc: {person}",
    "I spoke with {person} yesterday.",
    "{person}'s phone is {tel}.",
    "The operator, {person}, left early.",
    "Best regards,\n{person}",
    "Mr {person} lives at {street}.",
    "It was {person} who found it.",
    "Reported by {person} on Monday",
    "Card {card} was issued to {person}.",
    "Invoice for {person}, {street}",
)
MORE_ALIKE = (
    "高压泵由{unit}检修完毕。",
    "方案已经通过，请安排施工。",
    "{road}上的{thing}堆放过高。",
    "马上关闭阀门，并报告{unit}。",
    "时间：上午九点；地点：{city}。",
    "金属支架、{thing}和石墨垫片各十件。",
    "白班和夜班交接清楚。",
    "温度过高时应立即停机。",
    "{firm}与{unit}签订了合同。",
    "任何人不得擅自进入。",
    "包括{thing}在内的物资已到。",
    "安全第一，预防为主。",
    "程序运行正常，文件已保存。",
    "Main Street and Oak Avenue meet here.",
    "Please see Table Four and Figure Two.",
    "The {word} {word} Company delivered on Monday.",
)
TO_PRESIDIO = {
    "CREDIT_CARD": "bank-card",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
    "PHONE_NUMBER": "phone",
    "US_SSN": "social-security",
    "PERSON": "name",
    "LOCATION": "address",
}


def filled(maker: Maker, form: str) -> tuple[str, Gold]:
    """A sentence with the places of what was put in."""
    made, gold = "", []
    for piece in form.split("{"):
        field, brace, rest = piece.partition("}")
        if not brace:
            made += piece
            continue
        if field in MAKERS:
            kind, make = MAKERS[field]
            value = make(maker)
            gold.append((len(made), len(made) + len(value), kind))
        else:
            value = other(maker, field)
        made += value + rest
    return made, gold


def other(maker: Maker, field: str) -> str:
    from bench import personal

    if field[0] == "d" and field[1:].isdigit():
        return maker.digits(int(field[1:]))
    lists = {
        "thing": personal.THINGS,
        "unit": personal.UNITS,
        "firm": personal.FIRMS,
        "city": personal.CITIES,
        "road": personal.ROADS,
        "word": [w.title() for w in personal.WORDS],
    }
    return maker.imei() if field == "imei" else maker.of(lists[field])


def texts(split: str, count: int) -> list[tuple[str, Gold, str]]:
    half, seed = (0, 100) if split == "dev" else (1, 900_100)
    chance = random.Random(seed)
    forms = {"zh": ZH[half::2], "en": EN[half::2], "alike": ALIKE[half::2]}
    if split == "dev":
        forms = {
            "zh": (*forms["zh"], *MORE_ZH),
            "en": (*forms["en"], *MORE_EN),
            "alike": (*forms["alike"], *MORE_ALIKE),
        }
    made = []
    for number in range(count):
        maker = Maker(seed + number, half)
        # Longer texts join a few sentences, with look-alikes among them.
        group = chance.choice(["zh", "en"])
        parts, gold = "", []
        for _ in range(chance.choice([1, 1, 2, 3])):
            what = group if chance.random() < 0.6 else "alike"
            sentence, places = filled(maker, chance.choice(forms[what]))
            gold += [(a + len(parts), b + len(parts), kind) for a, b, kind in places]
            parts += sentence + chance.choice(
                ["" if sentence.endswith("。") else "\n", " " if sentence.endswith(("。", ".")) else "\n", "\n"]
            )
        made.append((parts, gold, group))
    return made


def count(
    every: Iterable[tuple[str, Gold, str]], find: Callable[[str, str], Gold], known: set[str] | None
) -> dict[str, object]:
    """Per kind found, missed and wrong; `known` are the kinds to be counted."""
    hits: collections.Counter[str] = collections.Counter()
    missed: collections.Counter[str] = collections.Counter()
    wrong: collections.Counter[str] = collections.Counter()
    examples: list[str] = []
    began = time.process_time()
    for text, gold, language in every:
        found = [one for one in find(text, language) if known is None or one[2] in known]
        wanted = [one for one in gold if known is None or one[2] in known]
        used = set()
        for a, b, kind in wanted:
            match = next(
                (
                    n
                    for n, (c, d, k) in enumerate(found)
                    if k == kind and min(b, d) - max(a, c) >= 0.8 * (b - a) and (d - c) <= 1.2 * (b - a) + 1
                ),
                None,
            )
            if match is None:
                missed[kind] += 1
                examples.append(f"missed {kind}: {text[a:b]!r} in {text.strip()!r}")
            else:
                used.add(match)
                hits[kind] += 1
        for n, (c, d, kind) in enumerate(found):
            if n not in used:
                wrong[kind] += 1
                examples.append(f"wrong {kind}: {text[c:d]!r} in {text.strip()!r}")
    total, lost, false = sum(hits.values()), sum(missed.values()), sum(wrong.values())
    return {
        "recall": round(total / max(1, total + lost), 4),
        "precision": round(total / max(1, total + false), 4),
        "kinds": {k: {"n": hits[k] + missed[k], "recall": round(hits[k] / max(1, hits[k] + missed[k]), 4), "precision": round(hits[k] / max(1, hits[k] + wrong[k]), 4)} for k in sorted({*hits, *missed, *wrong})},
        "cpu_s": round(time.process_time() - began, 2),
        "examples": examples,
    }  # fmt: skip


def ours(text: str, language: str) -> Gold:
    del language
    return [(s.start, s.end, s.kind) for s in spans.spans(text)]


def presidio() -> tuple[Callable[[str, str], Gold], str]:
    from presidio_analyzer import RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpArtifacts

    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    chosen = [
        r
        for r in registry.recognizers
        if "Spacy" not in type(r).__name__ and set(r.supported_entities) & set(TO_PRESIDIO)
    ]

    def find(text: str, language: str) -> Gold:
        del language
        found: list[tuple[float, int, int, str]] = []
        empty = NlpArtifacts([], None, [], [], None, "en")  # type: ignore[arg-type]
        for one in chosen:
            entities = [e for e in one.supported_entities if e in TO_PRESIDIO]
            hits = one.analyze(text, entities, empty) or []
            found += [(-hit.score, hit.start, hit.end, TO_PRESIDIO[hit.entity_type]) for hit in hits]
        kept: Gold = []
        for score, a, b, kind in sorted(found):
            if -score >= 0.35 and all(b <= c or a >= d for c, d, _ in kept):
                kept.append((a, b, kind))
        return kept

    return find, ", ".join(sorted(type(r).__name__ for r in chosen))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--split", choices=["dev", "report"], default="report")
    options.add_argument("--texts", type=int, default=4000)
    options.add_argument("--presidio", action="store_true")
    options.add_argument("--show", type=int, default=0, help="so many mistakes (for the dev split)")
    given = options.parse_args()
    every = texts(given.split, given.texts)
    result = {"split": given.split, "texts": len(every), "spans": sum(len(g) for _, g, _ in every)}
    told: dict[str, dict[str, object]] = {"taihang": count(every, ours, None)}
    for language in ("zh", "en"):
        told[f"taihang {language}"] = count([one for one in every if one[2] == language], ours, None)
    if given.presidio:
        find, names = presidio()
        result["presidio recognisers"] = names
        kinds = {"bank-card", "email", "ip", "phone", "social-security"}
        told["presidio, its kinds"] = count(every, find, kinds)
        told["presidio, its kinds, English"] = count([one for one in every if one[2] == "en"], find, kinds)
        told["presidio, all kinds"] = count(every, find, None)
        told["taihang, the same kinds"] = count(every, ours, kinds)
    for name, one in told.items():
        examples = one.pop("examples")
        if given.show and name == "taihang":
            print(*examples[: given.show], sep="\n")  # type: ignore[index]
    print(json.dumps({**result, **told}, indent=1))


if __name__ == "__main__":
    main()
