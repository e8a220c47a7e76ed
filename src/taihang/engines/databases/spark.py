"""Spark: a session on this machine or on a cluster, over Parquet files."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pydantic

from taihang.core import errors, settings
from taihang.engines.databases import database

try:
    import pyspark.errors
    import pyspark.sql
except ImportError:
    pyspark = None

_LONG = 10_000


class Settings(settings.Section):
    """Where Spark runs: `local[*]`, or `spark://HOST:PORT` of a cluster that sees the same files.

    `memory` is that of the driver here and of each executor there. `driver` is the name or address of this
    machine by which the cluster's machines reach it; Spark finds one itself when it is absent.
    """

    name = "spark"
    master: str = pydantic.Field(default="local[*]", pattern=r"^(local\[(\*|\d+)\]|(spark|yarn|k8s).*)$")
    memory: str = pydantic.Field(default="1g", pattern=r"^\d+[mg]$")
    driver: str | None = pydantic.Field(default=None, max_length=255)
    partitions: int = pydantic.Field(default=8, ge=1, le=100_000)


class Spark(database.Database):
    """A session with a view for each table. The session is shared in a process, and ends with it."""

    dialect = "spark"

    def __init__(self, views: Mapping[str, Path], session: Any = None) -> None:
        if pyspark is None:
            raise errors.MissingExtra("spark", "Spark")
        self.name = "spark"
        self._session = session or _session()
        for view, path in views.items():
            try:
                frame = self._session.read.option("mergeSchema", "true").parquet(str(path))
                placed = frame.select(
                    "*",
                    frame["_metadata.row_index"].alias(database.POSITION),
                    frame["_metadata.file_path"].alias(database.FILE),
                )
                placed.createOrReplaceTempView(view)
            except pyspark.errors.PySparkException as error:
                raise _told(error) from None

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows, a partition at a time."""
        # A method of Java holds 64 KB: what is longer is not made into one, instead of tried in vain.
        self._session.conf.set("spark.sql.codegen.wholeStage", str(len(sql) < _LONG).lower())
        try:
            yield from map(tuple, self._session.sql(sql).toLocalIterator())
        except pyspark.errors.PySparkException as error:
            raise _told(error) from None

    def close(self) -> None:
        """The session stays for the next one."""


def _session() -> Any:
    given = Settings.current()
    config = {
        "spark.ui.enabled": "false", "spark.driver.memory": given.memory, "spark.executor.memory": given.memory,
        "spark.sql.shuffle.partitions": str(given.partitions),
        "spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true", "spark.log.level": "ERROR",
        "spark.ui.showConsoleProgress": "false", "spark.sql.caseSensitive": "true",
        "spark.sql.parser.escapedStringLiterals": "false",
    }  # fmt: skip
    alone = given.master.startswith("local")  # then nobody else has to reach the driver, and nobody can
    if host := given.driver or ("127.0.0.1" if alone else None):
        config |= {"spark.driver.host": host, "spark.driver.bindAddress": "127.0.0.1" if alone else host}
    logging.getLogger("py4j").setLevel(logging.ERROR)
    builder = pyspark.sql.SparkSession.builder.appName("taihang").master(given.master)
    for name, value in config.items():
        builder = builder.config(name, value)
    try:
        made = builder.getOrCreate()
        made.sparkContext.setLogLevel("FATAL")
        return made
    except (pyspark.errors.PySparkException, OSError) as error:
        raise _told(error) from None


def _told(error: Exception) -> errors.TaihangError:
    reason = str(error).strip().split("\n", 1)[0][:300]
    if pyspark is not None and isinstance(error, (pyspark.errors.AnalysisException, pyspark.errors.ParseException)):
        return errors.UserError("engines.sources:database", path="spark", reason=reason)
    return errors.Failure("engines.sources:connection", path="spark", reason=reason)
