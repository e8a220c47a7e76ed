"""Windows: where a long film is cut for reading."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from taihang.model.longcontext import windows


def _cut(lengths: list[int], events: set[int], longest: int) -> list[list[int]]:
    """The units of each window, by number."""
    queue, found = windows.Windows(longest), [[]]
    for number, length in enumerate(lengths):
        if queue.ends_before(length, begins_event=number in events):
            queue.end()
            found.append([])
        queue.add(length)
        found[-1].append(number)
    return found


def test_an_event_begins_a_window_of_its_own_and_a_crowd_of_events_shares_one() -> None:
    # Ten tokens a frame, windows of eight frames: an event at frame 5 is not cut in two.
    assert _cut([10] * 12, {5}, 80) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10, 11]]
    assert _cut([10] * 12, set(), 80) == [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11]]
    # A quarter of a window is read before another event may end it.
    assert _cut([10] * 6, {1, 2, 3, 4, 5}, 80) == [[0, 1], [2, 3], [4, 5]]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=80),
    events=st.sets(st.integers(0, 79)),
    longest=st.integers(30, 120),
)
def test_windows_hold_every_unit_once_and_never_more_than_they_may(lengths, events, longest) -> None:
    found = _cut(lengths, events, longest)
    assert [number for one in found for number in one] == list(range(len(lengths)))
    sizes = [sum(lengths[number] for number in one) for one in found]
    assert max(sizes) <= longest
    # A window that an event ended is no sliver; any other ended because the next unit did not fit.
    for following, size in zip(found[1:], sizes, strict=False):
        fits = size + lengths[following[0]] <= longest
        assert not fits or (following[0] in events and size >= longest / 4)
    # An event begins a window unless that would have left a sliver before it.
    for number in sorted(events & set(range(1, len(lengths)))):
        mine = next(one for one in found if number in one)
        before = sum(lengths[n] for n in mine if n < number)
        assert mine[0] == number or before < longest / 4
