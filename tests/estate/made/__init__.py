"""Makes one resource of each catalog type in the stand-in AWS, through the SDK alone."""

from tests.estate.made import (
    access,
    compute,
    databases,
    messages,
    network,
    operations,
    storage,
)
from tests.estate.made.workshop import MAKERS, Workshop

__all__ = [
    "MAKERS",
    "Workshop",
    "access",
    "compute",
    "databases",
    "messages",
    "network",
    "operations",
    "storage",
]
