"""Schema: every table of the store on one metadata, and the column that keeps tenants apart."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
TENANT = "tenant"
_TENANTED = "tenanted"


class Utc(sa.types.TypeDecorator[datetime.datetime]):
    """A time with its zone, kept as UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: sa.Dialect) -> datetime.datetime | None:
        """To UTC. Raises ValueError for a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs its zone")
        return value.astimezone(datetime.UTC)

    def process_result_value(self, value: datetime.datetime | None, dialect: sa.Dialect) -> datetime.datetime | None:
        """From UTC."""
        return None if value is None else value.replace(tzinfo=value.tzinfo or datetime.UTC).astimezone(datetime.UTC)


def tenanted(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> sa.Table:
    """A table whose every row belongs to a tenant: `tenant` is its first column and part of its primary key.

    Read and written only through `scope.Scope`, which adds the tenant to each statement.
    """
    return sa.Table(
        name,
        metadata,
        sa.Column(TENANT, sa.String(100), primary_key=True),
        *parts,
        info={_TENANTED: True},
        **options,
    )


def is_tenanted(table: sa.Table) -> bool:
    """True for a table that `tenanted` made."""
    return bool(table.info.get(_TENANTED))
