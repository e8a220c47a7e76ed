"""Observing: a row a text, a column a metric, so that a rulebook judges texts as it judges any table."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from taihang.core import job
from taihang.data.profile.semantic import spans
from taihang.data.quality import masking
from taihang.data.quality.text import (
    duplicates,
    form,
    language,
    letters,
    ngram,
    reading,
    repetition,
    sampling,
    sensitive,
)
from taihang.engines import stages

MOST = 1_000_000
"""Letters of one text that are measured."""
_BLOCK = 4096
_EXCERPT = 80
MEASURED = pa.schema(
    {
        "row": pa.int64(), "part": pa.string(), "line": pa.int64(), "excerpt": pa.string(), "characters": pa.int64(),
        "measured": pa.int64(), "script": pa.string(), "script_share": pa.float64(), "language": pa.string(),
        "repetition": pa.float64(), "sensitive": pa.int64(), "sensitive_share": pa.float64(),
        "sensitive_words": pa.string(), "density": pa.float64(), "entropy": pa.float64(),
        "completeness": pa.float64(), "missing": pa.int64(), "purity": pa.float64(), "coherence": pa.float64(),
        "personal": pa.int64(), "personal_kinds": pa.string(), "question_characters": pa.int64(),
        "answer_characters": pa.int64(),
    }
)  # fmt: skip
LATER = pa.schema(
    {
        "perplexity": pa.float64(), "perplexity_ratio": pa.float64(), "duplicate": pa.int64(),
        "duplicate_of": pa.int64(), "similarity": pa.float64(),
    }
)  # fmt: skip
SCHEMA = pa.schema([*MEASURED, *LATER])


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """`words` are the sensitive ones; `reference` trains the perplexity's model, else the texts themselves do."""

    words: sensitive.Words
    reference: reading.Corpus | None = None
    threshold: float = duplicates.THRESHOLD


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """The table's file, how many texts it has, and what the perplexity's model was trained on.

    `trained` is `own`, `reference`, or None when there were too few letters for a model.
    """

    path: Path
    rows: int
    trained: str | None


def observe(corpus: reading.Corpus, folder: Path, options: Options, progress: job.Progress | None = None) -> Observed:
    """Measure every text of a corpus and write the table `texts.parquet` to `folder`.

    Finished blocks of texts are kept in the folder, so that work goes on where it was interrupted. The perplexity of
    a text comes from a model of texts that it is not among: each half of a random sample judges the other half.
    """
    told = progress or job.Silent()
    kept = stages.Stages(folder / "blocks")
    mark = _mark(corpus, options)
    total = corpus.source.rows or 0
    drawn = sampling.Halves()
    blocks: list[pa.Table] = []

    def texts() -> Iterator[Sequence[str | None]]:
        done = 0
        for number, batch in enumerate(corpus.batches(_BLOCK)):
            key = {**mark, "block": number}
            blocks.append(kept.table("block", key, functools.partial(measured, batch, options.words)))
            found = [_cut(one.text) for one in batch]
            drawn.add([one.row for one in batch], found)
            done += len(batch)
            told.update("data.quality.text:stage.measure", done, max(done, total))
            yield found

    near = folder / "near"
    near.mkdir(parents=True, exist_ok=True)
    repeats = duplicates.find(texts(), near, threshold=options.threshold)
    for file in near.iterdir():
        file.unlink()
    perplexities, trained = _perplexities(corpus, options, drawn, told, len(repeats.first))
    path = folder / "texts.parquet"
    _write(path, blocks, repeats, perplexities)
    return Observed(path, len(repeats.first), trained)


def _mark(corpus: reading.Corpus, options: Options) -> dict[str, Any]:
    words = options.words
    named = [
        words.name,
        words.count,
        words.whole.pattern if words.whole else "",
        [sorted(v) for v in words.inside.values()],
    ]
    code = stages.code_version("taihang.data.quality.text", "taihang.data.profile.semantic")
    return {"source": corpus.source.digest()[0], "columns": list(corpus.columns), "words": named, "code": code}


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:MOST]


def measured(batch: Sequence[reading.Text], words: sensitive.Words) -> pa.Table:
    """The table of what is measured of each text by itself."""
    texts = [_cut(one.text) or "" for one in batch]
    found = letters.Letters.of(texts)
    script, share = language.scripts_of(found)
    told = language.languages(texts, script)
    rows = [_row(one, text, script[n], words) for n, (one, text) in enumerate(zip(batch, texts, strict=True))]
    columns: dict[str, list[Any]] = {name: [row.get(name) for row in rows] for name in MEASURED.names}
    columns |= {"script": list(script), "script_share": list(share), "language": list(told)}
    return pa.table(columns, schema=MEASURED)


def _row(one: reading.Text, text: str, script: str | None, words: sensitive.Words) -> dict[str, Any]:
    row: dict[str, Any] = {
        "row": one.row, "part": one.part, "line": one.line, "characters": len(one.text or ""), "measured": len(text),
        "question_characters": None if one.question is None else len(one.question),
        "answer_characters": None if one.answer is None else len(one.answer),
    }  # fmt: skip
    if not text.strip():
        return row
    tokens = repetition.tokens(text)
    hits = sensitive.found(text, words, (script,) if script else ())
    if hits is not None:
        row |= {"sensitive": len(hits[0]), "sensitive_share": hits[1], "sensitive_words": " ".join(hits[0])[:200]}
    kinds = sorted(spans.kinds(text))
    row |= {
        "excerpt": masking.excerpt(text[: 2 * _EXCERPT])[:_EXCERPT],
        "repetition": repetition.repetition(tokens),
        "density": form.density(text),
        "entropy": form.entropy(text),
        "completeness": form.completeness(text, knows_ends=script in language.ENDS),
        "missing": form.missing(text),
        "purity": form.purity(text),
        "coherence": form.coherence(text) if script is not None else None,
        "personal": len(kinds),
        "personal_kinds": " ".join(kinds),
    }
    return row


def _perplexities(
    corpus: reading.Corpus, options: Options, drawn: sampling.Halves, told: job.Progress, rows: int
) -> tuple[Mapping[str, list[float | None]], str | None]:
    """The column and, beside it, each value over the median of its language."""
    if options.reference is not None:
        sample = sampling.Halves()
        for batch in options.reference.batches(_BLOCK):
            sample.add([one.row for one in batch], [_cut(one.text) for one in batch])
        model = ngram.train([text for half in sample.halves() for text in half])
        models = (model, model)
    else:
        # Who was in one half is judged by the other.
        own = [ngram.train(half) for half in drawn.halves()]
        models = (own[1], own[0])
    if models[0] is None or models[1] is None:
        return {"perplexity": [None] * rows}, None
    values: list[float | None] = []
    for batch in corpus.batches(_BLOCK):
        sides = sampling.side(np.array([one.row for one in batch], np.int64))
        made: list[float | None] = [None] * len(batch)
        for number, model in enumerate(models):
            places = np.flatnonzero(sides == number).tolist()
            if not places or model is None:
                continue
            for place, value in zip(
                places, model.perplexities([_cut(batch[p].text) or "" for p in places]), strict=True
            ):
                made[place] = value
        values += made
        told.update("data.quality.text:stage.perplexity", len(values), rows)
    return {"perplexity": values}, "own" if options.reference is None else "reference"


def _write(
    path: Path, blocks: Sequence[pa.Table], repeats: duplicates.Found, perplexities: Mapping[str, list[float | None]]
) -> None:
    perplexity = np.array([np.nan if v is None else v for v in perplexities["perplexity"]], float)
    languages = np.array([v or "" for block in blocks for v in block.column("language").to_pylist()], object)
    ratio = np.full(len(perplexity), np.nan)
    for one in set(languages.tolist()):
        own = languages == one
        known = perplexity[own & ~np.isnan(perplexity)]
        if one and len(known):
            ratio[own] = perplexity[own] / np.median(known)
    # The place of a text in the sequence is not its number in the source when rows were lost.
    rows = np.concatenate([block.column("row").to_numpy() for block in blocks]) if blocks else np.zeros(0, np.int64)
    empty = np.array([not c for block in blocks for c in block.column("excerpt").to_pylist()], bool)
    near = repeats.near
    of = np.where(near >= 0, rows[np.maximum(near, 0)] if len(rows) else near, -1)
    columns = {
        "perplexity": pa.array(perplexity, mask=np.isnan(perplexity)),
        "perplexity_ratio": pa.array(ratio, mask=np.isnan(ratio)),
        "duplicate": pa.array(repeats.duplicate.astype(np.int64), mask=empty),
        "duplicate_of": pa.array(of, mask=near < 0),
        "similarity": pa.array(repeats.similarity.astype(float), mask=near < 0),
    }
    temporary = path.with_name(f".{path.name}")
    with stages.disk(path), pq.ParquetWriter(temporary, SCHEMA) as writer:
        at = 0
        for block in blocks or [MEASURED.empty_table()]:
            later = {name: column.slice(at, block.num_rows) for name, column in columns.items()}
            writer.write_table(pa.table({**{n: block.column(n) for n in MEASURED.names}, **later}, schema=SCHEMA))
            at += block.num_rows
    temporary.replace(path)
