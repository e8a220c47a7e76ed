"""Documents: which aspects the description of a data set mentions, by words of either language.

A mention is a sign that something is said, not that it is enough: a person reads the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from taihang.core import errors
from taihang.data.quality.media import layout

Row = dict[str, Any]
_STEMS = {"readme", "datasheet", "dataset_card", "datacard", "card", "说明", "说明文档", "数据说明", "数据集说明"}
# Indicator of TC609-5-2025-04 → aspect → words, as Dingo's public description of the indicators lists the aspects.
ASPECTS: dict[str, dict[str, str]] = {
    "0101": {
        "scale": r"规模|数量|大小|size|number of|samples|records",
        "format": r"格式|format|jsonl|csv|parquet|coco|yolo",
        "structure": r"结构|目录|字段|structure|layout|schema|fields",
        "access": r"获取|访问|下载|access|download|obtain",
        "support": r"联系|支持|维护|邮箱|contact|support|maintain|e-?mail",
    },
    "0102": {
        "modality": r"模态|文本|图像|视频|音频|modality|text|image|video|audio",
        "distribution": r"分布|占比|distribution|proportion|share of",
        "labels": r"标签|类别|标注类|label|class|categor",
        "examples": r"示例|样例|例如|example|sample record",
        "limitations": r"局限|限制|偏差|不足|limitation|bias|caveat",
    },
    "0103": {
        "source": r"来源|source|origin|provenance",
        "collection": r"采集|收集|collect|captur|acquir",
        "processing": r"处理|清洗|去重|process|clean|dedup|filter",
        "annotation": r"标注|annotat|label(l)?ing",
        "version": r"版本|version|changelog|revision",
    },
    "0104": {
        "license": r"许可|授权|协议|licen[sc]e|terms of use",
        "scenarios": r"场景|用途|适用|scenario|intended use|use case|application",
        "evaluation": r"评测|评估|评价|evaluat|assess",
        "benchmark": r"基准|基线|指标|benchmark|baseline|accuracy|mAP",
        "cases": r"案例|应用实例|case stud|used in|applied in",
    },
}


def rows(found: layout.Layout) -> Iterator[Row]:
    """Rows of the table `documents`: one an aspect; of no document at all, each with `mentioned` false."""
    names = [f.name for f in found.files if not f.fault and describes(f.name)]
    text = ""
    for name in names:
        try:
            text += layout.read(found.root / name, 16 << 20).decode("utf-8", "replace") + "\n"
        except errors.UserError:
            continue
    for indicator, aspects in ASPECTS.items():
        for aspect, words in aspects.items():
            mentioned = re.search(words, text, re.IGNORECASE) is not None
            yield {"path": ", ".join(names), "indicator": indicator, "aspect": aspect, "mentioned": mentioned}


def describes(name: str) -> bool:
    """True for a file that by its name describes the data set."""
    path = Path(name)
    return path.suffix.lower() in {".md", ".txt", ".rst", ""} and path.stem.lower() in _STEMS
