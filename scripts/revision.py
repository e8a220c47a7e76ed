"""Write the next revision of the store's schema: `python scripts/revision.py "what changes"`. Read it before use."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from taihang.app.migrations import upgrade
from taihang.engines.store import opening


def main() -> None:
    """Compare the code's tables with those of the newest revision, in a throw-away store."""
    with tempfile.TemporaryDirectory() as folder:
        store = opening.open_store(f"sqlite:///{Path(folder) / 'store.db'}")
        try:
            if upgrade.revisions():
                upgrade.upgrade(store)
            with store.begin() as conn:
                print(upgrade.revise(conn, sys.argv[1]))
        finally:
            store.close()


if __name__ == "__main__":
    main()
