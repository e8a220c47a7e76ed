"""A folder of clips, as its owner wrote it down: what is read, and what is one clear line."""

from __future__ import annotations

import math

import pytest

from taihang.core import errors
from taihang.use.video.temporal import labelled


def clip(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"film")
    return path


def listed(folder, text: str):
    clip(folder / "a.mp4")
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return folder


def test_a_sub_folder_is_a_class(tmp_path):
    clip(tmp_path / "fall" / "1.mp4"), clip(tmp_path / "still" / "2.MOV"), clip(tmp_path / "still" / "notes.txt")
    found = labelled.read(tmp_path)
    assert found.classes == ("fall", "still")
    assert [(c.path.name, c.spans) for c in found.clips] == [
        ("1.mp4", ((0.0, math.inf, "fall"),)),
        ("2.MOV", ((0.0, math.inf, "still"),)),
    ]


def test_a_list_names_spans_and_classes_of_any_language(tmp_path):
    found = labelled.read(listed(tmp_path, "file,start,end,class\na.mp4,1,2.5,行走\na.mp4,2,,设备启动\n"))
    assert found.classes == ("行走", "设备启动")
    assert found.clips[0].spans == ((1.0, 2.5, "行走"), (2.0, math.inf, "设备启动"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,start,class\na.mp4,1,x\n", "file,start,end,class"),
        ("file,start,end,class\nb.mp4,1,2,x\n", "line 2"),
        ("file,start,end,class\n../a.mp4,1,2,x\n", "line 2"),
        ("file,start,end,class\na\0.mp4,1,2,x\n", "line 2"),
        ("file,start,end,class\n" + "".join(f"a.mp4,1,2,c{n}\n" for n in range(101)), "101 classes"),
        ("file,start,end,class\na.mp4,3,2,x\n", "3 to 2"),
        ("file,start,end,class\na.mp4,nan,2,x\n", "nan to 2"),
        ("file,start,end,class\na.mp4,one,2,x\n", "one to 2"),
        ("file,start,end,class\na.mp4,1,2,\n", "line 2"),
        ("file,start,end,class\na.mp4,1,2,<b>\n", "<b>"),
        ("file,start,end,class\n", "no labelled clip"),
    ],
)
def test_a_bad_list_is_one_line(tmp_path, text, says):
    with pytest.raises(errors.UserError) as caught:
        labelled.read(listed(tmp_path, text))
    assert says in caught.value.message.in_("en")
    assert "\n" not in caught.value.message.in_("zh")


def test_a_link_does_not_reach_outside(tmp_path):
    outside = clip(tmp_path / "secret.mp4")
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "link.mp4").symlink_to(outside)
    listed(folder, "file,start,end,class\nlink.mp4,0,1,x\n")
    with pytest.raises(errors.UserError, match=r"link\.mp4"):
        labelled.read(folder)


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_nothing_there_is_one_line(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.UserError):
        labelled.read(tmp_path / name)


def test_a_column_of_places_says_which_clips_belong_together(tmp_path):
    clip(tmp_path / "b.mp4"), clip(tmp_path / "c.mp4")
    rows = "a.mp4,1,2,x,北巷\na.mp4,3,4,y,北巷\nb.mp4,1,2,x,北巷\nc.mp4,1,2,x,\n"
    found = labelled.read(listed(tmp_path, "file,start,end,class,place\n" + rows))
    assert [(c.path.name, c.place) for c in found.clips] == [("a.mp4", "北巷"), ("b.mp4", "北巷"), ("c.mp4", "")]
