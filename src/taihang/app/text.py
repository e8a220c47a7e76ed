"""Text: texts in, a row of metrics a text, judged by a rulebook, and a report out."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Literal

from taihang.app import assess, home, opinions
from taihang.core import asset, i18n, ids, job, words
from taihang.data.quality.text import exhibits, observing, reading, sensitive
from taihang.report import bundle

DEFAULT_RULES = "text-quality"
TABLE = "texts"
Path_ = str | os.PathLike[str]


def text(
    source: Path_,
    *,
    out: Path_,
    column: str | None = None,
    rules: Path_ | None = None,
    words_list: Path_ | None = None,
    reference: Path_ | None = None,
    lang: i18n.Language | None = None,
    fail_on: words.Level | Literal["red", "orange", "yellow", "blue", "info"] | None = None,
    opinion: opinions.Options | None = None,
    options: assess.Options | None = None,
    progress: job.Progress | None = None,
) -> assess.Assessed:
    """Measure the texts of a file, folder or table and judge them by a rulebook; the report goes to the folder `out`.

    `column` names the texts (pairs of instruction and answer, chats and `text` columns are known by themselves);
    `rules` speak of the table `texts`, `text-quality` unless given; `words_list` replaces the shipped sensitive
    words; `opinion` says which language model is asked what it thinks of a sample, else that is not judged;
    `reference` are texts that the model of perplexity learns from instead of these. Finished blocks are kept
    under TAIHANG_HOME, so that work goes on after an interruption. Raises errors.UserError for what cannot be used,
    errors.Failure when the machine fails.
    """
    if lang is not None:
        i18n.use(lang)
    bundle.usable(Path(out))
    corpus = reading.open(os.fspath(source), column)
    listed = sensitive.shipped() if words_list is None else sensitive.load(Path(words_list))
    other = None if reference is None else reading.open(os.fspath(reference))
    sha256, size = corpus.source.digest()
    # Below the source's own name, so that what deletes the source deletes this too.
    folder = home.folder() / "stages" / sha256[:16] / f"text-{ids.digest_json(list(corpus.columns))[:16]}"
    observed = observing.observe(corpus, folder, observing.Options(listed, other), progress)
    faults = tuple(
        i18n.Message(key="data.quality:fault", values={"table": TABLE, "fault": fault.message}).both()
        for fault in corpus.source.faults.listed
    )
    given = options or assess.Options()
    asked = opinions.ask(corpus, folder, opinion, progress)
    beside = assess.Beside(
        about=asset.Asset(kind="table", name=Path(corpus.source.name).name, sha256=sha256, size=size),
        sections=(*exhibits.sections_of(observed), *asked.sections),
        limits=(*faults, *exhibits.limits(observed, listed.name)),
        not_judged=asked.not_judged,
        files={f"evidence/{TABLE}.parquet": observed.path},
    )
    return assess.assess(
        f"{TABLE}={observed.path}",
        rules=rules if rules is not None else DEFAULT_RULES,
        lang=lang,
        fail_on=fail_on,
        out=out,
        options=dataclasses.replace(given, beside=beside),
    )
