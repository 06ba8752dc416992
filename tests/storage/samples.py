"""Resources and homes that the tests are about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloudops_ls.storage.key_record import ScryptParameters
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.resource import Resource

if TYPE_CHECKING:
    from cloudops_ls.home import Home

ACCOUNT = "123456789012"
REGION = "us-west-2"
MOMENT = datetime(2025, 10, 8, 10, 30, tzinfo=UTC)
PASSPHRASE = "a passphrase of the tests"
FAST_SCRYPT = ScryptParameters(n=2)


def ring(home: Home, passphrase: str = PASSPHRASE) -> KeyRing:
    environ = {"CLOUDOPS_PASSPHRASE": passphrase}
    return KeyRing(home, environ=environ, scrypt=FAST_SCRYPT)


def resource(name: str, **changes: Any) -> Resource:
    """Return the seed's RDS instance under another name, with changes."""
    fields: dict[str, Any] = {
        "resource_type": "rds_instance",
        "identifier": name,
        "account_id": ACCOUNT,
        "region": REGION,
        "name": name,
        "state": "available",
        "engine": "postgres",
        "engine_version": "14.7",
        "tags": {"env": "production", "app": "main"},
        "permissions": ("rds:StopDBInstance",),
        "constraints": {"can_stop": True},
        "metadata": {"instance_class": "db.t3.medium", "allocated_storage": 100},
        "last_synced": MOMENT,
        **changes,
    }
    fields.setdefault(
        "arn",
        f"arn:aws:rds:{fields['region']}:{fields['account_id']}:db:{fields['identifier']}",
    )
    return Resource(**fields)


def estate(count: int) -> list[Resource]:
    """Return ``count`` resources with names, regions and tags that vary."""
    return [
        resource(
            f"svc-{index:05d}",
            region=("us-west-2", "us-east-1", "eu-west-1")[index % 3],
            tags={"env": ("production", "staging")[index % 2], "app": f"app{index % 7}"},
            state=("available", "stopped")[index % 2],
        )
        for index in range(count)
    ]
