# ruff: noqa: E501 - a line a list or a form
"""How well columns of personal data are told from columns that only look alike, in Chinese and English.

Columns of 300 values are generated with blanks, placeholders, typing errors and mixed forms, under
names that say nothing (c1, c2 …) or, with --named, under usual ones. A column is found when the
profile takes it for the right kind of personal data. Values count when their column is found and
they pass its check. All of it is synthetic. The word lists are halved: `dev` sees one half, `report`
the other and other seeds; nothing is tuned on `report`.

    python bench/personal.py [--split report] [--columns 40] [--named]
"""

from __future__ import annotations

import argparse
import collections
import random
import string
from collections.abc import Callable

import pyarrow as pa

from taihang.data.profile import meanings, profile
from taihang.data.profile.semantic import kinds

ROWS = 300
SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许邓韩冯曹彭曾萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟姜谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严赖覃洪武莫孔游涂娄禤佘闾"
GIVEN = "子轩浩宇梓涵欣怡雨桐思远建国志强秀英桂兰淑珍俊杰佳琪晓东文博雅婷海燕春梅玉龙国庆小红永康诗涵嘉豪若曦明哲家辉婉清瑞霖"
FIRST = [
    "James",
    "Mary",
    "Robert",
    "Patricia",
    "John",
    "Jennifer",
    "Michael",
    "Linda",
    "David",
    "Elizabeth",
    "William",
    "Barbara",
    "Richard",
    "Susan",
    "Joseph",
    "Jessica",
    "Beatrix",
    "Thaddeus",
    "Imogen",
    "Siobhan",
    "Ravi",
    "Priya",
    "Kofi",
    "Amara",
    "Lars",
    "Freya",
    "Niamh",
    "Tariq",
    "Leila",
    "Mateo",
    "Ximena",
    "Bogdan",
    "Zofia",
    "Anders",
    "Thomas",
    "Karen",
    "Charles",
    "Sarah",
    "Daniel",
    "Lisa",
    "Matthew",
    "Nancy",
    "Anthony",
    "Sandra",
    "Mark",
    "Ashley",
    "Steven",
    "Emily",
    "Paul",
    "Donna",
    "Andrew",
    "Michelle",
]
LAST = [
    "Smith",
    "Johnson",
    "Williams",
    "Brown",
    "Jones",
    "Garcia",
    "Miller",
    "Davis",
    "Rodriguez",
    "Martinez",
    "Hernandez",
    "Lopez",
    "Gonzalez",
    "Wilson",
    "Anderson",
    "O'Brien",
    "McDonald",
    "Nguyen",
    "Patel",
    "Kowalski",
    "Ivanov",
    "Schmidt",
    "Fischer",
    "Rossi",
    "Tanaka",
    "Okafor",
    "Haddad",
    "Lindqvist",
    "Papadopoulos",
    "Novak",
]
CITIES = [
    "北京市",
    "上海市",
    "广州市",
    "深圳市",
    "成都市",
    "武汉市",
    "西安市",
    "杭州市",
    "南京市",
    "太原市",
    "大同市",
    "鄂尔多斯市",
    "石家庄市",
    "马鞍山市",
    "黄山市",
]
DISTRICTS = [
    "朝阳区",
    "浦东新区",
    "天河区",
    "南山区",
    "武侯区",
    "江夏区",
    "雁塔区",
    "西湖区",
    "鼓楼区",
    "小店区",
    "云冈区",
    "东胜区",
    "长安区",
    "雨山区",
    "屯溪区",
]
ROADS = [
    "建国路",
    "世纪大道",
    "中山大道",
    "深南大道",
    "人民南路",
    "解放街",
    "长安街",
    "文一西路",
    "中央路",
    "迎泽大街",
    "矿区北巷",
    "五一胡同",
]
STREETS = [
    "Main",
    "Oak",
    "Maple",
    "Washington",
    "Park",
    "Lake",
    "Hill",
    "Cedar",
    "Elm",
    "Pine",
    "Church",
    "Mill",
    "River",
    "Spring",
    "Highland",
]
WAYS = ["Street", "St.", "Avenue", "Ave", "Road", "Rd", "Drive", "Lane", "Blvd", "Court"]
WORDS = [
    "blue",
    "steel",
    "left",
    "copper",
    "heavy",
    "small",
    "safety",
    "upper",
    "mine",
    "pump",
    "valve",
    "gear",
    "filter",
    "cable",
    "sensor",
    "hose",
    "bolt",
    "belt",
    "lamp",
    "drill",
]
THINGS = [
    "安全帽",
    "反光背心",
    "自救器",
    "黄铜阀门",
    "石墨垫片",
    "马达",
    "高压软管",
    "白炽灯",
    "金属支架",
    "李子",
    "黄瓜",
    "马铃薯",
    "石榴",
    "白菜",
    "胡萝卜",
    "花生",
    "江米",
    "龙井茶",
    "钱包",
    "毛巾",
]
UNITS = [
    "财务部",
    "安全科",
    "通风队",
    "机电队",
    "综采一队",
    "党委办公室",
    "人力资源部",
    "调度中心",
    "运输区",
    "王庄煤矿",
    "李村矿",
    "常村矿",
]
FIRMS = [
    "北京华信科技有限公司",
    "山西晋能集团",
    "上海宝冶建设有限公司",
    "陈氏贸易行",
    "马钢股份",
    "高德软件",
    "何氏眼科医院",
    "方正证券",
]
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


class Maker:
    """Makes values; every split has its half of each list."""

    def __init__(self, seed: int, half: int) -> None:
        self.chance = random.Random(seed)
        self.half = half

    def of(self, words: str | list[str]) -> str:
        return self.chance.choice(list(words)[self.half :: 2])

    def digits(self, count: int) -> str:
        return "".join(self.chance.choices(string.digits, k=count))

    def day(self) -> tuple[int, int, int]:
        return self.chance.randint(1945, 2012), self.chance.randint(1, 12), self.chance.randint(1, 28)

    def id_card(self) -> str:
        year, month, day = self.day()
        area = self.chance.choice(
            ["110105", "310115", "440305", "510107", "140107", "140203", "610113", "330106", "652901"]
        )
        if self.chance.random() < 0.02:
            return f"{area}{max(year, 1930) % 100:02d}{month:02d}{day:02d}{self.digits(3)}"
        body = f"{area}{year}{month:02d}{day:02d}{self.digits(3)}"
        total = sum(int(c) * (2 ** (17 - i) % 11) for i, c in enumerate(body))
        last = "10X98765432"[total % 11]
        return body + (last.lower() if self.chance.random() < 0.1 else last)

    def phone_zh(self) -> str:
        front = self.chance.choice(
            [
                "130",
                "131",
                "135",
                "136",
                "138",
                "139",
                "150",
                "151",
                "158",
                "159",
                "166",
                "176",
                "177",
                "178",
                "180",
                "186",
                "187",
                "188",
                "189",
                "191",
                "198",
                "199",
            ]
        )
        number = front + self.digits(8)
        form = self.chance.random()
        if form < 0.05:
            return f"+86 {number}"
        return f"{number[:3]}-{number[3:7]}-{number[7:]}" if form < 0.1 else number

    def phone_en(self) -> str:
        a, b, c = f"{self.chance.randint(201, 989)}", f"{self.chance.randint(200, 999)}", self.digits(4)
        return self.chance.choice(
            [f"({a}) {b}-{c}", f"{a}-{b}-{c}", f"+1 {a} {b} {c}", f"+44 20 7{self.digits(3)} {self.digits(4)}"]
        )

    def card(self) -> str:
        front = self.chance.choice(["6222", "6217", "6225", "4392", "5187", "4111", "3568", "6230"])
        size = {"3": 16, "4": 16, "5": 16}.get(front[0], self.chance.choice([16, 19]))
        body = front + self.digits(size - 5)
        total = sum(sum(divmod(int(c) * (2 if i % 2 == 0 else 1), 10)) for i, c in enumerate(reversed(body)))
        number = body + str(-total % 10)
        return " ".join(number[i : i + 4] for i in range(0, size, 4)) if self.chance.random() < 0.2 else number

    def plate(self) -> str:
        head = self.chance.choice(PROVINCES) + self.chance.choice("ABCDEFGH") + self.chance.choice(["", "", "·"])
        form = self.chance.random()
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
        if form < 0.25:
            return f"{head}{self.chance.choice('DF')}{self.chance.choice(letters)}{self.digits(4)}"
        return head + "".join(self.chance.choices(letters, weights=[1] * 24 + [4] * 10, k=5))

    def email(self) -> str:
        user = self.chance.choice([self.of(FIRST).lower(), self.of(WORDS) + self.digits(3), self.digits(9)])
        domain = self.chance.choice(["qq.com", "163.com", "example.org", "mail.corp.cn", "uni-mainz.de", "coal.com.cn"])
        return f"{user}{self.chance.choice(['', '.', '_'])}{self.of(LAST).lower().replace(chr(39), '')}@{domain}"

    def name_zh(self) -> str:
        if self.chance.random() < 0.02:
            return self.chance.choice(["欧阳", "司马", "上官"]) + self.of(GIVEN)
        return self.of(SURNAMES) + self.of(GIVEN) + (self.of(GIVEN) if self.chance.random() < 0.75 else "")

    def name_en(self) -> str:
        first, last = self.of(FIRST), self.of(LAST)
        form = self.chance.random()
        if form < 0.15:
            return f"{last}, {first}"
        return f"{first} {self.chance.choice('ABCDEJKLM')}. {last}" if form < 0.3 else f"{first} {last}"

    def address_zh(self) -> str:
        tail = self.chance.choice(
            [
                "",
                f"{self.chance.randint(1, 30)}号楼{self.chance.randint(1, 6)}单元{self.digits(3)}室",
                f"{self.chance.randint(1, 9)}栋",
            ]
        )
        return f"{self.of(CITIES)}{self.of(DISTRICTS)}{self.of(ROADS)}{self.chance.randint(1, 999)}号{tail}"

    def address_en(self) -> str:
        tail = self.chance.choice(["", f", Apt {self.chance.randint(1, 99)}", f", Springfield, IL {self.digits(5)}"])
        return f"{self.chance.randint(1, 9999)} {self.of(STREETS)} {self.of(WAYS)}{tail}"

    def ip(self) -> str:
        return ".".join(str(self.chance.randint(0, 255)) for _ in range(4))

    def ssn(self) -> str:
        return f"{self.chance.randint(100, 665)}-{self.chance.randint(10, 99)}-{self.chance.randint(1000, 9999)}"

    def point(self) -> str:
        return f"{self.chance.uniform(18, 53):.6f}, {self.chance.uniform(73, 135):.6f}"

    def imei(self) -> str:
        body = "35" + self.digits(12)
        total = sum(sum(divmod(int(c) * (2 if i % 2 == 0 else 1), 10)) for i, c in enumerate(reversed(body)))
        return body + str(-total % 10)


PERSONAL: dict[str, tuple[str, str, Callable[[Maker], str]]] = {
    "id card zh": ("id-card", "身份证号", Maker.id_card),
    "phone zh": ("phone", "手机号", Maker.phone_zh),
    "phone en": ("phone", "phone", Maker.phone_en),
    "bank card": ("bank-card", "卡号", Maker.card),
    "plate zh": ("plate", "车牌号", Maker.plate),
    "email": ("email", "email", Maker.email),
    "name zh": ("name", "姓名", Maker.name_zh),
    "name en": ("name", "full_name", Maker.name_en),
    "address zh": ("address", "地址", Maker.address_zh),
    "address en": ("address", "address", Maker.address_en),
    "ip": ("ip", "client_ip", Maker.ip),
    "ssn en": ("social-security", "ssn", Maker.ssn),
    "coordinates": ("coordinates", "坐标", Maker.point),
}
ALIKE: dict[str, tuple[str, Callable[[Maker, int], str]]] = {
    "18-digit orders": ("order_no", lambda m, i: f"20{m.chance.randint(20, 26)}{m.chance.randint(1, 12):02d}{m.digits(12)}"),
    "18 random digits": ("serial", lambda m, i: m.digits(18)),
    "11-digit serials": ("ticket", lambda m, i: str(13_800_000_000 + i * m.chance.randint(1, 3))),
    "11 random digits": ("code", lambda m, i: "1" + m.digits(10)),
    "13-digit milliseconds": ("ts", lambda m, i: str(1_700_000_000_000 + m.chance.randrange(10**10))),
    "16 random digits": ("trace", lambda m, i: m.chance.choice("3456") + m.digits(15)),
    "device numbers (IMEI)": ("imei", lambda m, i: m.imei()),
    "versions": ("version", lambda m, i: f"{m.chance.randint(1, 9)}.{m.chance.randint(0, 20)}.{m.chance.randint(0, 9)}.{m.chance.randint(0, 30)}"),
    "cities": ("city", lambda m, i: m.of(CITIES)),
    "cities without their suffix": ("city", lambda m, i: m.of(CITIES)[:-1]),
    "things": ("product", lambda m, i: m.of(THINGS)),
    "units": ("dept", lambda m, i: m.of(UNITS)),
    "firms": ("vendor", lambda m, i: m.of(FIRMS)),
    "product titles": ("item", lambda m, i: f"{m.of(WORDS).title()} {m.of(WORDS).title()}"),
    "American cities": ("town", lambda m, i: m.chance.choice(["New York", "San Diego", "Los Angeles", "El Paso", "Fort Worth", "St Louis", "Salt Lake City", "Grand Rapids"])),
    "handles": ("handle", lambda m, i: "@" + m.of(FIRST).lower() + m.digits(2)),
    "hex ids": ("uuid", lambda m, i: f"{m.chance.getrandbits(64):016x}"),
    "dates": ("day", lambda m, i: "{}-{:02d}-{:02d}".format(*m.day())),
    "dashed part numbers": ("part", lambda m, i: f"{m.digits(2)}-{m.digits(4)}-{m.digits(3)}"),
    "plate-like bins": ("bin", lambda m, i: f"{m.chance.choice('库区排')}A{m.digits(5)}"),
    "pairs of measures": ("size", lambda m, i: f"{m.chance.uniform(0, 9):.1f}, {m.chance.uniform(0, 9):.1f}"),
    "credit codes": ("uscc", lambda m, i: "91" + m.digits(6) + "".join(m.chance.choices("0123456789ABCDEFGHJKLMNPQRTUWXY", k=10))),
    "remarks": ("note", lambda m, i: m.chance.choice(["已检查，无异常", "更换滤芯", "see ticket", "OK", "待复查：阀门渗漏"])),
    "chapters": ("section", lambda m, i: f"{m.of(ROADS)}段"),
}  # fmt: skip


def dirty(maker: Maker, value: str) -> tuple[str | None, bool]:
    """A value as people leave it, and whether it still is what it was."""
    form = maker.chance.random()
    if form < 0.05:
        return None, False
    if form < 0.08:
        return maker.chance.choice(["N/A", "无", "-", "未知", "unknown"]), False
    if form < 0.11:
        at = maker.chance.randrange(len(value))
        return value[:at] + value[at + 1 :], False
    return (f" {value}" if form < 0.13 else value), True


def decide(values: list[str | None], name: str) -> profile.Column:
    column = profile.Column(name="v", original=name, type="string", kind="text", rows=len(values), nulls=0)
    return meanings.described(column, pa.table({"v": pa.array(values, pa.string())}))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--split", choices=["dev", "report"], default="report")
    options.add_argument("--columns", type=int, default=40)
    options.add_argument("--named", action="store_true")
    given = options.parse_args()
    half, base = (0, 1000) if given.split == "dev" else (1, 900_000)
    counts: collections.Counter[str] = collections.Counter()
    cells: collections.Counter[str] = collections.Counter()
    missed: collections.Counter[str] = collections.Counter()
    wrong: collections.Counter[str] = collections.Counter()
    for number in range(given.columns):
        for place, (label, (kind, name, make)) in enumerate(PERSONAL.items()):
            maker = Maker(base + number * 100 + place, half)
            pairs = [dirty(maker, make(maker)) for _ in range(ROWS)]
            found = decide([value for value, _ in pairs], name if given.named else f"c{place}").semantic
            right = found is not None and found.kind == kind
            counts["found" if right else "missed"] += 1
            if found is not None and found.pii and not right:
                counts["wrong"] += 1
                wrong[f"{label} as {found.kind}"] += 1
            missed[label] += not right
            check = kinds.BY_NAME[kind].check
            for value, real in pairs:
                said = right and value is not None and check(value.strip())
                cells["hit" if said and real else "false" if said else "lost" if real else "rest"] += 1
        for place, (label, (name, make)) in enumerate(ALIKE.items()):
            maker = Maker(base + 50_000 + number * 100 + place, half)
            values = [dirty(maker, make(maker, i))[0] for i in range(ROWS)]
            column = decide(values, name if given.named else f"c{place}")
            said = column.semantic is not None and column.semantic.pii
            counts["wrong" if said else "right"] += 1
            if said and column.semantic is not None:
                wrong[f"{label} as {column.semantic.kind}"] += 1
                cells["false"] += sum(kinds.BY_NAME[column.semantic.kind].check(v.strip()) for v in values if v)
    print(f"split {given.split}, {'usual' if given.named else 'silent'} names, synthetic columns of {ROWS} values")
    recall, precision = (counts["found"] / (counts["found"] + counts[other]) for other in ("missed", "wrong"))
    print(f"columns: {counts['found'] + counts['missed']} personal, {given.columns * len(ALIKE)} look-alikes")
    print(f"columns: recall {recall:.4f}, precision {precision:.4f}")
    recall, precision = (cells["hit"] / (cells["hit"] + cells[other]) for other in ("lost", "false"))
    print(f"values:  recall {recall:.4f}, precision {precision:.4f}  ({cells['hit'] + cells['lost']:,} personal)")
    for title, found in (("missed", missed), ("wrong", wrong)):
        print(f"{title}: " + (", ".join(f"{k} ×{n}" for k, n in found.most_common() if n) or "none"))


if __name__ == "__main__":
    main()
