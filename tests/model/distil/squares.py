"""Pictures of red and blue squares, and detectors of them: right ones, and such as lie. Whatever can be learnt here is
learnt in seconds."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import torch

from taihang.model.distil import answers

CLASSES = ("red", "blue")
SIZE = (32, 32)
SIDE = 8


def scene(seed: int) -> tuple[np.ndarray, answers.Boxes]:
    """One picture, uint8 RGB, with one square of each colour at most two, and the truth."""
    dice = np.random.default_rng((5, seed))
    image = np.full((*SIZE, 3), 90, np.uint8) + dice.integers(0, 30, (*SIZE, 3)).astype(np.uint8)
    places = dice.permutation(9)[: int(dice.integers(1, 4))]
    where, classes = [], []
    for place in places:
        x, y = 2 + 10 * int(place % 3), 2 + 10 * int(place // 3)
        label = int(dice.integers(2))
        colour = np.array([[230, 20, 20], [20, 20, 230]][label])
        image[y : y + SIDE, x : x + SIDE] = colour + dice.integers(-15, 15, 3)
        where.append([x, y, x + SIDE, y + SIDE])
        classes.append(label)
    ones = np.ones(len(classes), np.float32)
    return image, answers.Boxes(np.array(where, np.float32), np.array(classes, np.int64), ones)


class Eye(torch.nn.Module):
    """Finds squares by their colour, in the form of a detection transformer; `lie`: `swap` calls each colour the other,
    `blind` never sees blue, `nan` gives no numbers."""

    def __init__(self, lie: str = "") -> None:
        super().__init__()
        self.lie = lie

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        red, blue = pictures[:, 0] - pictures[:, 2], pictures[:, 2] - pictures[:, 0]
        if self.lie == "swap":
            red, blue = blue, red
        heat = torch.nn.functional.avg_pool2d(torch.stack([red, blue], 1).clamp(min=0), SIDE, 1)
        peak = heat >= torch.nn.functional.max_pool2d(heat, 5, 1, 2)
        logits = torch.where(peak & (heat > 0.55), 12 * (heat - 0.5), torch.full_like(heat, -20.0))
        if self.lie == "blind":
            logits = logits - torch.tensor([0.0, 40.0])[None, :, None, None]
        if self.lie == "nan":
            logits = logits + torch.log(heat - 2)
        size = logits.shape[2]
        x = (torch.arange(size) + SIDE / 2) / pictures.shape[3]
        y, x = torch.meshgrid(x, x, indexing="ij")
        shape = torch.full_like(x, SIDE / pictures.shape[3])
        boxes = torch.stack([x, y, shape, shape]).flatten(1).T[None]
        return logits.flatten(2).transpose(1, 2), boxes


def detector(path: Path, lie: str = "", names: tuple[str, ...] = CLASSES) -> Path:
    """A detector's file."""
    blank = torch.zeros(1, 3, *SIZE)
    torch.onnx.export(
        Eye(lie).eval(), (blank,), str(path), input_names=["image"], output_names=["logits", "pred_boxes"],
        opset_version=17, dynamo=False,
    )  # fmt: skip
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {"names": json.dumps(dict(enumerate(names)))})
    onnx.save(model, str(path))
    return path


def folder(place: Path, seeds: range, labels: bool = True, names: tuple[str, ...] = CLASSES) -> Path:
    """Pictures in a folder, with their labels as COCO has them."""
    place.mkdir(parents=True)
    told: dict[str, list[dict[str, object]]] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": k, "name": name} for k, name in enumerate(names)],
    }
    for seed in seeds:
        image, truth = scene(seed)
        cv2.imwrite(str(place / f"{seed}.png"), image[:, :, ::-1])
        told["images"].append({"id": seed, "file_name": f"{seed}.png", "width": SIZE[1], "height": SIZE[0]})
        for box, label in zip(truth.where.tolist(), truth.classes.tolist(), strict=True):
            told["annotations"].append(
                {
                    "id": len(told["annotations"]),
                    "image_id": seed,
                    "category_id": label,
                    "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                }
            )
    if labels:
        (place / "labels.json").write_text(json.dumps(told), encoding="utf-8")
    return place


def clip(path: Path, seeds: range) -> bytes:
    """A film that shows each scene for half a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "1", "g": "5"})
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv444p"
        for number in range(5 * len(seeds)):
            image, _ = scene(seeds[number // 5])
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path.read_bytes()
