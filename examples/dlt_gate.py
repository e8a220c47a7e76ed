"""dlt: the load goes into Parquet files, the gate judges them, and only then are they published."""

# ruff: noqa: S603 - the command is spelled out here
import csv
import os
import shutil
import subprocess
from pathlib import Path

import dlt

HERE = Path(__file__).parent
WORK = Path(os.environ.get("WORK", "."))
SOURCE = Path(os.environ.get("ORDERS", WORK / "orders.csv"))


COLUMNS = {"id": {"data_type": "bigint"}, "amount": {"data_type": "double"}}


@dlt.resource(name="orders", write_disposition="replace", columns=COLUMNS)
def orders():
    """Rows of the file."""
    with SOURCE.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield {"id": int(row["id"]), "amount": float(row["amount"])}


if __name__ == "__main__":
    lake = dlt.destinations.filesystem(bucket_url=(WORK / "lake").resolve().as_uri())
    pipeline = dlt.pipeline("orders", destination=lake, dataset_name="landed", pipelines_dir=str(WORK / "dlt"))
    pipeline.run(orders(), loader_file_format="parquet")
    landed = WORK / "lake" / "landed" / "orders"
    command = [os.environ.get("TAIHANG", "taihang"), "assess", f"orders={landed}"]
    command += ["--rules", str(HERE / "orders.rules.yaml"), "--fail-on", "orange", "--out", str(WORK / "report")]
    code = subprocess.run(command, check=False).returncode
    if code == 0:
        shutil.copytree(landed, WORK / "published")
    raise SystemExit(code)
