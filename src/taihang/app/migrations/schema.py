"""Schema: the modules that declare tables, so that all of them are known wherever the store is made."""

from __future__ import annotations

import importlib

import sqlalchemy as sa

from taihang.engines.store import schema

MODULES = (
    "taihang.app.api.schema",
    "taihang.app.jobs.tables",
    "taihang.catalog.lineage.tables",
    "taihang.catalog.retention.tables",
    "taihang.catalog.tables",
    "taihang.catalog.tickets.tables",
    "taihang.engines.notify.deliveries",
    "taihang.trust.access.policies",
    "taihang.trust.access.rates",
    "taihang.trust.identity.tables",
    "taihang.trust.ledger.commitments",
    "taihang.trust.ledger.outbox",
)


def metadata() -> sa.MetaData:
    """The whole schema of this release."""
    for module in MODULES:
        importlib.import_module(module)
    return schema.metadata
