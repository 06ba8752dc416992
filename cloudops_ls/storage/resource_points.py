"""Between a resource and its point in the search index, a filter and the index's conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.storage.vectors.index import Condition, VectorPoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cloudops_ls.storage.records import ResourceFilter
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.vectors.index import SparseVector

KEYWORD_FIELDS = ("account_id", "region", "resource_type", "state", "tags")


def point_of(
    resource: Resource, sparse: SparseVector, dense: NDArray[np.float32] | None
) -> VectorPoint:
    """Return the point of a resource, with the vectors of its text."""
    payload: dict[str, str | list[str]] = {
        "account_id": resource.account_id,
        "region": resource.region,
        "resource_type": resource.resource_type,
        "tags": [_tag(key, value) for key, value in resource.tags.items()],
    }
    if resource.state is not None:
        payload["state"] = resource.state
    return VectorPoint(
        key=resource.arn,
        sparse=sparse,
        dense=None if dense is None else dense.tolist(),
        payload=payload,
    )


def conditions_of(filters: ResourceFilter) -> list[Condition]:
    """Return what a point must meet for its resource to pass ``filters``."""
    anys = (
        Condition("account_id", filters.accounts),
        Condition("region", filters.regions),
        Condition("resource_type", filters.types),
        Condition("state", filters.states),
    )
    return [
        *(each for each in anys if each.any_of),
        *(Condition("tags", (_tag(key, value),)) for key, value in filters.tags.items()),
    ]


def _tag(key: str, value: str) -> str:
    return f"{key}={value}"
