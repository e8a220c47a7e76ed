"""Examples: texts written for this purpose, and the corruptions that metrics are about, each with a strength."""

from __future__ import annotations

import random

CHINESE = (
    "井下作业人员必须佩戴自救器。自救器应当在入井前检查，检查内容包括外观、压力和有效期。检查不合格的自救器不得带入井下。"
    "发生灾变时，作业人员应当立即打开自救器，并沿避灾路线撤离。"
)
OTHER = "通风队每班检查风筒的接口，接口漏风时应当及时修补。风量不足的作业地点应当停止作业，人员撤到有新鲜风流的地方。"
_SUBJECTS = (
    "通风队",
    "机电队",
    "运输队",
    "安全科",
    "调度室",
    "值班人员",
    "作业人员",
    "瓦斯检查员",
    "班组长",
    "检修人员",
)
_TIMES = ("每班", "每天", "入井前", "交接班时", "检修之前", "发现异常后", "作业地点风量不足时", "雨季来临之前")
_ACTS = (
    "应当检查风筒的接口", "应当记录设备的运行参数", "应当确认警戒已经设置", "应当把结果报告调度室",
    "应当停止作业并撤离人员", "应当核对瓦斯的浓度",
    "应当修补漏风的地方", "应当检查自救器的压力", "应当沿避灾路线撤到安全地点",
    "应当切断工作面的电源",
)  # fmt: skip
_ENDS = (
    "，并在记录本上签字。",
    "，不合格的不得使用。",
    "，确认安全后方可继续。",
    "，隐患未消除不得复工。",
    "，及时向上级汇报。",
)


def _corpus(sentences: int = 200) -> tuple[str, ...]:
    chance = random.Random(7)  # noqa: S311 - no secret
    parts = (_TIMES, _SUBJECTS, _ACTS, _ENDS) * 2
    return tuple("".join(chance.choice(part) for part in parts) for _ in range(sentences))


CORPUS = _corpus()


def repeated(text: str, times: int) -> str:
    """The text over and over."""
    return text * times


def partly_repeated(text: str, share: float) -> str:
    """The text, then this share of its beginning again."""
    return text + text[: round(len(text) * share)]


def shuffled(text: str, share: float, seed: int = 3) -> str:
    """This share of the letters exchanged for letters drawn from all that there are."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    order = list(range(len(text)))
    chance.shuffle(order)
    made = list(text)
    for place in order[: round(len(text) * share)]:
        made[place] = chr(chance.randrange(0x4E00, 0x9FA0))
    return "".join(made)


def soiled(text: str, share: float) -> str:
    """So much markup for each letter put between the letters."""
    tag = "<br/>"
    count = round(len(text) * share / len(tag)) + (share > 0)
    step = max(1, len(text) // (count + 1))
    made = list(text)
    for number in range(count):
        made.insert(min(len(made), (number + 1) * step + number), tag)
    return "".join(made)
