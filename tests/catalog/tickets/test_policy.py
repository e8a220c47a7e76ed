"""Policies: who, by when, by which calendar; and each mistake in the file told at its place."""

from __future__ import annotations

import datetime
import re

import pytest
from catalog.tickets import made
from hypothesis import given
from hypothesis import strategies as st

from taihang.catalog.tickets import hours, policy, rota
from taihang.core import errors
from tests.house import source

UTC = datetime.UTC
HEAD = 'taihang: tickets/1\nid: p\nversion: "1"\ntitle: {zh: 策, en: p}\n'


def _at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "hours_", "end"),
    [
        ("2026-11-20T09:00+08:00", 3, "2026-11-20T12:00+08:00"),
        ("2026-11-20T11:00+08:00", 2, "2026-11-20T14:30+08:00"),
        ("2026-11-20T17:00+08:00", 2, "2026-11-23T10:00+08:00"),  # over the weekend
        ("2026-11-21T03:00+08:00", 1, "2026-11-23T10:00+08:00"),
        ("2026-09-30T17:00+08:00", 2, "2026-10-08T10:00+08:00"),  # over the holidays of October
        ("2026-10-09T17:30+08:00", 1, "2026-10-10T09:30+08:00"),  # into a Saturday that is worked
    ],
)
def test_only_working_hours_count(start: str, hours_: float, end: str) -> None:
    days = [datetime.date(2026, 10, n) for n in range(1, 8)]
    calendar = hours.Calendar(holidays=frozenset(days), workdays=frozenset({datetime.date(2026, 10, 10)}))
    assert calendar.after(_at(start), hours_ * 3600) == _at(end)


def test_a_night_in_which_clocks_change_is_as_long_as_it_is() -> None:
    calendar = hours.Calendar.model_validate(
        {"zone": "Europe/Berlin", "days": ["sat", "sun"], "hours": ["00:00-23:00"]}
    )
    # 25 October 2026 has 25 hours in Berlin.
    assert calendar.after(_at("2026-10-25T00:00+02:00"), 24 * 3600) == _at("2026-10-25T23:00+01:00")


@given(
    start=st.datetimes(datetime.datetime(2025, 1, 1), datetime.datetime(2027, 12, 31)),
    one=st.floats(0, 400_000),
    more=st.floats(0, 400_000),
    zone=st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/New_York", "UTC"]),
)
def test_time_passes_piece_by_piece_as_in_one(start: datetime.datetime, one: float, more: float, zone: str) -> None:
    calendar = hours.Calendar(zone=zone)
    begin = start.replace(tzinfo=UTC)
    whole = calendar.after(begin, one + more)
    assert whole >= begin + datetime.timedelta(seconds=one + more) - datetime.timedelta(milliseconds=1)
    pieces = calendar.after(calendar.after(begin, one), more)
    assert abs((whole - pieces).total_seconds()) < 0.01 or more == 0 or one == 0


def test_turns_pass_on_at_the_wall_clock_whatever_the_season() -> None:
    weekly = rota.Rota(people=("ann", "bo", "cy"), starts=_at("2026-03-02T08:00"), zone="Europe/Berlin")
    calendar = hours.Calendar()
    for moment, who in (
        ("2026-03-02T08:00+01:00", "ann"),
        ("2026-03-09T07:59+01:00", "ann"),
        ("2026-03-09T08:00+01:00", "bo"),
        ("2026-03-30T07:59+02:00", "ann"),  # summer time since the 29th
        ("2026-03-30T08:00+02:00", "bo"),
        ("2026-03-01T12:00+01:00", "cy"),  # before the first turn
    ):
        assert weekly.on(_at(moment), calendar) == who, moment


def test_days_off_pass_no_turn_on() -> None:
    daily = rota.Rota(people=("ann", "bo"), turn="day", starts=_at("2026-11-19T08:00"), skip="holidays")
    calendar = hours.Calendar()
    turns = [daily.on(_at(f"2026-11-{day}T09:00+08:00"), calendar) for day in (19, 20, 21, 22, 23, 24)]
    assert turns == ["ann", "bo", "bo", "bo", "ann", "bo"]


def test_the_shipped_policy_holds() -> None:
    assert policy.shipped() == ("default",)
    loaded = policy.load("default")
    drafts, left = loaded.drafts(
        [made.found(), made.found("b", "yellow"), made.found("c", "info")], made.subject(owner="wu")
    )
    assert [loaded.owner(d.entry, made.subject(owner="wu"), _at("2026-11-20T09:00Z")) for d in drafts] == ["wu", "wu"]
    assert len(left) == 1
    with pytest.raises(errors.UserError, match="default"):
        policy.load("no such policy")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "file:1:1"),
        (HEAD, "entries"),
        (HEAD + "entries: []", "file:5:10: entries"),
        (HEAD + "entries:\n  - {id: a, group: day}", "file:6:20"),
        (HEAD + "entries:\n  - {id: a, colour: red}", "file:6:21"),
        (HEAD + "entries:\n  - {id: a, notify: [ops]}", "no channel ops"),
        (HEAD + "entries:\n  - {id: a, owner: {rota: r}}", "no rota r"),
        (HEAD + "entries:\n  - {id: a}\n  - {id: a}", "differ"),
        (HEAD + "due: {red: soon}\nentries: [{id: a}]", "a duration such as"),
        (HEAD + "calendar: {zone: Mars/Base}\nentries: [{id: a}]", "a time zone such as"),
        (HEAD + "calendar: {hours: ['18:00-09:00']}\nentries: [{id: a}]", "hours of one day"),
        (HEAD + "calendar: {hours: ['09:00-12:00', '11:00-13:00']}\nentries: [{id: a}]", "without overlap"),
        (HEAD + "calendar: {days: []}\nentries: [{id: a}]", "days"),
        (HEAD + 'channels: {x: {kind: webhook, url: "https://u:p@h/"}}\nentries: [{id: a}]', "without a password"),
        (HEAD + "channels: {x: {kind: webhook, url: 'https://h/', secret: hunter2}}\nentries: [{id: a}]", "secret"),
        (HEAD + "rotas: {r: {people: [a], starts: '2026-01-01T00:00Z'}}\nentries: [{id: a}]", "without a zone"),
        (HEAD + "rotas: {r: {people: [], starts: '2026-01-01T00:00'}}\nentries: [{id: a}]", "people"),
        (HEAD + "entries: &a [*a]", "file:5:10"),
        ("x: !!python/object:os.system {}", "file:1:4"),
    ],
)
def test_mistakes_are_told_at_their_place(text: str, told: str) -> None:
    with pytest.raises(errors.UserError) as caught:
        policy.loads(text.encode(), "file")
    assert told in caught.value.message.in_("en")
    assert "hunter2" not in caught.value.message.in_("en")
    assert not re.search("[a-z]{4,} [a-z]{2,} [a-z]{2,}", caught.value.message.in_("zh"))


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_policy_or_an_error(data: bytes) -> None:
    try:
        policy.loads(HEAD.encode() + data, "file")
    except errors.UserError as error:
        assert "\n" not in str(error)


def test_the_policy_in_the_documentation_holds() -> None:
    text = (source.ROOT / "docs" / "tickets.md").read_text(encoding="utf-8")
    written = re.search(r"```yaml\n(.*?)```", text, re.S)
    assert written is not None
    loaded = policy.loads(written[1].encode(), "docs")
    assert policy.Loaded(loaded.policy, loaded.sha256).notify(loaded.policy.entries[2])[1]["channel"]["kind"] == "email"
