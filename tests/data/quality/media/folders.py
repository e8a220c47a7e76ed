"""Folders of data sets that tests make: small pictures, sounds and films, and labels in every layout."""

from __future__ import annotations

import json
import struct
import wave
import zlib
from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np

from taihang.data.quality.metrics import examples, sound
from taihang.data.quality.metrics.picture import Picture


def image(path: Path, seed: int = 1, size: int = 240, change: Picture | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (change or examples.scene(size, seed)).pixels
    assert cv2.imwrite(str(path), pixels[:, :, ::-1])
    return path


def audio(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def film(path: Path, frames: Iterable[np.ndarray], fps: int = 25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = None
        for frame in frames:
            if stream is None:
                stream = out.add_stream("libx264", rate=fps)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                out.mux(packet)
        assert stream is not None
        for packet in stream.encode(None):
            out.mux(packet)
    return path


def giant_png(path: Path, side: int = 32_768) -> Path:
    """A PNG that says it has a thousand million pixels, in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return path


def coco(root: Path, extra: Iterable[dict[str, object]] = (), count: int = 3) -> Path:
    images, marks = [], []
    for n in range(count):
        image(root / "images" / f"{n}.jpg", seed=n)
        images.append({"id": n, "file_name": f"{n}.jpg", "width": 240, "height": 240})
        marks += [
            {"id": 2 * n, "image_id": n, "category_id": 1, "bbox": [10, 20, 60, 70]},
            {"id": 2 * n + 1, "image_id": n, "category_id": 2, "bbox": [120, 20, 60, 70]},
        ]
    document = {
        "images": images,
        "annotations": [*marks, *extra],
        "categories": [{"id": 1, "name": "helmet"}, {"id": 2, "name": "vest"}],
    }
    (root / "annotations.json").write_text(json.dumps(document))
    return root


def yolo(root: Path, lines: str = "0 0.5 0.5 0.2 0.2\n1 0.2 0.2 0.1 0.1\n") -> Path:
    image(root / "images" / "train" / "a.jpg", seed=1)
    label = root / "labels" / "train" / "a.txt"
    label.parent.mkdir(parents=True)
    label.write_text(lines)
    (root / "data.yaml").write_text("names: [helmet, vest]\n")
    return root


def voc(root: Path, box: str = "<xmin>10</xmin><ymin>10</ymin><xmax>50</xmax><ymax>60</ymax>") -> Path:
    image(root / "JPEGImages" / "a.jpg", seed=1)
    place = root / "Annotations" / "a.xml"
    place.parent.mkdir(parents=True)
    place.write_text(
        "<annotation><filename>a.jpg</filename><size><width>240</width><height>240</height></size>"
        f"<object><name>helmet</name><bndbox>{box}</bndbox></object></annotation>"
    )
    return root


def lines(path: Path, records: Iterable[object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def speech(seconds: float = 2.0) -> np.ndarray:
    return np.asarray(sound.speech(seconds).samples[0])
