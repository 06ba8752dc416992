"""What the demo's two accounts contain: a table of believable resources.

Names repeat on purpose (``web-1`` exists four times), so that the demo meets what real estates
are like; ``pg-instance-main1`` exists once.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudops_ls.demo.cloud import PRODUCTION, STAGING, Account, Region


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance, by its Name tag."""

    name: str
    kind: str
    app: str
    owner: str
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Database:
    """An RDS instance."""

    name: str
    engine: str
    version: str
    app: str
    owner: str
    kind: str = "db.r6g.large"
    gigabytes: int = 200
    multi_az: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function."""

    name: str
    app: str
    owner: str
    megabytes: int = 256


@dataclass(frozen=True, slots=True)
class Site:
    """What one account runs in one region, on a network of its own.

    Attributes
    ----------
    environment
        Value of the ``env`` tag of everything in it.
    network
        First two bytes of the network's /16 range.
    tables, queues, buckets, balancers
        Names; buckets are listed at the site whose region they live in.
    """

    account: Account
    region: Region
    environment: str
    network: str
    instances: tuple[Instance, ...]
    databases: tuple[Database, ...]
    functions: tuple[Function, ...]
    buckets: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    balancers: tuple[str, ...] = ()


SITES = (
    Site(
        PRODUCTION,
        Region.OREGON,
        "production",
        "10.20",
        instances=(
            Instance("web-1", "m6i.large", "main", "team-web"),
            Instance("web-2", "m6i.large", "main", "team-web"),
            Instance("api-1", "c6i.xlarge", "main", "team-backend"),
            Instance("api-2", "c6i.xlarge", "main", "team-backend"),
            Instance("worker-1", "c6i.large", "orders", "team-backend"),
            Instance("batch-nightly", "r6i.2xlarge", "reports", "team-data", stopped=True),
            Instance("bastion", "t3.micro", "access", "team-platform"),
        ),
        databases=(
            Database(
                "pg-instance-main1", "postgres", "14.7", "main", "team-backend", multi_az=True
            ),
            Database("pg-analytics", "postgres", "15.4", "reports", "team-data", gigabytes=800),
            Database("mysql-billing", "mysql", "8.0.35", "billing", "team-finance"),
        ),
        functions=(
            Function("orders-webhook", "orders", "team-backend"),
            Function("invoice-pdf", "billing", "team-finance", 1024),
            Function("image-resize", "main", "team-web", 2048),
            Function("nightly-report", "reports", "team-data", 512),
        ),
        buckets=("acme-prod-assets", "acme-prod-backups", "acme-prod-invoices", "acme-prod-logs"),
        tables=("orders", "sessions"),
        queues=("orders-incoming", "orders-dead-letter", "emails"),
        balancers=("web-public",),
    ),
    Site(
        PRODUCTION,
        Region.IRELAND,
        "production",
        "10.30",
        instances=(
            Instance("web-1", "m6i.large", "main", "team-web"),
            Instance("web-2", "m6i.large", "main", "team-web"),
            Instance("api-1", "c6i.xlarge", "main", "team-backend"),
        ),
        databases=(
            Database("pg-instance-eu1", "postgres", "14.7", "main", "team-backend", multi_az=True),
        ),
        functions=(
            Function("orders-webhook", "orders", "team-backend"),
            Function("image-resize", "main", "team-web", 2048),
        ),
        buckets=("acme-prod-eu-assets",),
        tables=("sessions",),
        queues=("orders-incoming",),
        balancers=("web-public",),
    ),
    Site(
        STAGING,
        Region.OREGON,
        "staging",
        "10.40",
        instances=(
            Instance("web-1", "t3.medium", "main", "team-web"),
            Instance("api-1", "t3.medium", "main", "team-backend", stopped=True),
            Instance("worker-1", "t3.medium", "orders", "team-backend"),
        ),
        databases=(
            Database("pg-staging1", "postgres", "16.1", "main", "team-backend", "db.t4g.medium"),
            Database("mysql-billing", "mysql", "8.0.35", "billing", "team-finance", stopped=True),
        ),
        functions=(Function("orders-webhook", "orders", "team-backend"),),
        buckets=("acme-staging-assets",),
        tables=("orders",),
        queues=("orders-incoming",),
        balancers=("web-staging",),
    ),
    Site(
        STAGING,
        Region.IRELAND,
        "staging",
        "10.50",
        instances=(
            Instance("web-1", "t3.medium", "main", "team-web"),
            Instance("load-test-1", "c6i.4xlarge", "access", "team-platform", stopped=True),
        ),
        databases=(
            Database("pg-load-test", "postgres", "16.1", "main", "team-platform", stopped=True),
        ),
        functions=(Function("load-generator", "access", "team-platform", 512),),
        buckets=("acme-staging-load-results",),
    ),
)
