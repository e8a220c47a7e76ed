"""Probe: the facts of every kind of file, or one line that says what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies

from taihang.core import errors, ids
from taihang.engines.media import frames, packets, probe
from tests.fixtures import videos


@pytest.mark.parametrize("name", sorted(videos.NORMAL))
def test_every_kind_is_inspected(name: str) -> None:
    path = videos.get(name)
    facts = probe.probe(path)
    assert facts.frames == videos.NORMAL[name]
    assert facts.sha256 == ids.digest(path.read_bytes())
    assert facts.size == path.stat().st_size
    assert facts.name == path.name
    assert facts.first_frame == 0
    assert facts.truncated_s is None
    assert facts.b_frames == (name in B_FRAMES)
    assert facts.interlaced == name.startswith("interlaced")
    assert facts.variable_rate == (name in {"vfr", "repeated_stamps"})
    assert bool(facts.gaps) == (name == "gap")
    assert bool(facts.clock_resets) == (name == "joined_ts")
    assert facts.bit_depth == (10 if name in {"ten_bit", "hdr"} else 8)
    assert probe.Probe.model_validate_json(facts.model_dump_json()) == facts
    for warning in facts.warnings:
        assert "\n" not in warning.in_("zh") + warning.in_("en")


B_FRAMES = {
    "b_frames", "open_gop", "open_gop_ts", "hevc", "ten_bit", "hdr", "interlaced_ts", "mpeg2_ps", "mpegts", "mkv",
    "flv", "mpeg4_b", "fragmented", "rotated_270", "joined_ts",
}  # fmt: skip


def test_plain_facts() -> None:
    facts = probe.probe(videos.get("plain"))
    assert (facts.codec, facts.width, facts.height, facts.fps) == ("h264", 320, 240, 30)
    assert facts.duration_s == pytest.approx(2.0)
    assert facts.key_frames == 4
    assert facts.warnings == ()
    assert [s.kind for s in facts.streams] == ["video"]


def test_turned_files_have_their_shown_size() -> None:
    assert _shape("rotated") == (240, 320, 90, False)
    assert _shape("rotated_270") == (240, 320, 270, False)
    assert _shape("mirrored") == (320, 240, 0, True)


def _shape(name: str) -> tuple[int, int, int, bool]:
    facts = probe.probe(videos.get(name))
    return facts.width, facts.height, facts.rotation, facts.mirrored


def test_a_gap_is_found_where_it_is() -> None:
    facts = probe.probe(videos.get("gap"))
    assert [(round(g.start_s, 2), round(g.end_s, 2)) for g in facts.gaps] == [(1.0, 11.0)]
    assert "10.0 s in all" in facts.warnings[0].in_("en")


def test_rates() -> None:
    assert probe.probe(videos.get("one_fps")).fps == 1
    assert probe.probe(videos.get("one_fps")).duration_s == 12
    assert probe.probe(videos.get("mkv")).fps == pytest.approx(30, abs=0.02)


def test_hdr_and_sound_and_subtitles_are_seen() -> None:
    assert probe.probe(videos.get("hdr")).hdr
    assert probe.probe(videos.get("with_audio")).audio
    assert probe.probe(videos.get("subtitled")).telemetry == ("subtitle",)


def test_a_cut_file_with_its_index_in_front_works_up_to_the_cut() -> None:
    facts = probe.probe(videos.get("truncated_front"))
    assert facts.truncated_s == pytest.approx(facts.duration_s)
    assert 0.5 < facts.duration_s < 1.9
    assert any("is cut" in w.in_("en") for w in facts.warnings)


def test_corrupt_packets_are_counted() -> None:
    assert probe.probe(videos.get("corrupted_ts")).corrupt_packets > 0


def test_real_files(shared: Callable[[str], Path]) -> None:
    facts = probe.probe(shared("video/gopro_max-heromode.mp4"))
    assert (facts.frames, facts.width, facts.height, facts.telemetry) == (315, 848, 480, ("gpmf",))
    assert facts.fps == pytest.approx(29.97, abs=0.01)
    facts = probe.probe(shared("video/intel_one-by-one-person.mp4"))
    assert (facts.frames, facts.duration_s) == (1394, pytest.approx(139.4))
    facts = probe.probe(shared("video/intel_worker-zone-detection.preview.gif"))
    assert (facts.frames, facts.key_frames, facts.codec) == (71, 1, "gif")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("truncated", "no index (moov)"),
        ("empty", "is empty (0 bytes)"),
        ("text", "is text"),
        ("noise", "not a video in a known format"),
        ("audio_only", "no video stream (only: audio)"),
        ("cover", "no video stream"),
        ("no_frames", "not one frame can be decoded"),
        ("unknown_codec", "no decoder for its video codec"),
        ("monster", "over the limit of 50000000 pixels"),
        ("monster_65535", "over the limit"),
        ("hls", "is a playlist"),
        ("concat", "is a playlist"),
        ("sdp", "is a playlist"),
        ("dash", "is a playlist"),
    ],
)
def test_what_cannot_be_inspected_says_why_in_one_line(name: str, says: str) -> None:
    path = videos.get(name)
    with pytest.raises(errors.UserError) as caught:
        probe.probe(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    for language in ("zh", "en"):
        assert "\n" not in caught.value.message.in_(language)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    for name, says in {
        "": "directory",
        "gone.mp4": "no such file",
        "pipe.mp4": "not a regular",
        "loop.mp4": "read",
    }.items():
        with pytest.raises(errors.UserError, match=says):
            probe.probe(tmp_path / name)
    with pytest.raises(errors.UserError, match="not a regular"):
        probe.probe("/dev/zero")


def test_links_and_odd_names_are_followed(tmp_path: Path) -> None:
    odd = tmp_path / "http:??矿井 %d 'x'.mp4"
    odd.symlink_to(videos.get("plain"))
    assert probe.probe(odd).frames == 60
    assert packets.packets(odd).num_rows == 60


def test_a_playlist_never_opens_what_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disguised playlist that names a good film is refused, with every suffix that could help it."""
    for suffix in (".mp4", ".m3u8", ".ts", ".mkv", ".ffconcat"):
        for kind in ("hls", "concat", "dash"):
            path = tmp_path / f"{kind}{suffix}"
            path.write_bytes(videos.get(kind).read_bytes())
            with pytest.raises(errors.UserError, match="playlist"):
                probe.probe(path)


def test_the_limit_on_sizes_holds_in_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    path = videos.get("mjpeg")
    table = packets.packets(path)
    monkeypatch.setenv("TAIHANG_MEDIA_MAX_PIXELS", "1000")
    with pytest.raises(errors.UserError):
        probe.probe(path)
    with pytest.raises(errors.UserError):
        probe.probe(videos.get("plain"))
    with pytest.raises(errors.UserError):
        list(frames.frames(path, [0], table))


SMALL = ("three", "front", "mpegts", "mkv", "mjpeg", "gif", "flv", "mpeg2_ps", "raw_b", "fragmented", "hevc")


def _survives(path: Path) -> None:
    """A result or a TaihangError, whatever the bytes; then its frames too."""
    try:
        facts = probe.probe(path)
        table = packets.packets(path, facts)
        list(frames.frames(path, range(0, min(table.num_rows, 60), 7), table))
    except errors.TaihangError as error:
        assert "\n" not in str(error)


@hypothesis.settings(max_examples=150, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(data=strategies.data())
def test_mutated_files_give_a_result_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: strategies.DataObject
) -> None:
    whole = bytearray(videos.get(data.draw(strategies.sampled_from(SMALL))).read_bytes())
    places = strategies.integers(0, len(whole) - 1)
    if data.draw(strategies.booleans()):
        # The headers are where a parser lives: the first and the last 2000 bytes.
        places = strategies.integers(-2000, 2000).map(lambda n: n % len(whole))
    for place, value in data.draw(
        strategies.lists(strategies.tuples(places, strategies.integers(0, 255)), max_size=20)
    ):
        whole[place] = value
    cut = data.draw(strategies.one_of(strategies.none(), strategies.integers(1, len(whole))))
    path = tmp_path_factory.getbasetemp() / "mutated.mp4"
    path.write_bytes(bytes(whole[:cut]))
    _survives(path)


@hypothesis.settings(max_examples=100, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(
    start=strategies.sampled_from(
        [b"", b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI ", b"GIF89a", b"FLV\x01", b"G" * 189]
    ),
    noise=strategies.binary(max_size=3000),
)
def test_noise_gives_one_line(tmp_path_factory: pytest.TempPathFactory, start: bytes, noise: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.mp4"
    path.write_bytes(start + noise)
    _survives(path)
