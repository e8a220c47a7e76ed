"""A real server: `transformers serve` in a process of its own, with tiny models of two families built here."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pydantic
import pytest
from engines.predict import tiny_vlm
from engines.predict.test_hub_speaker import _picture, _question
from use.video import films

import taihang
from taihang.engines.predict import allowance, chat

for _name in ("torch", "transformers", "accelerate", "openai"):
    if not importlib.util.find_spec(_name):
        pytest.skip(f"could not import {_name} (./check --hub)", allow_module_level=True)
pytestmark = pytest.mark.long
# transformers' own processor of this family wants torchvision for videos, which nobody here sends.
_PROCESSOR = """
import transformers
from transformers import ProcessorMixin


class Processor(ProcessorMixin):
    def __init__(self, image_processor=None, tokenizer=None, chat_template=None, **more):
        self.image_token = "<|image_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

    @classmethod
    def from_pretrained(cls, folder, **more):
        tokens = transformers.AutoTokenizer.from_pretrained(folder)
        return cls(transformers.Qwen2VLImageProcessorPil.from_pretrained(folder), tokens, tokens.chat_template)

    def __call__(self, images=None, text=None, **more):
        texts = [text] if isinstance(text, str) else list(text)
        feed = {}
        if images:
            while isinstance(images[0], list):
                images = [one for some in images for one in some]
            feed = dict(self.image_processor(images=images, return_tensors="pt"))
            for grid in feed["image_grid_thw"]:
                pads = "<|seen|>" * int(grid.prod() // self.image_processor.merge_size**2)
                texts[0] = texts[0].replace(self.image_token, pads, 1)
            texts[0] = texts[0].replace("<|seen|>", self.image_token)
        ids = self.tokenizer(texts, return_tensors="pt")
        kinds = (ids["input_ids"] == self.image_token_id).long()
        return transformers.BatchFeature({**ids, **feed, "mm_token_type_ids": kinds})
"""


class Form(pydantic.BaseModel):
    seen: str


@pytest.fixture(scope="module", params=tiny_vlm.FAMILIES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The spec of a running server, as --vlm takes it."""
    folder = tiny_vlm.save(tmp_path_factory.mktemp("served"), request.param)
    (folder / "processing_tiny.py").write_text(_PROCESSOR)
    named = {"processor_class": "Processor", "auto_map": {"AutoProcessor": "processing_tiny.Processor"}}
    (folder / "processor_config.json").write_text(json.dumps(named))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = shutil.which("transformers", path=str(Path(sys.executable).parent)) or "transformers"
    own = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(folder.parent / "hub")}
    log = (folder.parent / "serve.log").open("w")
    process = subprocess.Popen(
        [command, "serve", str(folder), "--port", str(port), "--host", "127.0.0.1", "--device", "cpu",
         "--trust-remote-code"],
        env=own, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        _answering(process, f"http://127.0.0.1:{port}/health", Path(log.name))
        yield f"http://127.0.0.1:{port}/v1#{folder}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _answering(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + 240
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError(f"transformers serve does not answer:\n{log.read_text()[-3000:]}")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_real_servers_answer_is_seen_as_what_it_is_and_counted(server: str, stream: bool) -> None:
    url, _, model = server.partition("#")
    purse = allowance.Allowance(tokens=20_000)
    endpoint = chat.Endpoint(url=url, model=model, private=True, max_tokens=24, stream=stream, attempts=1)
    answer = chat.Client(endpoint, allowance=purse).ask(_question(_picture(0), _picture(1)), Form)
    # Random weights say no JSON; the server passes over the schema that it was given.
    assert answer.outcome in {"prose", "cut", "empty", "schema"}, answer
    assert not answer.usage.estimated
    assert 1 <= answer.usage.completion <= 24
    assert answer.usage.prompt > 2 * (112 // 28) * (84 // 28)
    assert purse.spent == answer.usage


def test_the_pictures_reach_the_model(server: str) -> None:
    url, _, model = server.partition("#")
    client = chat.Client(chat.Endpoint(url=url, model=model, private=True, max_tokens=24, attempts=1))
    one, same, *others = (client.ask(_question(_picture(seed)), Form).text for seed in (0, 0, 7, 8, 9, 10))
    assert one == same
    assert len({one, *others}) > 1  # random weights say the same of many pictures, not of all


def test_a_film_is_inspected_by_a_real_server_and_nothing_of_it_fails(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MAX_TOKENS", "32"), ("FRAMES", "2"), ("LONGEST_PX", "112"), ("TOKENS", "60000")):
        monkeypatch.setenv(f"TAIHANG_VLM_{name}", value)
    film = films.film(tmp_path / "v.mp4", 8, lambda t: films.visitor(films.view(0, 0), films.place(t, 2, 6)))
    done = taihang.inspect(film, rules="mine-vlm", vlm=server, budget="10%", out=tmp_path / "out")
    report = done.videos[0].report
    told = [one for one in report.not_judged if one.code.startswith("vlm-")]
    assert told
    assert {one.code for one in told} <= {"vlm-prose", "vlm-cut", "vlm-empty", "vlm-schema", "vlm-allowance"}
    assert {one.code for one in told} != {"vlm-allowance"}
    assert not [one for one in report.findings if one.place.table == "statements"]
    section = next(s for s in report.sections if "Reading by" in s.title.en)
    facts = {fact.label.en: fact.value for fact in section.items}
    assert facts["Usable answers"] == 0


def test_texts_are_put_to_a_real_server_and_what_it_cannot_say_is_not_judged(server: str, tmp_path: Path) -> None:
    url, _, model = server.partition("#")
    texts = tmp_path / "texts.jsonl"
    lines = ("检查瓦斯浓度并做好记录。", "The belt was stopped at noon.", "巷道内有积水，已通知排水。")
    texts.write_text("".join(json.dumps({"text": line}, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    ran = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "taihang"), "text", str(texts), "--out", str(tmp_path / "out")),
            *("--judge", url, "--judge-model", model, "--judge-sample", "3", "--judge-tokens", "400000"),
        ],
        env={**os.environ, "TAIHANG_HOME": str(tmp_path / "home"), "TAIHANG_LANG": "en"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    (told,) = [one for one in report["not_judged"] if one["code"].startswith("judge")]
    assert told["code"] != "judge-budget"  # it was asked, and said nothing that could be used
    section = next(one for one in report["sections"] if one["title"]["en"] == "The judge")
    facts = {fact["label"]["en"]: fact["value"] for fact in section["items"]}
    assert facts["texts graded"] == 0
