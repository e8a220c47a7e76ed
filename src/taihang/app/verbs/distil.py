"""Verbs about teaching a small detector: distil run, gate, rollout, rollback, status."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from taihang.app.verbs.wording import AsJson, Lang, group, remember, t
from taihang.core import errors, i18n

if TYPE_CHECKING:
    from taihang.app import distil
    from taihang.model.distil import gate, versions

app = group("help.distil_group")
_Model = Annotated[Path, typer.Argument(metavar="MODEL", help=t("help.distil_model"))]
_Held = Annotated[Path, typer.Option("--held", metavar="FOLDER", help=t("help.distil_held"))]
_Protect = Annotated[str | None, typer.Option("--protect", metavar="A,B", help=t("help.distil_protect"))]
_Margin = Annotated[float, typer.Option("--margin", min=0, max=0.5, help=t("help.distil_margin"))]
_Floor = Annotated[float | None, typer.Option("--floor", min=0.01, max=1, help=t("help.distil_floor"))]


@app.command("run", help=t("help.distil_run"))
def _run(
    samples: Annotated[Path, typer.Argument(metavar="FOLDER", help=t("help.distil_samples"))],
    teacher: Annotated[str, typer.Option("--teacher", metavar="DETECTOR", help=t("help.distil_teacher"))],
    held: _Held,
    model: Annotated[Path, typer.Option("--model", metavar="MODEL", help=t("help.distil_model"))],
    called: Annotated[
        list[str] | None, typer.Option("--called", metavar="CLASS=NAME", help=t("help.distil_called"))
    ] = None,
    classes: Annotated[str | None, typer.Option("--classes", metavar="A,B", help=t("help.distil_classes"))] = None,
    protect: _Protect = None,
    size: Annotated[str | None, typer.Option("--size", metavar="WxH", help=t("help.distil_size"))] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1_000_000, help=t("help.temporal_rounds"))] = 500,
    width: Annotated[int, typer.Option("--width", min=4, max=64, help=t("help.distil_width"))] = 12,
    sure: Annotated[float, typer.Option("--sure", min=0.05, max=0.95, help=t("help.distil_sure"))] = 0.4,
    wait: Annotated[float, typer.Option("--wait", min=0.1, max=3600, help=t("help.distil_wait"))] = 60.0,
    margin: _Margin = 0.02,
    floor: _Floor = None,
    roll_out: Annotated[bool, typer.Option("--rollout", help=t("help.distil_roll_out"))] = False,
    synthetic: Annotated[bool, typer.Option("--synthetic", help=t("help.distil_synthetic"))] = False,
    views: Annotated[int, typer.Option("--views", min=1, max=100, help=t("help.distil_views"))] = 6,
    answers: Annotated[
        list[str] | None, typer.Option("--answers", metavar="RULE=CLASS", help=t("help.distil_answers"))
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help=t("help.seed_training"))] = 0,
    lang: Lang = None,
) -> None:
    from taihang.app import distil, terminal

    options = distil.Options(
        called=_pairs("--called", "CLASS=NAME", called or ()), answers=_pairs("--answers", "RULE=CLASS", answers or ()),
        classes=_names(classes), protect=_names(protect), size=_size(size), rounds=rounds, width=width, seed=seed,
        sure=sure, wait_s=wait, margin=margin, floor=floor, synthetic=synthetic, roll_out=roll_out, views=views,
    )  # fmt: skip
    with terminal.Progress() as progress:
        done = distil.run(samples, teacher=teacher, held=held, model=model, options=options, progress=progress)
    _ran(done)
    if done.rolled_out is not None:
        _in_use(model, done.rolled_out)
    raise typer.Exit(1 if done.state == "refused" else 0)


@app.command("gate", help=t("help.distil_gate"))
def _gate(
    model: _Model,
    held: _Held,
    candidate: Annotated[
        Path | None, typer.Option("--candidate", metavar="FILE.onnx", help=t("help.distil_candidate"))
    ] = None,
    protect: _Protect = None,
    margin: _Margin = 0.02,
    floor: _Floor = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help=t("help.distil_synthetic"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import distil, terminal

    options = distil.Options(protect=_names(protect), margin=margin, floor=floor, synthetic=synthetic)
    with terminal.Progress() as progress:
        verdict = distil.judge(model, held=held, candidate=candidate, options=options, progress=progress)
    if as_json:
        typer.echo(verdict.model_dump_json(indent=1))
    else:
        _verdict(verdict)
    raise typer.Exit(0 if verdict.passed else 1)


@app.command("rollout", help=t("help.distil_rollout"))
def _rollout(model: _Model, lang: Lang = None) -> None:
    from taihang.app import distil

    _in_use(model, distil.roll_out(model))


@app.command("rollback", help=t("help.distil_rollback"))
def _rollback(model: _Model, lang: Lang = None) -> None:
    from taihang.app import distil

    _in_use(model, distil.roll_back(model))


@app.command("status", help=t("help.distil_status"))
def _status(model: _Model, as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import distil
    from taihang.model.distil import versions

    told = distil.status(model)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    for name in ("in_use", "previous"):
        typer.echo(i18n.text(f"app:distil.{name}", sha256=(told[name] or "-")[:16]))
    if told["classes"]:
        typer.echo(i18n.text("app:distil.classes", classes=", ".join(told["classes"])))
    if told["synthetic"]:
        typer.echo(i18n.text("app:distil.synthetic"))
    if told["candidate"] is not None:
        waiting = versions.Told.model_validate(told["candidate"])
        typer.echo(i18n.text("app:distil.waiting", sha256=waiting.sha256[:16]))
        if waiting.verdict is not None:
            _verdict(waiting.verdict)


def _ran(done: distil.Done) -> None:
    """What a run did."""
    if done.left_out:
        typer.echo(i18n.text("app:distil.left_out", count=done.left_out))
    if done.state == "nothing" or done.verdict is None:
        typer.echo(i18n.text("app:distil.nothing"))
        return
    typer.echo(i18n.text("app:distil.learnt", new=done.learnt, old=done.rehearsed))
    if done.confirmed or done.withdrawn:
        typer.echo(i18n.text("app:distil.answers", confirmed=done.confirmed, withdrawn=done.withdrawn))
    if done.lost:
        why = ", ".join(f"{i18n.text(f'app:distil.lost.{name}')} {count}" for name, count in sorted(done.lost.items()))
        typer.echo(i18n.text("app:distil.unanswered", why=why))
    _verdict(done.verdict)
    if done.verdict.passed and done.rolled_out is None and done.candidate is not None:
        typer.echo(i18n.text("app:distil.ready", model=done.candidate.parent))


def _verdict(verdict: gate.Verdict) -> None:
    """A line for each class, and whether the gate opens."""
    for one in verdict.classes:
        typer.echo(
            i18n.text(
                "app:distil.class",
                name=one.name,
                protected=i18n.text("app:distil.protected") if one.protected else "",
                state=i18n.text(f"app:distil.state.{one.state}"),
                held=one.held,
                before="-" if one.before is None else f"{one.before:.3f}",
                after="-" if one.after is None else f"{one.after:.3f}",
                bound="-" if one.bound is None else f"{one.bound:+.3f}",
                lost=one.lost,
                won=one.won,
                p=f"{one.p:.3f}",
            )
        )
    names = ", ".join(one.name for one in verdict.refused)
    typer.echo(i18n.text("app:distil.passed" if verdict.passed else "app:distil.refused", classes=names))


def _in_use(model: Path, told: versions.Told) -> None:
    from taihang.app import distil
    from taihang.model.distil import versions as kept

    typer.echo(i18n.text("app:distil.now", sha256=told.sha256[:16], path=model / kept.IN_USE))
    remember(lambda known: distil.catalogued(known, model, told))


def _names(given: str | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(name.strip() for name in given.split(",") if name.strip())


def _pairs(option: str, form: str, given: list[str] | tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, other = one.partition("=")
        if not (equals and name.strip() and other.strip()):
            raise errors.UserError("app:distil.pair", option=option, form=form, given=one)
        found[name.strip()] = other.strip()
    return found


def _size(given: str | None) -> tuple[int, int] | None:
    if given is None:
        return None
    found = re.fullmatch(r"(\d{1,4})[x×](\d{1,4})", given.strip())
    if found is None:
        raise errors.UserError("model.distil:size", size=given)
    return int(found[2]), int(found[1])
