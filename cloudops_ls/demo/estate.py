"""Fills the stand-in AWS with the sites of the table, networks first."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any

from cloudops_ls.demo.sites import SITES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudops_ls.demo.cloud import DemoCloud
    from cloudops_ls.demo.sites import Site

TYPES = (
    "dynamodb_table",
    "ebs_volume",
    "ec2_instance",
    "ecs_cluster",
    "iam_role",
    "lambda_function",
    "load_balancer",
    "rds_cluster",
    "rds_instance",
    "s3_bucket",
    "security_group",
    "sns_topic",
    "sqs_queue",
    "subnet",
    "target_group",
    "vpc",
)
"""The catalog types worth listing in the stand-in AWS, which does not know all of them."""
_TIERS = ("public", "private", "data")
_DOORS = {"web": 443, "api": 8443, "database": 5432}


def fill(cloud: DemoCloud) -> Counter[str]:
    """Create every site in ``cloud``; return how many of each type were made.

    Networks that AWS gives every account by default come on top and are not counted.
    """
    made: Counter[str] = Counter()
    for site in SITES:
        made += _Builder(cloud, site).build()
    return made


class _Builder:
    """Creates one site, network first."""

    def __init__(self, cloud: DemoCloud, site: Site) -> None:
        self._cloud = cloud
        self._site = site
        self._made: Counter[str] = Counter()
        self._subnets: dict[str, str] = {}
        self._doors: dict[str, str] = {}

    def build(self) -> Counter[str]:
        ec2 = self._client("ec2")
        self._build_network(ec2)
        self._build_instances(ec2)
        self._build_databases()
        self._build_functions()
        self._build_balancers()
        self._build_data()
        return self._made

    def _client(self, service: str) -> Any:
        return self._cloud.client(service, self._site.account, self._site.region)

    def _tags(self, app: str, owner: str) -> dict[str, str]:
        return {"env": self._site.environment, "app": app, "owner": owner}

    def _build_network(self, ec2: Any) -> None:
        site = self._site
        name = f"{site.environment}-{site.region}"
        tags = self._tags("network", "team-platform")
        vpc = ec2.create_vpc(
            CidrBlock=f"{site.network}.0.0/16",
            TagSpecifications=[{"ResourceType": "vpc", "Tags": _pairs(tags | {"Name": name})}],
        )["Vpc"]["VpcId"]
        for number, tier in enumerate(_TIERS):
            label = f"{site.environment}-{tier}-{'abc'[number]}"
            self._subnets[tier] = ec2.create_subnet(
                VpcId=vpc,
                CidrBlock=f"{site.network}.{number * 16}.0/20",
                AvailabilityZone=f"{site.region}{'abc'[number]}",
                TagSpecifications=[
                    {"ResourceType": "subnet", "Tags": _pairs(tags | {"Name": label})}
                ],
            )["Subnet"]["SubnetId"]
        for door, port in _DOORS.items():
            group = ec2.create_security_group(
                GroupName=f"{site.environment}-{door}",
                Description=f"Traffic to the {door} tier",
                VpcId=vpc,
                TagSpecifications=[
                    {
                        "ResourceType": "security-group",
                        "Tags": _pairs(tags | {"Name": f"{site.environment}-{door}"}),
                    }
                ],
            )["GroupId"]
            source = "0.0.0.0/0" if door == "web" else f"{site.network}.0.0/16"
            ec2.authorize_security_group_ingress(
                GroupId=group, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp=source
            )
            self._doors[door] = group
        self._made += Counter(vpc=1, subnet=len(_TIERS), security_group=len(_DOORS))

    def _build_instances(self, ec2: Any) -> None:
        image = ec2.register_image(
            Name="al2023-base", Architecture="x86_64", RootDeviceName="/dev/xvda"
        )["ImageId"]
        for instance in self._site.instances:
            tags = _pairs(self._tags(instance.app, instance.owner) | {"Name": instance.name})
            tier = "public" if instance.name.startswith(("web", "bastion")) else "private"
            made = ec2.run_instances(
                ImageId=image,
                InstanceType=instance.kind,
                MinCount=1,
                MaxCount=1,
                SubnetId=self._subnets[tier],
                SecurityGroupIds=[self._doors["web" if tier == "public" else "api"]],
                TagSpecifications=[
                    {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")
                ],
            )["Instances"][0]["InstanceId"]
            if instance.stopped:
                ec2.stop_instances(InstanceIds=[made])
        count = len(self._site.instances)
        self._made += Counter(ec2_instance=count, ebs_volume=count)

    def _build_databases(self) -> None:
        rds = self._client("rds")
        rds.create_db_subnet_group(
            DBSubnetGroupName=f"{self._site.environment}-data",
            DBSubnetGroupDescription="Subnets of the data tier",
            SubnetIds=[self._subnets["private"], self._subnets["data"]],
        )
        for database in self._site.databases:
            rds.create_db_instance(
                DBInstanceIdentifier=database.name,
                Engine=database.engine,
                EngineVersion=database.version,
                DBInstanceClass=database.kind,
                AllocatedStorage=database.gigabytes,
                StorageType="gp3",
                StorageEncrypted=True,
                MultiAZ=database.multi_az,
                BackupRetentionPeriod=7,
                DBSubnetGroupName=f"{self._site.environment}-data",
                VpcSecurityGroupIds=[self._doors["database"]],
                MasterUsername="operator",
                ManageMasterUserPassword=True,
                Tags=_pairs(self._tags(database.app, database.owner)),
            )
            if database.stopped:
                rds.stop_db_instance(DBInstanceIdentifier=database.name)
        self._made["rds_instance"] += len(self._site.databases)

    def _build_functions(self) -> None:
        iam = self._client("iam")
        functions = self._client("lambda")
        role = iam.create_role(
            RoleName=f"functions-{self._site.region}", AssumeRolePolicyDocument="{}"
        )["Role"]["Arn"]
        code = _handler_archive()
        for function in self._site.functions:
            functions.create_function(
                FunctionName=function.name,
                Runtime="python3.13",
                Role=role,
                Handler="handler.handle",
                Code={"ZipFile": code},
                MemorySize=function.megabytes,
                Timeout=30,
                Tags=self._tags(function.app, function.owner),
            )
        self._made["lambda_function"] += len(self._site.functions)

    def _build_balancers(self) -> None:
        elb = self._client("elbv2")
        for name in self._site.balancers:
            elb.create_load_balancer(
                Name=name,
                Subnets=[self._subnets["public"], self._subnets["private"]],
                SecurityGroups=[self._doors["web"]],
                Scheme="internet-facing",
                Type="application",
                Tags=_pairs(self._tags("main", "team-web")),
            )
        self._made["load_balancer"] += len(self._site.balancers)

    def _build_data(self) -> None:
        site = self._site
        s3, dynamodb, sqs = (self._client(name) for name in ("s3", "dynamodb", "sqs"))
        for bucket in site.buckets:
            s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": site.region}
            )
            s3.put_bucket_tagging(
                Bucket=bucket,
                Tagging={"TagSet": _pairs(self._tags("main", "team-platform"))},
            )
        for table in site.tables:
            dynamodb.create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
                Tags=_pairs(self._tags("main", "team-backend")),
            )
        for queue in site.queues:
            sqs.create_queue(QueueName=queue, tags=self._tags("orders", "team-backend"))
        self._made += Counter(
            s3_bucket=len(site.buckets), dynamodb_table=len(site.tables), sqs_queue=len(site.queues)
        )


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _handler_archive() -> bytes:
    """Return a zip with a handler; the date is fixed so that the code's digest never changes."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(
            zipfile.ZipInfo("handler.py", (2024, 1, 1, 0, 0, 0)),
            "def handle(event, context):\n    return event\n",
        )
    return archive.getvalue()
