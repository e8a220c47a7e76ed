"""Names: how our assets are called in OpenLineage.

A dataset is `namespace` + `name`. The namespace of a tenant's catalogue is `taihang://TENANT`, a name is
`KIND/NAME` of the asset, with the version in the dataset's `version` facet; jobs live in the same
namespace under their verb (`inspect`, `assess` …). Everything else keeps the name that its own system
gives it (`postgres://host:5432` + `database.schema.table`).
"""

from __future__ import annotations

import urllib.parse


def namespace(tenant: str) -> str:
    """The namespace of a tenant's assets and jobs."""
    return f"taihang://{urllib.parse.quote(tenant, safe='')}"


def name(kind: str, asset: str) -> str:
    """The dataset's name of an asset."""
    return f"{kind}/{asset}"


def parted(dataset: str) -> tuple[str, str] | None:
    """Kind and name in a dataset's name of ours."""
    kind, slash, asset = dataset.partition("/")
    return (kind, asset) if slash and asset else None
