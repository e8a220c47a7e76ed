"""Windows: in which pieces a long sequence is read, so that an event is seen whole before anything is forgotten."""

from __future__ import annotations

from taihang.core import errors


class Windows:
    """Decides, unit by unit (a frame, or a run of text), where one window ends and the next begins.

    A window holds whole units and at most `longest` tokens; it ends before a unit that begins an event,
    unless it would hold less than `whole` of `longest`: then it goes on, so that many short events do
    not cost as many passes. Raises errors.UserError for a `longest` below 1.
    """

    def __init__(self, longest: int, *, whole: float = 0.25) -> None:
        if longest < 1:
            raise errors.UserError("model:longcontext.window", longest=longest)
        self.longest = longest
        self._least = whole * longest
        self._held = 0

    def ends_before(self, length: int, *, begins_event: bool) -> bool:
        """True when the window has to end before a unit of this many tokens."""
        if not self._held:
            return False
        return self._held + length > self.longest or (begins_event and self._held >= self._least)

    def add(self, length: int) -> None:
        """The unit belongs to the window now. Longer ones than a window are for the caller to cut."""
        self._held += length

    def end(self) -> None:
        """The window was read."""
        self._held = 0
