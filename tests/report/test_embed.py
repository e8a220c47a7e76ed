"""What travels inside the HTML file."""

from __future__ import annotations

from report import sample
from taihang.report import attachments, embed, view


def test_everything_is_embedded_when_there_is_room() -> None:
    report, files = sample.make()
    held = attachments.Attachments(files)
    assert embed.choose(view.groups(report), report.sections, held, 20_000_000) == frozenset(files)


def test_within_a_small_budget_the_gravest_come_first_and_clips_get_their_half() -> None:
    report, files = sample.make()
    held = attachments.Attachments(files)
    chosen = embed.choose(view.groups(report), report.sections, held, 400_000)
    assert sum(embed.cost_of(name, held) for name in chosen) <= 400_000
    assert "evidence/zone-00133.4-1.jpg" in chosen
    assert "evidence/zone-00133.4.mp4" in chosen
    assert "evidence/dark-02710.0-1.jpg" not in chosen


def test_a_data_uri_carries_exactly_the_bytes_of_the_file() -> None:
    import base64

    _, files = sample.make()
    name = "evidence/zone-00133.4.mp4"
    head, _, body = embed.data_uri(name, attachments.Attachments(files)).partition(",")
    assert head == "data:video/mp4;base64"
    assert base64.b64decode(body) == files[name]
