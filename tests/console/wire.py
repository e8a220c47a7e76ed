"""Wire: a line between a browser and a server that can be cut and mended, as a network is."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Wire:
    """Forwards what comes to `base` to the port `to`; cut, it closes every connection and takes no new one."""

    def __init__(self, to: int) -> None:
        self.to = to
        self._place = socket.socket()
        self._place.bind(("127.0.0.1", 0))
        self._place.listen(64)
        self.base = f"http://127.0.0.1:{self._place.getsockname()[1]}"
        self._whole = True
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Everything is lost from now on."""
        self._whole = False
        with self._lock:
            held, self._open = self._open, set()
        for one in held:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def mend(self) -> None:
        """It holds again."""
        self._whole = True

    def close(self) -> None:
        """For good."""
        self.cut()
        self._place.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._place.accept()
            except OSError:
                return
            if not self._whole:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.to), 5)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            for start, end in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(start, end), daemon=True).start()

    def _carry(self, start: socket.socket, end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := start.recv(1 << 16):
                end.sendall(data)
        for one in (start, end):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def between(base: str) -> Iterator[Wire]:
    """A wire to the server at `base`."""
    made = Wire(int(base.rpartition(":")[2]))
    try:
        yield made
    finally:
        made.close()
