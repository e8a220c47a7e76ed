"""Verbs about tickets: taihang tickets …, and quarantine."""

# ruff: noqa: PLC0415, PLR0917 - verbs import late on purpose, and have as many options as they have
from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from taihang.app.verbs import wording
from taihang.app.verbs.users import Tenant
from taihang.app.verbs.wording import AsJson, Lang, Level, t
from taihang.core import i18n, words

if TYPE_CHECKING:
    from taihang.catalog.tickets import words as cards

app = wording.group("help.tickets")
top = typer.Typer()
State = Literal["new", "acknowledged", "assigned", "resolved", "verified", "closed"]
Ticket = Annotated[str, typer.Argument(metavar="TICKET", help=t("help.ticket"))]
Sources = Annotated[list[str], typer.Argument(metavar="SOURCE…", help=t("help.tables"))]
Policy = Annotated[str, typer.Option("--policy", help=t("help.ticket_policy"))]
Rules = Annotated[str, typer.Option("--rules", help=t("help.ticket_rules"))]
Number = Annotated[int | None, typer.Option("--number", min=0, help=t("help.ticket_number"))]
Expect = Annotated[int | None, typer.Option("--expect", min=1, help=t("help.ticket_expect"))]
Reason = Annotated[str, typer.Option("--reason", help=t("help.ticket_reason"))]
As = Annotated[str, typer.Option("--as", help=t("help.ticket_as"))]


@app.command("list", help=t("help.tickets_list"))
def _list(
    state: Annotated[State | None, typer.Option("--state", help=t("help.ticket_state"))] = None,
    floor: Annotated[Level | None, typer.Option("--level", help=t("help.fail_on"))] = None,
    owner: Annotated[str | None, typer.Option("--owner", help=t("help.ticket_owner"))] = None,
    asset: Annotated[str | None, typer.Option("--asset", help=t("help.ticket_asset"))] = None,
    rule: Annotated[str | None, typer.Option("--rule", help=t("help.ticket_rule"))] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help=t("help.ticket_overdue"))] = False,
    after: Annotated[str | None, typer.Option("--after", help=t("help.ticket_after"))] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help=t("help.ticket_limit"))] = 50,
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import tickets
    from taihang.catalog.tickets import words as asked

    only = asked.Filter(
        state=state,
        floor=words.Level(floor) if floor else None,
        owner=owner,
        asset=asset,
        rule=rule,
        overdue=overdue or None,
    )
    with tickets.opened(tenant=tenant) as at:
        page = at.list(only, after=after, limit=limit)
    if as_json:
        _json({"tickets": [card.model_dump(mode="json") for card in page.items], "next": page.next})
        return
    for card in page.items:
        typer.echo(_line(card))
    if not page.items:
        typer.echo(t("tickets.none"))
    if page.next is not None:
        typer.echo(i18n.text("app:tickets.next", cursor=page.next))


@app.command("show", help=t("help.tickets_show"))
def _show(ticket: Ticket, tenant: Tenant = "default", as_json: AsJson = False, lang: Lang = None) -> None:
    from taihang.app import tickets

    with tickets.opened(tenant=tenant) as at:
        card, events, found = at.get(ticket), at.history(ticket), at.findings(ticket)
    if as_json:
        _json(
            {
                "ticket": card.model_dump(mode="json"),
                "history": [e.model_dump(mode="json") for e in events],
                "findings": [{"id": f.id, **f.model_dump(mode="json")} for f in found],
            }
        )
        return
    typer.echo(_line(card))
    for one in found:
        typer.echo(f"  {one.message.in_()}")
    for event in events:
        said = " ".join(s for s in (event.note.in_() if event.note else "", event.reason) if s)
        kind, state = (i18n.text(f"catalog.tickets:{k}") for k in (f"kind.{event.kind}", f"state.{event.to_state}"))
        at_ = event.at.astimezone().isoformat(timespec="seconds")
        typer.echo(
            i18n.text(
                "app:tickets.event", number=event.number, at=at_, who=event.who, kind=kind, state=state, said=said
            )
        )


@app.command("open", help=t("help.tickets_open"))
def _open(
    report: Annotated[Path, typer.Option("--report", help=t("help.ticket_report"))],
    policy: Policy = "default",
    asset: Annotated[str, typer.Option("--asset", help=t("help.ticket_asset"))] = "",
    owner: Annotated[str, typer.Option("--asset-owner", help=t("help.ticket_asset_owner"))] = "",
    domain: Annotated[str, typer.Option("--domain", help=t("help.ticket_domain"))] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help=t("help.ticket_tag"))] = None,
    number: Number = None,
    who: As = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import tickets
    from taihang.catalog.tickets import policy as policies

    rules = policies.load(policy)
    with tickets.opened(who, tenant) as at:
        done = tickets.open_report(
            at, report, rules, asset=asset, owner=owner, domain=domain, tags=tag or (), number=number
        )
    _came(done, as_json)


@app.command("ack", help=t("help.tickets_ack"))
def _ack(
    ticket: Ticket,
    expect: Expect = None,
    who: As = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import tickets

    with tickets.opened(who, tenant) as at:
        _card(at.move(ticket, "acknowledged", expected_version=expect), as_json)


@app.command("assign", help=t("help.tickets_assign"))
def _assign(
    ticket: Ticket,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help=t("help.ticket_owner"))] = "",
    reason: Reason = "",
    expect: Expect = None,
    who: As = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import tickets

    with tickets.opened(who, tenant) as at:
        _card(at.assign(ticket, owner, reason=reason, expected_version=expect), as_json)


@app.command("resolve", help=t("help.tickets_resolve"))
def _resolve(
    ticket: Ticket,
    reason: Reason = "",
    false_alarm: Annotated[bool, typer.Option("--false-alarm", help=t("help.ticket_false_alarm"))] = False,
    expect: Expect = None,
    who: As = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import tickets

    with tickets.opened(who, tenant) as at:
        done = at.move(ticket, "resolved", reason=reason, false_alarm=false_alarm, expected_version=expect)
        _card(done, as_json)


@app.command("verify", help=t("help.tickets_verify"))
def _verify(
    ticket: Ticket,
    sources: Sources,
    rules: Rules,
    number: Number = None,
    as_of: Annotated[datetime.datetime | None, typer.Option("--as-of", help=t("help.as_of"))] = None,
    budget: Annotated[str, typer.Option("--budget", help=t("help.budget"))] = "2%",
    detector: Annotated[str, typer.Option("--detector", help=t("help.detector"))] = "builtin",
    expect: Expect = None,
    who: As = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import closing, tickets

    on = closing.Version(tuple(sources), rules, number, _moment(as_of), budget, detector)
    with tickets.opened(who, tenant) as at:
        card = closing.verify(at, ticket, on, expected_version=expect)
        event = at.history(ticket)[-1]
    _card(card, as_json)
    if event.note is not None and not as_json:
        typer.echo(event.note.in_())
    raise typer.Exit(0 if card.state == "verified" else 1)


@app.command("regress", help=t("help.tickets_regress"))
def _regress(
    sources: Sources,
    asset: Annotated[str, typer.Option("--asset", help=t("help.ticket_asset"))],
    rules: Rules,
    policy: Policy = "default",
    number: Number = None,
    as_of: Annotated[datetime.datetime | None, typer.Option("--as-of", help=t("help.as_of"))] = None,
    budget: Annotated[str, typer.Option("--budget", help=t("help.budget"))] = "2%",
    detector: Annotated[str, typer.Option("--detector", help=t("help.detector"))] = "builtin",
    who: As = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import closing, tickets
    from taihang.catalog.tickets import policy as policies

    on = closing.Version(tuple(sources), rules, number, _moment(as_of), budget, detector)
    with tickets.opened(who, tenant) as at:
        done = closing.regress(at, asset, on, policies.load(policy))
    if as_json:
        _json({"version": done.version, "held": done.held, "broken": done.broken, "unjudged": done.unjudged})
    else:
        counts = {"held": len(done.held), "broken": len(done.broken), "unjudged": len(done.unjudged)}
        typer.echo(i18n.text("app:tickets.regressed", **counts))
        for name in (*done.broken, *done.unjudged):
            typer.echo(f"  {name}")
        _came(done.opened, False)
    raise typer.Exit(done.exit_code)


@app.command("close", help=t("help.tickets_close"))
def _close(
    ticket: Ticket,
    reason: Reason = "",
    expect: Expect = None,
    who: As = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import tickets

    with tickets.opened(who, tenant) as at:
        _card(at.move(ticket, "closed", reason=reason, expected_version=expect), as_json)


@app.command("comment", help=t("help.tickets_comment"))
def _comment(
    ticket: Ticket,
    remark: Annotated[str, typer.Argument(metavar="TEXT", help=t("help.ticket_remark"))],
    expect: Expect = None,
    who: As = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import tickets

    with tickets.opened(who, tenant) as at:
        _card(at.comment(ticket, remark, expected_version=expect), as_json)


@app.command("deliver", help=t("help.tickets_deliver"))
def _deliver(lang: Lang = None) -> None:
    from taihang.app import tickets

    with tickets.opened() as at:
        done = tickets.rounds(at.store)
    typer.echo(i18n.text("app:tickets.delivered", sent=done.sent, put_off=done.put_off, failed=done.failed))


@top.command("quarantine", help=t("help.quarantine"))
def _quarantine(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=t("help.quarantine_source"))],
    out: Annotated[Path, typer.Option("--out", help=t("help.out"))],
    tenant: Tenant = "default",
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    from taihang.app import quarantining, tickets

    with tickets.opened(tenant=tenant) as at:
        done = quarantining.separate(at, source, out)
    if as_json:
        files = [str(path) for path in done.files]
        _json({"files": files, "kept": done.kept, "left_out": done.left_out, "tickets": done.tickets})
        return
    names = ", ".join(done.tickets) or "-"
    typer.echo(i18n.text("app:tickets.separated", kept=done.kept, left_out=done.left_out, tickets=names))
    for path in done.files:
        typer.echo(str(path))


def _card(card: cards.Card, as_json: bool) -> None:
    if as_json:
        _json(card.model_dump(mode="json"))
    else:
        typer.echo(_line(card))


def _line(card: cards.Card) -> str:
    return i18n.text(
        "app:tickets.line",
        id=card.id,
        state=i18n.text(f"catalog.tickets:state.{card.state}"),
        level=i18n.text(f"core:level.{card.level.value}"),
        title=card.title,
        owner=card.owner or "-",
        due=card.due.astimezone().isoformat(timespec="minutes") if card.due else "-",
        overdue=t("tickets.overdue") if card.overdue else "",
    )


def _came(done: cards.Opened, as_json: bool) -> None:
    import dataclasses

    found = dataclasses.asdict(done)
    if as_json:
        _json(found)
        return
    typer.echo(i18n.text("app:tickets.opened", **{name: len(some) for name, some in found.items()}))
    for name in ("opened", "returned", "reopened"):
        for ident in found[name]:
            typer.echo(f"  {ident}")


def _moment(as_of: datetime.datetime | None) -> datetime.datetime | None:
    return as_of.replace(tzinfo=datetime.UTC) if as_of is not None else None


def _json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
