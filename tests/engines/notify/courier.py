"""A courier in a process of its own: one round on the store that the environment names."""

from __future__ import annotations

import os

from taihang.engines.notify import deliveries, settings
from taihang.engines.store import opening

if __name__ == "__main__":
    store = opening.open_store(os.environ["STORE"])
    deliveries.Courier(store, lambda ref: "s3cret", settings.Settings(private_hosts="*", timeout_s=5)).round()
