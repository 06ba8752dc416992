"""An estate of any size inside moto: made, changed and counted through its backends.

Runs in the stand-in's own process. Creating 10,000 resources through the API takes minutes;
through the backends it takes seconds, and what they hold is the truth that a scan is held against.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

from moto.backends import get_backend

if TYPE_CHECKING:
    from collections.abc import Sequence

ACCOUNTS = ("111111111111", "222222222222", "333333333333")
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-2")
TYPES = (
    "ec2_instance",
    "ebs_volume",
    "security_group",
    "rds_instance",
    "sqs_queue",
    "sns_topic",
    "dynamodb_table",
    "ecs_cluster",
    "target_group",
    "s3_bucket",
    "iam_role",
)
_SHARES = {
    # Out of 100 resources of one account and region. Each instance brings a volume with it.
    "ec2_instance": 34,
    "security_group": 10,
    "rds_instance": 12,
    "sqs_queue": 3,
    "sns_topic": 3,
    "dynamodb_table": 1,
    "ecs_cluster": 1,
    "target_group": 1,
    "s3_bucket": 1,
}
_TRUST = '{"Version": "2012-10-17", "Statement": []}'


class Seen(NamedTuple):
    """What an operator would see of a resource; None where the type has none."""

    name: str
    state: str | None


class Place:
    """One account and region."""

    def __init__(self, account_id: str, region: str) -> None:
        self.account_id = account_id
        self.region = region
        self._made = 0

    def backend(self, service: str) -> Any:
        key = "aws" if service in ("s3", "iam") else self.region
        return get_backend(service)[self.account_id][key]

    def make(self, kind: str, count: int) -> None:
        if kind == "ec2_instance":
            self._instances(count)
            return
        for _ in range(count):
            self._made += 1
            getattr(self, f"_make_{kind}")(f"{kind.replace('_', '-')}-{self._made:05d}")

    def _instances(self, count: int) -> None:
        ec2 = self.backend("ec2")
        nothing = dict.fromkeys(
            (
                *("placement", "placement_hostid", "subnet_id", "key_name", "private_ip"),
                *("associate_public_ip", "instance_initiated_shutdown_behavior"),
                *("iam_instance_profile_name", "iam_instance_profile_arn", "ipv6_address_count"),
            )
        )
        reservation = ec2.run_instances(
            "ami-12c6146b",
            count,
            None,
            [],
            instance_type="t3.micro",
            is_instance_type_default=False,
            region_name=self.region,
            security_group_ids=[],
            nics=[],
            tags={},
            ebs_optimized=False,
            disable_api_stop=False,
            instance_market_options={},
            launch_template={},
            hibernation_options={},
            monitoring_state="disabled",
            metadata_options={},
            client_token="",
            **nothing,
        )
        for instance in reservation.instances:
            self._made += 1
            ec2.create_tags([instance.id], {"Name": f"web-{self._made:05d}", "env": "test"})

    def _make_security_group(self, name: str) -> None:
        self.backend("ec2").create_security_group(name, "generated")

    def _make_rds_instance(self, name: str) -> None:
        self.backend("rds").create_db_instance(
            {
                "db_instance_identifier": name,
                "engine": "postgres",
                "engine_version": "14.7",
                "db_instance_class": "db.t3.medium",
                "allocated_storage": 100,
                "master_username": "operator",
                "master_user_password": "not-a-secret",
                "tags": [{"Key": "env", "Value": "test"}],
            }
        )

    def _make_sqs_queue(self, name: str) -> None:
        self.backend("sqs").create_queue(name, {"env": "test"})

    def _make_sns_topic(self, name: str) -> None:
        self.backend("sns").create_topic(name, tags={"env": "test"})

    def _make_dynamodb_table(self, name: str) -> None:
        self.backend("dynamodb").create_table(
            name,
            schema=[{"AttributeName": "id", "KeyType": "HASH"}],
            throughput=None,
            attr=[{"AttributeName": "id", "AttributeType": "S"}],
            global_indexes=None,
            indexes=None,
            streams=None,
            billing_mode="PAY_PER_REQUEST",
            sse_specification=None,
            tags=[],
            deletion_protection_enabled=False,
            warm_throughput=None,
        )

    def _make_ecs_cluster(self, name: str) -> None:
        self.backend("ecs").create_cluster(name)

    def _make_target_group(self, name: str) -> None:
        vpc = self.backend("ec2").default_vpc.id
        self.backend("elbv2").create_target_group(
            name, protocol="HTTP", port="80", vpc_id=vpc, target_type="instance"
        )

    def _make_s3_bucket(self, name: str) -> None:
        self.backend("s3").create_bucket(f"{self.account_id}-{self.region}-{name}", self.region)

    def _make_iam_role(self, name: str) -> None:
        self.backend("iam").create_role(name, _TRUST, "/", None, "", [], "3600")

    # Changing

    def remove_some(self, kind: str, count: int, dice: random.Random) -> None:
        keys = sorted(self.keys(kind))
        for key in dice.sample(keys, min(count, len(keys))):
            self._remove(kind, key)

    def _remove(self, kind: str, key: str) -> None:
        match kind:
            case "ec2_instance":
                self.backend("ec2").terminate_instances([key])
            case "security_group":
                self.backend("ec2").delete_security_group(group_id=key)
            case "rds_instance":
                del self.backend("rds").databases[key]
            case "sqs_queue":
                del self.backend("sqs").queues[key]
            case "sns_topic":
                self.backend("sns").topics.pop(key)
            case "dynamodb_table":
                self.backend("dynamodb").tables.pop(key)
            case "ecs_cluster":
                self.backend("ecs").clusters.pop(key)
            case "target_group":
                self.backend("elbv2").target_groups.pop(key)
            case "s3_bucket":
                self.backend("s3").delete_bucket(key)
            case "iam_role":
                self.backend("iam").roles.pop(key)

    def change_some(self, kind: str, count: int, dice: random.Random) -> None:
        """Stop, rename: what an operator would notice."""
        keys = sorted(self.keys(kind))
        for key in dice.sample(keys, min(count, len(keys))):
            if kind == "ec2_instance":
                ec2 = self.backend("ec2")
                ec2.stop_instances([key])
                ec2.create_tags([key], {"Name": f"renamed-{key}"})
            elif kind == "rds_instance":
                self.backend("rds").databases[key].status = "stopped"

    # Counting

    def keys(self, kind: str) -> list[str]:
        ec2 = self.backend("ec2")
        match kind:
            case "ec2_instance":
                return [one.id for one in ec2.all_instances() if one.state != "terminated"]
            case "ebs_volume":
                return list(ec2.volumes)
            case "security_group":
                return [
                    group.id
                    for groups in ec2.groups.values()
                    for group in groups.values()
                    if group.name.startswith("security-group-")
                ]
            case "rds_instance":
                return list(self.backend("rds").databases)
            case "sqs_queue":
                return list(self.backend("sqs").queues)
            case "sns_topic":
                return list(self.backend("sns").topics)
            case "dynamodb_table":
                return list(self.backend("dynamodb").tables)
            case "ecs_cluster":
                return list(self.backend("ecs").clusters)
            case "target_group":
                return list(self.backend("elbv2").target_groups)
            case "s3_bucket":
                buckets = self.backend("s3").buckets.values()
                return [one.name for one in buckets if one.region_name == self.region]
            case "iam_role":
                return list(self.backend("iam").roles)
        raise KeyError(kind)

    def inventory(self, kind: str) -> dict[str, Seen]:
        ec2 = self.backend("ec2")
        arn = f"arn:aws:{{}}:{self.region}:{self.account_id}:{{}}".format
        match kind:
            case "ec2_instance":
                return {
                    arn("ec2", f"instance/{one.id}"): Seen(_name_tag(one), one.state)
                    for one in ec2.all_instances()
                    if one.state != "terminated"
                }
            case "ebs_volume":
                return {
                    arn("ec2", f"volume/{one.id}"): Seen(one.id, one.status)
                    for one in ec2.volumes.values()
                }
            case "security_group":
                return {
                    arn("ec2", f"security-group/{group.id}"): Seen(group.name, None)
                    for groups in ec2.groups.values()
                    for group in groups.values()
                }
            case "rds_instance":
                return {
                    arn("rds", f"db:{key}"): Seen(key, one.status)
                    for key, one in self.backend("rds").databases.items()
                }
            case "sqs_queue":
                return {arn("sqs", key): Seen(key, None) for key in self.keys(kind)}
            case "sns_topic":
                return {key: Seen(key.rpartition(":")[2], None) for key in self.keys(kind)}
            case "dynamodb_table":
                return {
                    arn("dynamodb", f"table/{key}"): Seen(key, "ACTIVE") for key in self.keys(kind)
                }
            case "ecs_cluster":
                return {
                    arn("ecs", f"cluster/{key}"): Seen(key, "ACTIVE") for key in self.keys(kind)
                }
            case "target_group":
                groups = self.backend("elbv2").target_groups.items()
                return {key: Seen(one.name, None) for key, one in groups}
            case "s3_bucket":
                return {f"arn:aws:s3:::{key}": Seen(key, None) for key in self.keys(kind)}
            case "iam_role":
                roles = self.backend("iam").roles.values()
                return {one.arn: Seen(one.name, None) for one in roles}
        raise KeyError(kind)


class Stock:
    """Places of all accounts and regions."""

    def __init__(self) -> None:
        self.places: list[Place] = []

    def fill(self, total: int, accounts: Sequence[str] = ACCOUNTS) -> dict[str, list[str]]:
        """Make about ``total`` resources; return an access key per account."""
        self.places = [Place(account, region) for account in accounts for region in REGIONS]
        each = total / len(self.places)
        for place in self.places:
            for kind, share in _SHARES.items():
                place.make(kind, max(1, round(each * share / 100)))
            if place.region == REGIONS[0]:
                place.make("iam_role", max(1, round(each / 100)))
        return {account: _access_key(account) for account in accounts}

    def change(self, share: float, seed: int) -> None:
        """Delete, change and add ``share`` of everything."""
        dice = random.Random(seed)
        for place in self.places:
            for kind in _SHARES:
                count = max(1, round(len(place.keys(kind)) * share))
                place.remove_some(kind, count, dice)
                place.change_some(kind, count, dice)
                place.make(kind, count)

    def inventory(self) -> dict[str, dict[str, Seen]]:
        """Return everything of `TYPES` that is there, by type and ARN."""
        found: dict[str, dict[str, Seen]] = {kind: {} for kind in TYPES}
        for place in self.places:
            for kind in TYPES:
                found[kind] |= place.inventory(kind)
        return found


def _name_tag(instance: Any) -> str:
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    return tags.get("Name") or instance.id


def _access_key(account_id: str) -> list[str]:
    iam = get_backend("iam")[account_id]["aws"]
    iam.create_user(region_name="us-east-1", user_name="scanner")
    key = iam.create_access_key("scanner")
    return [key.access_key_id, key.secret_access_key]
