"""Resources of many catalog types, created in the stand-in AWS; says what it made by ARN."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.aws.stand_in import StandIn

STAGED = {
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
}
"""The types that `everything` makes."""
TRUST = '{"Version": "2012-10-17", "Statement": []}'


class Stage:
    """Creates resources in one account and region, and remembers their ARNs by type."""

    def __init__(self, cloud: StandIn, profile: str, account_id: str, region: str) -> None:
        self._cloud = cloud
        self.profile = profile
        self.account_id = account_id
        self.region = region
        self.made: defaultdict[str, set[str]] = defaultdict(set)

    def client(self, service: str) -> Any:
        return self._cloud.client(self.profile, service, self.region)

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{rest}"

    def everything(self, prefix: str) -> None:
        self.network(prefix)
        self.instances(f"{prefix}-web", 3)
        self.databases(prefix)
        self.buckets(prefix)
        self.functions(prefix)
        self.balancers(prefix)
        self.messaging(prefix)
        self.tables(prefix)

    def network(self, prefix: str) -> None:
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=named("vpc", prefix))
        vpc_id = vpc["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(
            GroupName=f"{prefix}-open", Description="test", VpcId=vpc_id
        )["GroupId"]
        ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
        )
        volume = ec2.create_volume(AvailabilityZone=f"{self.region}a", Size=5)["VolumeId"]
        self.made["vpc"].add(self.arn("ec2", f"vpc/{vpc_id}"))
        self.made["subnet"].add(self.arn("ec2", f"subnet/{subnet}"))
        self.made["security_group"].add(self.arn("ec2", f"security-group/{group}"))
        self.made["ebs_volume"].add(self.arn("ec2", f"volume/{volume}"))

    def instances(self, name: str, count: int) -> list[str]:
        answer = self.client("ec2").run_instances(
            ImageId="ami-12c6146b",
            MinCount=count,
            MaxCount=count,
            TagSpecifications=named("instance", name),
        )
        ids = [instance["InstanceId"] for instance in answer["Instances"]]
        self.made["ec2_instance"] |= {self.arn("ec2", f"instance/{one}") for one in ids}
        return ids

    def databases(self, prefix: str) -> None:
        rds = self.client("rds")
        rds.create_db_instance(
            DBInstanceIdentifier=f"{prefix}-main1",
            Engine="postgres",
            EngineVersion="14.7",
            DBInstanceClass="db.t3.medium",
            AllocatedStorage=100,
            MasterUsername="operator",
            MasterUserPassword="not-a-secret",
            MultiAZ=True,
            Tags=[{"Key": "env", "Value": "production"}],
        )
        rds.create_db_cluster(
            DBClusterIdentifier=f"{prefix}-cluster",
            Engine="aurora-postgresql",
            MasterUsername="operator",
            MasterUserPassword="not-a-secret",
        )
        self.made["rds_instance"].add(self.arn("rds", f"db:{prefix}-main1"))
        self.made["rds_cluster"].add(self.arn("rds", f"cluster:{prefix}-cluster"))

    def buckets(self, prefix: str) -> None:
        s3 = self.client("s3")
        for name in (f"{prefix}-logs", f"{prefix}-logs-archive"):
            s3.create_bucket(
                Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.region}
            )
            self.made["s3_bucket"].add(f"arn:aws:s3:::{name}")
        s3.put_bucket_tagging(
            Bucket=f"{prefix}-logs", Tagging={"TagSet": [{"Key": "team", "Value": "ops"}]}
        )

    def functions(self, prefix: str) -> None:
        iam = self.client("iam")
        role = iam.create_role(
            RoleName=f"{prefix}-role",
            AssumeRolePolicyDocument=TRUST,
            Tags=[{"Key": "team", "Value": "ops"}],
        )["Role"]["Arn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("main.py", "def handle(event, context): return 1\n")
        arn = self.client("lambda").create_function(
            FunctionName=f"{prefix}-resize",
            Runtime="python3.11",
            Role=role,
            Handler="main.handle",
            Code={"ZipFile": code.getvalue()},
            Tags={"env": "staging"},
        )["FunctionArn"]
        self.made["lambda_function"].add(arn)
        self.made["iam_role"].add(role)

    def balancers(self, prefix: str) -> None:
        ec2, elb = self.client("ec2"), self.client("elbv2")
        subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
        group = elb.create_target_group(
            Name=f"{prefix}-tg", Protocol="HTTP", Port=80, VpcId=subnets["Subnets"][0]["VpcId"]
        )
        # More than one call for tags takes.
        for number in range(22 if prefix.startswith("many") else 1):
            balancer = elb.create_load_balancer(
                Name=f"{prefix}-lb{number}",
                Subnets=[subnet["SubnetId"] for subnet in subnets["Subnets"][:2]],
                Tags=[{"Key": "number", "Value": str(number)}],
            )
            self.made["load_balancer"].add(balancer["LoadBalancers"][0]["LoadBalancerArn"])
        self.made["target_group"].add(group["TargetGroups"][0]["TargetGroupArn"])

    def messaging(self, prefix: str) -> None:
        self.client("sqs").create_queue(QueueName=f"{prefix}-jobs", tags={"env": "dev"})
        topic = self.client("sns").create_topic(
            Name=f"{prefix}-alerts", Tags=[{"Key": "env", "Value": "dev"}]
        )["TopicArn"]
        cluster = self.client("ecs").create_cluster(
            clusterName=f"{prefix}-ecs", tags=[{"key": "env", "value": "dev"}]
        )["cluster"]["clusterArn"]
        self.made["sqs_queue"].add(self.arn("sqs", f"{prefix}-jobs"))
        self.made["sns_topic"].add(topic)
        self.made["ecs_cluster"].add(cluster)

    def tables(self, prefix: str) -> None:
        arn = self.client("dynamodb").create_table(
            TableName=f"{prefix}-orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=[{"Key": "env", "Value": "dev"}],
        )["TableDescription"]["TableArn"]
        self.made["dynamodb_table"].add(arn)


def named(kind: str, name: str) -> list[dict[str, Any]]:
    tags = [{"Key": "Name", "Value": name}, {"Key": "env", "Value": "test"}]
    return [{"ResourceType": kind, "Tags": tags}]
