"""An estate of two thousand resources as a company would have it, for requests about it.

Names, tags, states and references are believable and always the same. Every resource carries
``env``, ``app`` and, where it has one, ``role``, so that a label can say what a request means.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloudops_ls.storage.records import AccountRecord
from cloudops_ls.storage.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 2_000
APPS = (
    "shop", "payments", "checkout", "billing", "orders", "search", "identity", "reports",
    "inventory", "media", "mail", "ledger", "pricing", "catalog", "audit", "gateway",
)  # fmt: skip
ACCOUNTS = {
    "prod": ("111122223333", "acme-production", "production"),
    "staging": ("444455556666", "acme-staging", "staging"),
    "dev": ("777788889999", "acme-development", "development"),
}
SITES = (
    ("prod", "us-west-2", 4),
    ("prod", "eu-west-1", 2),
    ("staging", "eu-west-1", 1),
    ("dev", "eu-west-1", 2),
    ("dev", "us-east-1", 1),
)
ROLES = ("web", "api", "worker")
TEAMS = ("backend", "data", "platform", "frontend")
SYNCED = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def accounts() -> list[AccountRecord]:
    return [
        AccountRecord(account_id=account, alias=alias, profiles=(profile,))
        for account, alias, profile in ACCOUNTS.values()
    ]


def estate(count: int = COUNT) -> list[Resource]:
    """The resources; beyond those of the sites, more and more old volumes."""
    maker = _Maker()
    made = [one for site in SITES for one in maker.site(*site)]
    made += (maker.volume(number) for number in range(count - len(made)))
    return made[:count]


class _Maker:
    def __init__(self) -> None:
        self._chance = random.Random(5)

    def site(self, env: str, region: str, size: int) -> Iterator[Resource]:
        short = f"{env}-{region}"
        vpc = self._make("vpc", env, region, short, self._id("vpc"), app="network")
        yield vpc
        yield self._instance(env, region, "bastion-1", "network", "bastion", vpc, "running")
        for number, app in enumerate(APPS):
            yield from self._application(env, region, size, app, TEAMS[number % len(TEAMS)], vpc)

    def _application(
        self, env: str, region: str, size: int, app: str, team: str, vpc: Resource
    ) -> Iterator[Resource]:
        # The first region of an environment has the plain names.
        tail = (
            "" if region == next(place for e, place, _ in SITES if e == env) else f"-{region[:2]}"
        )
        end = tail if env == "prod" else f"-{env}{tail}"
        common: dict[str, Any] = {"app": app, "team": team}
        by_role: dict[str, list[Resource]] = {}
        for role in ROLES:
            for number in range(1, size + 1):
                stopped = env == "dev" and (number + len(app)) % 2 == 0
                name = f"{app}-{role}-{env}{tail}-{number}"
                made = self._instance(
                    env, region, name, app, role, vpc, "stopped" if stopped else "running", team
                )
                by_role.setdefault(role, []).append(made)
                yield made
            yield self._make(
                "security_group", env, region, f"{app}-{role}-{env}{tail}", self._id("sg"),
                role=role, metadata={"vpc_id": vpc.identifier}, **common,
            )  # fmt: skip
        engine = "mysql" if app in ("billing", "media", "mail", "catalog") else "postgres"
        prefix = "my" if engine == "mysql" else "pg"
        if app not in ("gateway", "media", "search") or env != "dev":
            yield self._make(
                "rds_instance", env, region, f"{prefix}-{app}-{env}{tail}", None, engine=engine,
                state="stopped" if env == "dev" and app in ("audit", "ledger") else "available",
                metadata={"vpc_id": vpc.identifier}, role="db", **common,
            )  # fmt: skip
        if app in ("shop", "search", "identity"):
            yield self._make(
                "elasticache_cluster", env, region, f"{app}-cache{end}", None, engine="redis",
                state="available", role="cache", **common,
            )  # fmt: skip
        balancer = self._make(
            "load_balancer", env, region, f"{app}-alb{end}", None, state="active",
            metadata={"vpc_id": vpc.identifier}, **common,
        )  # fmt: skip
        target = self._make(
            "target_group", env, region, f"{app}-web-tg{end}", None, role="web",
            metadata={"load_balancers": [balancer.arn], "vpc_id": vpc.identifier}, **common,
        )  # fmt: skip
        group = self._make(
            "auto_scaling_group", env, region, f"{app}-web-asg{end}", None, role="web",
            metadata={
                "instances": [one.identifier for one in by_role["web"]],
                "target_groups": [target.arn],
            }, **common,
        )  # fmt: skip
        yield from (balancer, target, group)
        yield self._make("sqs_queue", env, region, f"{app}-events{end}", None, **common)
        for purpose in ("export", "cleanup"):
            yield self._make(
                "lambda_function", env, region, f"{app}-{purpose}{end}", None,
                state="Active", role=purpose, **common,
            )  # fmt: skip
        for purpose in ("assets", "backups"):
            yield self._make(
                "s3_bucket", env, region, f"acme-{app}-{purpose}-{env}{tail}", None,
                role=purpose, **common,
            )  # fmt: skip
        if env == "prod":
            yield self._make(
                "cloudwatch_alarm", env, region, f"{app}-cpu-high{tail}", None, state="OK",
                metadata={"instances": [one.identifier for one in by_role["api"]]}, **common,
            )  # fmt: skip
            yield self._make("secret", env, region, f"{app}/db-password{tail}", None, **common)
        for one in by_role["worker"]:
            yield self._make(
                "ebs_volume", env, region, f"{one.name}-data", self._id("vol"), state="in-use",
                metadata={"instances": [one.identifier]}, role="worker", **common,
            )  # fmt: skip

    def volume(self, number: int) -> Resource:
        return self._make(
            "ebs_volume", "dev", "us-east-1", f"scratch-{number:04d}", self._id("vol"),
            app="scratch", state="available",
        )  # fmt: skip

    def _instance(
        self, env: str, region: str, name: str, app: str, role: str, vpc: Resource, state: str,
        team: str = "platform",
    ) -> Resource:  # fmt: skip
        return self._make(
            "ec2_instance", env, region, name, self._id("i"), app=app, role=role, state=state,
            team=team, metadata={"vpc_id": vpc.identifier, "size": "t3.medium"},
        )  # fmt: skip

    def _make(
        self,
        kind: str,
        env: str,
        region: str,
        name: str,
        identifier: str | None,
        *,
        app: str,
        role: str | None = None,
        team: str = "platform",
        state: str | None = None,
        engine: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Resource:
        account, _, _ = ACCOUNTS[env]
        identifier = identifier or name
        tags = {"env": env, "app": app, "team": f"team-{team}"}
        if role:
            tags["role"] = role
        return Resource(
            resource_type=kind,
            identifier=identifier,
            account_id=account,
            region=region,
            arn=f"arn:aws:{kind.split('_')[0]}:{region}:{account}:{kind}/{identifier}",
            name=name,
            state=state,
            engine=engine,
            tags=tags,
            metadata=metadata or {},
            last_synced=SYNCED,
        )

    def _id(self, prefix: str) -> str:
        return f"{prefix}-0{self._chance.getrandbits(64):016x}"
