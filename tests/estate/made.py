"""Makes one resource of each catalog type in the stand-in AWS, through the SDK alone."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TRUST = '{"Version": "2012-10-17", "Statement": []}'
TAGS = [{"Key": "env", "Value": "test"}]
LOWER_TAGS = [{"key": "env", "value": "test"}]
TAG_MAP = {"env": "test"}
EXPECTED_TAGS = {"env": "test"}


@dataclass
class Made:
    """What was made: values of the record that are known for sure; `tags` None when untagged."""

    arn: str
    name: str | None = None
    identifier: str | None = None
    state: str | None = None
    tags: dict[str, str] | None = field(default_factory=lambda: dict(EXPECTED_TAGS))
    metadata: dict[str, Any] = field(default_factory=dict)


MAKERS: dict[str, Callable[[Workshop], Made]] = {}


def makes(kind: str) -> Callable[[Callable[[Workshop], Made]], Callable[[Workshop], Made]]:
    def register(maker: Callable[[Workshop], Made]) -> Callable[[Workshop], Made]:
        MAKERS[kind] = maker
        return maker

    return register


class Workshop:
    """Clients of one account and region; makes each type at most once."""

    def __init__(self, client: Callable[[str], Any], account_id: str, region: str) -> None:
        self.client = client
        self.account_id = account_id
        self.region = region
        self._made: dict[str, Made] = {}

    def __getattr__(self, service: str) -> Any:
        return self.client(service.replace("_", "-"))

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{rest}"

    def one(self, kind: str) -> Made:
        if kind not in self._made:
            self._made[kind] = MAKERS[kind](self)
        return self._made[kind]

    def id_of(self, kind: str) -> str:
        made = self.one(kind)
        assert made.identifier is not None
        return made.identifier

    def ec2_tags(self, kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": [*TAGS, {"Key": "Name", "Value": f"one-{kind}"}]}]

    def of_ec2(self, kind: str, one: str, word: str, **more: Any) -> Made:
        tags = {"env": "test", "Name": f"one-{kind}"}
        return Made(
            self.arn("ec2", f"{word}/{one}"),
            **{"name": f"one-{kind}", "identifier": one, "tags": tags, **more},
        )

    def tagged(self, identifier: str, kind: str) -> None:
        self.ec2.create_tags(Resources=[identifier], Tags=self.ec2_tags(kind)[0]["Tags"])


def tagged(w: Workshop, word: str, identifier: str, **more: Any) -> Made:
    """A resource of EC2 that is tagged after it was made."""
    w.tagged(identifier, word)
    return w.of_ec2(word, identifier, more.pop("path", word), **more)


@makes("vpc")
def vpc(w: Workshop) -> Made:
    answer = w.ec2.create_vpc(CidrBlock="10.7.0.0/16", TagSpecifications=w.ec2_tags("vpc"))
    return w.of_ec2("vpc", answer["Vpc"]["VpcId"], "vpc", metadata={"cidr": "10.7.0.0/16"})


@makes("subnet")
def subnet(w: Workshop) -> Made:
    one = w.ec2.create_subnet(
        VpcId=w.id_of("vpc"), CidrBlock="10.7.1.0/24", AvailabilityZone=f"{w.region}a"
    )["Subnet"]
    return tagged(w, "subnet", one["SubnetId"], metadata={"vpc_id": w.id_of("vpc")})


@makes("security_group")
def security_group(w: Workshop) -> Made:
    one = w.ec2.create_security_group(
        GroupName="one-sg",
        Description="d",
        VpcId=w.id_of("vpc"),
        TagSpecifications=w.ec2_tags("security-group"),
    )
    return w.of_ec2("security-group", one["GroupId"], "security-group", name="one-sg")


@makes("ec2_instance")
def ec2_instance(w: Workshop) -> Made:
    one = w.ec2.run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        SubnetId=w.id_of("subnet"),
        TagSpecifications=w.ec2_tags("instance"),
    )["Instances"][0]
    return w.of_ec2("instance", one["InstanceId"], "instance", state="running")


@makes("ebs_volume")
def ebs_volume(w: Workshop) -> Made:
    one = w.ec2.create_volume(
        AvailabilityZone=f"{w.region}a", Size=5, TagSpecifications=w.ec2_tags("volume")
    )
    return w.of_ec2("volume", one["VolumeId"], "volume", metadata={"size_gib": 5})


@makes("ebs_snapshot")
def ebs_snapshot(w: Workshop) -> Made:
    one = w.ec2.create_snapshot(
        VolumeId=w.id_of("ebs_volume"), TagSpecifications=w.ec2_tags("snapshot")
    )["SnapshotId"]
    made = w.of_ec2("snapshot", one, "snapshot", state="completed")
    made.arn = f"arn:aws:ec2:{w.region}::snapshot/{one}"
    return made


@makes("ami")
def ami(w: Workshop) -> Made:
    one = w.ec2.create_image(
        InstanceId=w.id_of("ec2_instance"), Name="one-image", TagSpecifications=w.ec2_tags("image")
    )["ImageId"]
    made = w.of_ec2("image", one, "image", name="one-image", state="available")
    made.arn = f"arn:aws:ec2:{w.region}::image/{one}"
    return made


@makes("key_pair")
def key_pair(w: Workshop) -> Made:
    one = w.ec2.create_key_pair(KeyName="one-key", TagSpecifications=w.ec2_tags("key-pair"))
    return w.of_ec2("key-pair", one["KeyPairId"], "key-pair", identifier="one-key", name="one-key")


@makes("network_interface")
def network_interface(w: Workshop) -> Made:
    one = w.ec2.create_network_interface(
        SubnetId=w.id_of("subnet"), TagSpecifications=w.ec2_tags("network-interface")
    )["NetworkInterface"]
    return w.of_ec2("network-interface", one["NetworkInterfaceId"], "network-interface")


@makes("elastic_ip")
def elastic_ip(w: Workshop) -> Made:
    one = w.ec2.allocate_address(Domain="vpc", TagSpecifications=w.ec2_tags("elastic-ip"))
    return w.of_ec2(
        "elastic-ip", one["AllocationId"], "elastic-ip", metadata={"public_ip": one["PublicIp"]}
    )


@makes("launch_template")
def launch_template(w: Workshop) -> Made:
    one = w.ec2.create_launch_template(
        LaunchTemplateName="one-template",
        LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"},
        TagSpecifications=w.ec2_tags("launch-template"),
    )["LaunchTemplate"]["LaunchTemplateId"]
    return w.of_ec2("launch-template", one, "launch-template", name="one-template")


@makes("route_table")
def route_table(w: Workshop) -> Made:
    one = w.ec2.create_route_table(VpcId=w.id_of("vpc"))["RouteTable"]["RouteTableId"]
    return tagged(w, "route-table", one, metadata={"vpc_id": w.id_of("vpc")})


@makes("internet_gateway")
def internet_gateway(w: Workshop) -> Made:
    one = w.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    w.ec2.attach_internet_gateway(InternetGatewayId=one, VpcId=w.id_of("vpc"))
    return tagged(w, "internet-gateway", one, metadata={"vpcs": [w.id_of("vpc")]})


@makes("nat_gateway")
def nat_gateway(w: Workshop) -> Made:
    one = w.ec2.create_nat_gateway(
        SubnetId=w.id_of("subnet"),
        AllocationId=w.id_of("elastic_ip"),
        TagSpecifications=w.ec2_tags("natgateway"),
    )["NatGateway"]["NatGatewayId"]
    return w.of_ec2("natgateway", one, "natgateway", state="available")


@makes("egress_only_internet_gateway")
def egress_only(w: Workshop) -> Made:
    one = w.ec2.create_egress_only_internet_gateway(
        VpcId=w.id_of("vpc"), TagSpecifications=w.ec2_tags("egress-only-internet-gateway")
    )["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
    return w.of_ec2("egress-only-internet-gateway", one, "egress-only-internet-gateway")


@makes("vpc_endpoint")
def vpc_endpoint(w: Workshop) -> Made:
    one = w.ec2.create_vpc_endpoint(
        VpcId=w.id_of("vpc"),
        ServiceName=f"com.amazonaws.{w.region}.s3",
        TagSpecifications=w.ec2_tags("vpc-endpoint"),
    )["VpcEndpoint"]["VpcEndpointId"]
    return w.of_ec2("vpc-endpoint", one, "vpc-endpoint", state="available")


@makes("vpc_peering")
def vpc_peering(w: Workshop) -> Made:
    other = w.ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    one = w.ec2.create_vpc_peering_connection(VpcId=w.id_of("vpc"), PeerVpcId=other)
    one = one["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    return tagged(w, "vpc-peering-connection", one, metadata={"accepter_vpc": other})


@makes("network_acl")
def network_acl(w: Workshop) -> Made:
    one = w.ec2.create_network_acl(VpcId=w.id_of("vpc"))["NetworkAcl"]["NetworkAclId"]
    return tagged(w, "network-acl", one)


@makes("transit_gateway")
def transit_gateway(w: Workshop) -> Made:
    one = w.ec2.create_transit_gateway(
        Description="d", TagSpecifications=w.ec2_tags("transit-gateway")
    )["TransitGateway"]
    made = w.of_ec2("transit-gateway", one["TransitGatewayId"], "transit-gateway")
    made.arn = one["TransitGatewayArn"]
    return made


@makes("transit_gateway_attachment")
def transit_gateway_attachment(w: Workshop) -> Made:
    one = w.ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=w.id_of("transit_gateway"),
        VpcId=w.id_of("vpc"),
        SubnetIds=[w.id_of("subnet")],
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    return tagged(
        w,
        "transit-gateway-attachment",
        one,
        metadata={"vpc_id": w.id_of("vpc"), "transit_gateway": w.id_of("transit_gateway")},
    )


@makes("vpn_gateway")
def vpn_gateway(w: Workshop) -> Made:
    one = w.ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    return tagged(w, "vpn-gateway", one, state="available")


@makes("customer_gateway")
def customer_gateway(w: Workshop) -> Made:
    one = w.ec2.create_customer_gateway(Type="ipsec.1", PublicIp="203.0.113.9", BgpAsn=65000)
    one = one["CustomerGateway"]["CustomerGatewayId"]
    return tagged(w, "customer-gateway", one, metadata={"ip_address": "203.0.113.9"})


@makes("vpn_connection")
def vpn_connection(w: Workshop) -> Made:
    one = w.ec2.create_vpn_connection(
        Type="ipsec.1",
        CustomerGatewayId=w.id_of("customer_gateway"),
        VpnGatewayId=w.id_of("vpn_gateway"),
    )["VpnConnection"]["VpnConnectionId"]
    return tagged(w, "vpn-connection", one, state="available")


@makes("flow_log")
def flow_log(w: Workshop) -> Made:
    w.s3.create_bucket(
        Bucket="flow-logs", CreateBucketConfiguration={"LocationConstraint": w.region}
    )
    one = w.ec2.create_flow_logs(
        ResourceIds=[w.id_of("vpc")],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::flow-logs",
        TagSpecifications=w.ec2_tags("vpc-flow-log"),
    )["FlowLogIds"][0]
    return w.of_ec2(
        "vpc-flow-log", one, "vpc-flow-log", state="ACTIVE", metadata={"vpc_id": w.id_of("vpc")}
    )


@makes("prefix_list")
def prefix_list(w: Workshop) -> Made:
    one = w.ec2.create_managed_prefix_list(
        PrefixListName="one-list",
        MaxEntries=5,
        AddressFamily="IPv4",
        TagSpecifications=w.ec2_tags("prefix-list"),
    )["PrefixList"]
    made = w.of_ec2("prefix-list", one["PrefixListId"], "prefix-list", name="one-list")
    made.arn = one["PrefixListArn"]
    return made


@makes("auto_scaling_group")
def auto_scaling_group(w: Workshop) -> Made:
    w.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="one-asg",
        MinSize=0,
        MaxSize=2,
        DesiredCapacity=0,
        LaunchTemplate={"LaunchTemplateId": w.id_of("launch_template")},
        VPCZoneIdentifier=w.id_of("subnet"),
        Tags=[
            {
                **TAGS[0],
                "PropagateAtLaunch": False,
                "ResourceId": "one-asg",
                "ResourceType": "auto-scaling-group",
            }
        ],
    )
    answer = w.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    return Made(answer["AutoScalingGroupARN"], "one-asg", metadata={"max": 2})


@makes("launch_configuration")
def launch_configuration(w: Workshop) -> Made:
    w.autoscaling.create_launch_configuration(
        LaunchConfigurationName="one-lc", ImageId="ami-12c6146b", InstanceType="t3.micro"
    )
    answer = w.autoscaling.describe_launch_configurations()["LaunchConfigurations"][0]
    return Made(answer["LaunchConfigurationARN"], "one-lc", tags=None)


@makes("classic_load_balancer")
def classic_load_balancer(w: Workshop) -> Made:
    w.elb.create_load_balancer(
        LoadBalancerName="one-clb",
        AvailabilityZones=[f"{w.region}a"],
        Tags=TAGS,
        Listeners=[{"Protocol": "http", "LoadBalancerPort": 80, "InstancePort": 80}],
    )
    return Made(w.arn("elasticloadbalancing", "loadbalancer/one-clb"), "one-clb")


@makes("load_balancer")
def load_balancer(w: Workshop) -> Made:
    more = w.ec2.create_subnet(
        VpcId=w.id_of("vpc"), CidrBlock="10.7.2.0/24", AvailabilityZone=f"{w.region}b"
    )["Subnet"]["SubnetId"]
    answer = w.elbv2.create_load_balancer(
        Name="one-alb", Subnets=[w.id_of("subnet"), more], Tags=TAGS
    )
    return Made(answer["LoadBalancers"][0]["LoadBalancerArn"], "one-alb", state="active")


@makes("target_group")
def target_group(w: Workshop) -> Made:
    answer = w.elbv2.create_target_group(
        Name="one-tg", Protocol="HTTP", Port=80, VpcId=w.id_of("vpc"), Tags=TAGS
    )
    return Made(answer["TargetGroups"][0]["TargetGroupArn"], "one-tg")


@makes("listener")
def listener(w: Workshop) -> Made:
    balancer = w.one("load_balancer").arn
    answer = w.elbv2.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=80,
        Tags=TAGS,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": w.one("target_group").arn}],
    )
    arn = answer["Listeners"][0]["ListenerArn"]
    return Made(arn, "HTTP:80", metadata={"load_balancer": balancer, "port": 80})


@makes("rds_instance")
def rds_instance(w: Workshop) -> Made:
    w.rds.create_db_instance(
        DBInstanceIdentifier="one-db",
        Engine="postgres",
        DBInstanceClass="db.t3.medium",
        AllocatedStorage=20,
        MasterUsername="operator",
        MasterUserPassword="not-a-secret",
        Tags=TAGS,
    )
    return Made(w.arn("rds", "db:one-db"), "one-db", "one-db", "available")


@makes("rds_cluster")
def rds_cluster(w: Workshop) -> Made:
    w.rds.create_db_cluster(
        DBClusterIdentifier="one-cluster",
        Engine="aurora-postgresql",
        MasterUsername="operator",
        MasterUserPassword="not-a-secret",
        Tags=TAGS,
    )
    return Made(w.arn("rds", "cluster:one-cluster"), "one-cluster", state="available")


@makes("rds_snapshot")
def rds_snapshot(w: Workshop) -> Made:
    w.one("rds_instance")
    w.rds.create_db_snapshot(
        DBSnapshotIdentifier="one-snap", DBInstanceIdentifier="one-db", Tags=TAGS
    )
    return Made(w.arn("rds", "snapshot:one-snap"), "one-snap", metadata={"instance": "one-db"})


@makes("rds_cluster_snapshot")
def rds_cluster_snapshot(w: Workshop) -> Made:
    w.one("rds_cluster")
    w.rds.create_db_cluster_snapshot(
        DBClusterSnapshotIdentifier="one-csnap", DBClusterIdentifier="one-cluster", Tags=TAGS
    )
    return Made(w.arn("rds", "cluster-snapshot:one-csnap"), "one-csnap")


@makes("rds_subnet_group")
def rds_subnet_group(w: Workshop) -> Made:
    w.rds.create_db_subnet_group(
        DBSubnetGroupName="one-sng",
        DBSubnetGroupDescription="d",
        SubnetIds=[w.id_of("subnet")],
        Tags=TAGS,
    )
    return Made(w.arn("rds", "subgrp:one-sng"), "one-sng", metadata={"vpc_id": w.id_of("vpc")})


@makes("rds_parameter_group")
def rds_parameter_group(w: Workshop) -> Made:
    w.rds.create_db_parameter_group(
        DBParameterGroupName="one-pg",
        DBParameterGroupFamily="postgres14",
        Description="d",
        Tags=TAGS,
    )
    return Made(w.arn("rds", "pg:one-pg"), "one-pg", metadata={"family": "postgres14"})


@makes("rds_cluster_parameter_group")
def rds_cluster_parameter_group(w: Workshop) -> Made:
    w.rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName="one-cpg",
        DBParameterGroupFamily="aurora-postgresql14",
        Description="d",
        Tags=TAGS,
    )
    return Made(w.arn("rds", "cluster-pg:one-cpg"), "one-cpg")


@makes("rds_proxy")
def rds_proxy(w: Workshop) -> Made:
    answer = w.rds.create_db_proxy(
        DBProxyName="one-proxy",
        EngineFamily="POSTGRESQL",
        RoleArn="arn:aws:iam::1:role/r",
        VpcSubnetIds=[w.id_of("subnet")],
        Auth=[{"AuthScheme": "SECRETS"}],
        Tags=TAGS,
    )
    return Made(answer["DBProxy"]["DBProxyArn"], "one-proxy")


@makes("neptune_cluster")
def neptune_cluster(w: Workshop) -> Made:
    w.neptune.create_db_cluster(DBClusterIdentifier="one-graph", Engine="neptune", Tags=TAGS)
    return Made(w.arn("rds", "cluster:one-graph"), "one-graph", state="available")


@makes("dynamodb_table")
def dynamodb_table(w: Workshop) -> Made:
    answer = w.dynamodb.create_table(
        TableName="one-table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=TAGS,
    )
    return Made(answer["TableDescription"]["TableArn"], "one-table", state="ACTIVE")


@makes("elasticache_cluster")
def elasticache_cluster(w: Workshop) -> Made:
    answer = w.elasticache.create_cache_cluster(
        CacheClusterId="one-cache",
        Engine="redis",
        NumCacheNodes=1,
        CacheNodeType="cache.t3.micro",
        Tags=TAGS,
    )
    return Made(answer["CacheCluster"]["ARN"], "one-cache", state="available")


@makes("elasticache_replication_group")
def elasticache_replication_group(w: Workshop) -> Made:
    answer = w.elasticache.create_replication_group(
        ReplicationGroupId="one-rg",
        ReplicationGroupDescription="d",
        Engine="redis",
        CacheNodeType="cache.t3.micro",
        Tags=TAGS,
    )
    return Made(answer["ReplicationGroup"]["ARN"], "one-rg")


@makes("elasticache_subnet_group")
def elasticache_subnet_group(w: Workshop) -> Made:
    answer = w.elasticache.create_cache_subnet_group(
        CacheSubnetGroupName="one-csg",
        CacheSubnetGroupDescription="d",
        SubnetIds=[w.id_of("subnet")],
        Tags=TAGS,
    )
    return Made(answer["CacheSubnetGroup"]["ARN"], "one-csg")


@makes("memorydb_cluster")
def memorydb_cluster(w: Workshop) -> Made:
    answer = w.memorydb.create_cluster(
        ClusterName="one-memory", NodeType="db.t4g.small", ACLName="open-access", Tags=TAGS
    )
    return Made(answer["Cluster"]["ARN"], "one-memory")


@makes("opensearch_domain")
def opensearch_domain(w: Workshop) -> Made:
    answer = w.opensearch.create_domain(DomainName="one-search", TagList=TAGS)
    return Made(answer["DomainStatus"]["ARN"], "one-search")


@makes("redshift_cluster")
def redshift_cluster(w: Workshop) -> Made:
    w.redshift.create_cluster(
        ClusterIdentifier="one-warehouse",
        NodeType="ra3.xlplus",
        MasterUsername="operator",
        MasterUserPassword="Not-a-secret1",
        Tags=TAGS,
    )
    return Made(w.arn("redshift", "cluster:one-warehouse"), "one-warehouse", state="available")


@makes("redshift_snapshot")
def redshift_snapshot(w: Workshop) -> Made:
    w.one("redshift_cluster")
    w.redshift.create_cluster_snapshot(
        SnapshotIdentifier="one-rsnap", ClusterIdentifier="one-warehouse", Tags=TAGS
    )
    return Made(w.arn("redshift", "snapshot:one-warehouse/one-rsnap"), "one-rsnap")


@makes("s3_bucket")
def s3_bucket(w: Workshop) -> Made:
    w.s3.create_bucket(
        Bucket="one-bucket", CreateBucketConfiguration={"LocationConstraint": w.region}
    )
    w.s3.put_bucket_tagging(Bucket="one-bucket", Tagging={"TagSet": TAGS})
    return Made("arn:aws:s3:::one-bucket", "one-bucket")


@makes("efs_file_system")
def efs_file_system(w: Workshop) -> Made:
    answer = w.efs.create_file_system(
        CreationToken="t", Tags=[*TAGS, {"Key": "Name", "Value": "one-efs"}]
    )
    return Made(
        answer["FileSystemArn"],
        "one-efs",
        answer["FileSystemId"],
        "available",
        {"env": "test", "Name": "one-efs"},
    )


@makes("efs_access_point")
def efs_access_point(w: Workshop) -> Made:
    answer = w.efs.create_access_point(
        ClientToken="t", FileSystemId=w.id_of("efs_file_system"), Tags=TAGS
    )
    return Made(answer["AccessPointArn"], state="available")


@makes("fsx_file_system")
def fsx_file_system(w: Workshop) -> Made:
    answer = w.fsx.create_file_system(
        FileSystemType="LUSTRE", StorageCapacity=1200, SubnetIds=[w.id_of("subnet")], Tags=TAGS
    )
    return Made(answer["FileSystem"]["ResourceARN"], metadata={"size_gib": 1200})


@makes("iam_role")
def iam_role(w: Workshop) -> Made:
    answer = w.iam.create_role(RoleName="one-role", AssumeRolePolicyDocument=TRUST, Tags=TAGS)
    return Made(answer["Role"]["Arn"], "one-role", "one-role")


@makes("iam_user")
def iam_user(w: Workshop) -> Made:
    answer = w.iam.create_user(UserName="one-user", Tags=TAGS)
    return Made(answer["User"]["Arn"], "one-user")


@makes("iam_group")
def iam_group(w: Workshop) -> Made:
    return Made(w.iam.create_group(GroupName="one-group")["Group"]["Arn"], "one-group", tags=None)


@makes("iam_policy")
def iam_policy(w: Workshop) -> Made:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}],
    }
    answer = w.iam.create_policy(
        PolicyName="one-policy", PolicyDocument=json.dumps(document), Tags=TAGS
    )
    return Made(answer["Policy"]["Arn"], "one-policy")


@makes("iam_instance_profile")
def iam_instance_profile(w: Workshop) -> Made:
    answer = w.iam.create_instance_profile(InstanceProfileName="one-profile", Tags=TAGS)
    return Made(answer["InstanceProfile"]["Arn"], "one-profile")


@makes("iam_oidc_provider")
def iam_oidc_provider(w: Workshop) -> Made:
    answer = w.iam.create_open_id_connect_provider(
        Url="https://token.example.com", ClientIDList=["sts.amazonaws.com"], Tags=TAGS
    )
    return Made(answer["OpenIDConnectProviderArn"], "token.example.com")


@makes("lambda_function")
def lambda_function(w: Workshop) -> Made:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("main.py", "def handle(event, context): return 1\n")
    answer = w.client("lambda").create_function(
        FunctionName="one-function",
        Runtime="python3.11",
        Role=w.one("iam_role").arn,
        Handler="main.handle",
        Code={"ZipFile": code.getvalue()},
        Tags=TAG_MAP,
        Environment={"Variables": {"DB_PASSWORD": "planted-value"}},
    )
    return Made(
        answer["FunctionArn"],
        "one-function",
        state="Active",
        metadata={"environment_names": ["DB_PASSWORD"]},
    )


@makes("lambda_layer")
def lambda_layer(w: Workshop) -> Made:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("a.py", "")
    answer = w.client("lambda").publish_layer_version(
        LayerName="one-layer", Content={"ZipFile": code.getvalue()}, Description="d"
    )
    return Made(answer["LayerArn"], "one-layer", tags=None, metadata={"latest_version": 1})


@makes("lambda_event_source")
def lambda_event_source(w: Workshop) -> Made:
    answer = w.client("lambda").create_event_source_mapping(
        EventSourceArn=w.one("sqs_queue").arn, FunctionName=w.one("lambda_function").arn
    )
    return Made(
        w.arn("lambda", f"event-source-mapping:{answer['UUID']}"),
        tags=None,
        state="Enabled",
        metadata={"queue": w.one("sqs_queue").arn},
    )


@makes("ecs_cluster")
def ecs_cluster(w: Workshop) -> Made:
    answer = w.ecs.create_cluster(clusterName="one-ecs", tags=LOWER_TAGS)
    return Made(answer["cluster"]["clusterArn"], "one-ecs", state="ACTIVE")


@makes("ecs_task_definition")
def ecs_task_definition(w: Workshop) -> Made:
    for _ in range(2):
        w.ecs.register_task_definition(
            family="one-family",
            tags=LOWER_TAGS,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "web", "image": "nginx", "memory": 128}],
        )
    return Made(
        w.arn("ecs", "task-definition/one-family"),
        "one-family",
        state="ACTIVE",
        metadata={"revision": 2, "images": ["nginx"]},
    )


@makes("ecs_service")
def ecs_service(w: Workshop) -> Made:
    w.one("ecs_task_definition")
    answer = w.ecs.create_service(
        cluster=w.one("ecs_cluster").arn,
        serviceName="one-service",
        taskDefinition="one-family",
        desiredCount=2,
        tags=LOWER_TAGS,
    )
    return Made(
        answer["service"]["serviceArn"],
        "one-service",
        "one-service",
        "ACTIVE",
        metadata={"desired": 2, "cluster": w.one("ecs_cluster").arn},
    )


@makes("eks_cluster")
def eks_cluster(w: Workshop) -> Made:
    answer = w.eks.create_cluster(
        name="one-eks",
        roleArn=w.one("iam_role").arn,
        version="1.30",
        tags=TAG_MAP,
        resourcesVpcConfig={"subnetIds": [w.id_of("subnet")]},
    )
    return Made(answer["cluster"]["arn"], "one-eks", "one-eks", "ACTIVE")


@makes("eks_nodegroup")
def eks_nodegroup(w: Workshop) -> Made:
    answer = w.eks.create_nodegroup(
        clusterName=w.id_of("eks_cluster"),
        nodegroupName="one-nodes",
        tags=TAG_MAP,
        subnets=[w.id_of("subnet")],
        nodeRole=w.one("iam_role").arn,
        scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 2},
    )
    return Made(
        answer["nodegroup"]["nodegroupArn"],
        "one-nodes",
        state="ACTIVE",
        metadata={"desired": 2, "cluster": "one-eks"},
    )


@makes("eks_fargate_profile")
def eks_fargate_profile(w: Workshop) -> Made:
    answer = w.eks.create_fargate_profile(
        fargateProfileName="one-fargate",
        clusterName=w.id_of("eks_cluster"),
        tags=TAG_MAP,
        podExecutionRoleArn=w.one("iam_role").arn,
        selectors=[{"namespace": "default"}],
    )
    return Made(answer["fargateProfile"]["fargateProfileArn"], "one-fargate")


@makes("ecr_repository")
def ecr_repository(w: Workshop) -> Made:
    answer = w.ecr.create_repository(repositoryName="team/one", tags=TAGS)
    return Made(answer["repository"]["repositoryArn"], "team/one")


@makes("batch_compute_environment")
def batch_compute_environment(w: Workshop) -> Made:
    answer = w.batch.create_compute_environment(
        computeEnvironmentName="one-ce",
        type="UNMANAGED",
        state="ENABLED",
        serviceRole=w.one("iam_role").arn,
        tags=TAG_MAP,
    )
    return Made(answer["computeEnvironmentArn"], "one-ce", state="ENABLED", tags=None)


@makes("batch_job_queue")
def batch_job_queue(w: Workshop) -> Made:
    answer = w.batch.create_job_queue(
        jobQueueName="one-queue",
        state="ENABLED",
        priority=1,
        tags=TAG_MAP,
        computeEnvironmentOrder=[
            {"order": 1, "computeEnvironment": w.one("batch_compute_environment").arn}
        ],
    )
    return Made(answer["jobQueueArn"], "one-queue", state="ENABLED")


@makes("batch_job_definition")
def batch_job_definition(w: Workshop) -> Made:
    answer = w.batch.register_job_definition(
        jobDefinitionName="one-job",
        type="container",
        tags=TAG_MAP,
        containerProperties={"image": "busybox", "vcpus": 1, "memory": 128},
    )
    return Made(answer["jobDefinitionArn"], "one-job:1", state="ACTIVE")


@makes("beanstalk_application")
def beanstalk_application(w: Workshop) -> Made:
    answer = w.elasticbeanstalk.create_application(ApplicationName="one-app", Tags=TAGS)
    return Made(answer["Application"]["ApplicationArn"], "one-app", tags=None)


@makes("beanstalk_environment")
def beanstalk_environment(w: Workshop) -> Made:
    w.one("beanstalk_application")
    answer = w.elasticbeanstalk.create_environment(
        ApplicationName="one-app",
        EnvironmentName="one-env",
        Tags=TAGS,
        SolutionStackName="64bit Amazon Linux 2023 v4.0.0 running Python 3.11",
    )
    return Made(answer["EnvironmentArn"], "one-env")


@makes("rest_api")
def rest_api(w: Workshop) -> Made:
    one = w.apigateway.create_rest_api(name="one-api", tags=TAG_MAP)["id"]
    return Made(f"arn:aws:apigateway:{w.region}::/restapis/{one}", "one-api", one)


@makes("rest_api_stage")
def rest_api_stage(w: Workshop) -> Made:
    api = w.id_of("rest_api")
    root = w.apigateway.get_resources(restApiId=api)["items"][0]["id"]
    w.apigateway.put_method(
        restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE"
    )
    w.apigateway.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    deployment = w.apigateway.create_deployment(restApiId=api)["id"]
    w.apigateway.create_stage(
        restApiId=api, stageName="prod", deploymentId=deployment, tags=TAG_MAP
    )
    return Made(
        f"arn:aws:apigateway:{w.region}::/restapis/{api}/stages/prod",
        "prod",
        metadata={"api": api},
    )


@makes("http_api")
def http_api(w: Workshop) -> Made:
    one = w.apigatewayv2.create_api(Name="one-http", ProtocolType="HTTP", Tags=TAG_MAP)["ApiId"]
    return Made(f"arn:aws:apigateway:{w.region}::/apis/{one}", "one-http", one)


@makes("cloudfront_distribution")
def cloudfront_distribution(w: Workshop) -> Made:
    config = {
        "CallerReference": "r",
        "Comment": "d",
        "Enabled": True,
        "Aliases": {"Quantity": 1, "Items": ["www.example.com"]},
        "Origins": {
            "Quantity": 1,
            "Items": [
                {
                    "Id": "o",
                    "DomainName": "one-bucket.s3.amazonaws.com",
                    "S3OriginConfig": {"OriginAccessIdentity": ""},
                }
            ],
        },
        "DefaultCacheBehavior": {
            "TargetOriginId": "o",
            "ViewerProtocolPolicy": "allow-all",
            "MinTTL": 1,
            "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}},
        },
    }
    answer = w.cloudfront.create_distribution_with_tags(
        DistributionConfigWithTags={"DistributionConfig": config, "Tags": {"Items": TAGS}}
    )
    return Made(answer["Distribution"]["ARN"], "www.example.com")


@makes("hosted_zone")
def hosted_zone(w: Workshop) -> Made:
    one = w.route53.create_hosted_zone(Name="example.com", CallerReference="r")
    one = one["HostedZone"]["Id"].rpartition("/")[2]
    w.route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=one, AddTags=TAGS)
    return Made(f"arn:aws:route53:::hostedzone/{one}", "example.com", one)


@makes("dns_record")
def dns_record(w: Workshop) -> Made:
    zone = w.id_of("hosted_zone")
    record = {
        "Name": "api.example.com",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "203.0.113.7"}],
    }
    w.route53.change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
    )
    return Made(
        f"arn:aws:route53:::hostedzone/{zone}/record/api.example.com./A",
        "api.example.com",
        "api.example.com./A",
        tags=None,
        metadata={"values": ["203.0.113.7"], "zone": zone},
    )


@makes("health_check")
def health_check(w: Workshop) -> Made:
    one = w.route53.create_health_check(
        CallerReference="r",
        HealthCheckConfig={"Type": "HTTP", "IPAddress": "203.0.113.7", "Port": 80},
    )["HealthCheck"]["Id"]
    w.route53.change_tags_for_resource(ResourceType="healthcheck", ResourceId=one, AddTags=TAGS)
    return Made(f"arn:aws:route53:::healthcheck/{one}", identifier=one)


@makes("acm_certificate")
def acm_certificate(w: Workshop) -> Made:
    arn = w.acm.request_certificate(DomainName="www.example.com", Tags=TAGS)["CertificateArn"]
    return Made(arn, "www.example.com")


def waf_acl(w: Workshop, scope: str, client: Any) -> Made:
    name = f"one-{scope.lower()}"
    answer = client.create_web_acl(
        Name=name,
        Scope=scope,
        DefaultAction={"Allow": {}},
        Tags=TAGS,
        VisibilityConfig={
            "SampledRequestsEnabled": False,
            "CloudWatchMetricsEnabled": False,
            "MetricName": "m",
        },
    )["Summary"]
    return Made(answer["ARN"], name, answer["Id"], metadata={"default_action": "Allow"})


@makes("web_acl")
def web_acl(w: Workshop) -> Made:
    return waf_acl(w, "REGIONAL", w.wafv2)


@makes("cloudfront_web_acl")
def cloudfront_web_acl(w: Workshop) -> Made:
    return waf_acl(w, "CLOUDFRONT", w.client("wafv2@us-east-1"))


@makes("waf_ip_set")
def waf_ip_set(w: Workshop) -> Made:
    answer = w.wafv2.create_ip_set(
        Name="one-ips",
        Scope="REGIONAL",
        IPAddressVersion="IPV4",
        Addresses=["203.0.113.0/24"],
        Tags=TAGS,
    )["Summary"]
    return Made(answer["ARN"], "one-ips", metadata={"addresses": 1})


@makes("kms_key")
def kms_key(w: Workshop) -> Made:
    answer = w.kms.create_key(Description="d", Tags=[{"TagKey": "env", "TagValue": "test"}])[
        "KeyMetadata"
    ]
    return Made(answer["Arn"], identifier=answer["KeyId"], state="Enabled")


@makes("kms_alias")
def kms_alias(w: Workshop) -> Made:
    w.kms.create_alias(AliasName="alias/one", TargetKeyId=w.id_of("kms_key"))
    return Made(
        w.arn("kms", "alias/one"),
        "alias/one",
        tags=None,
        metadata={"key_id": w.id_of("kms_key")},
    )


@makes("secret")
def secret(w: Workshop) -> Made:
    arn = w.secretsmanager.create_secret(
        Name="one/secret", SecretString="planted-value", Tags=TAGS
    )["ARN"]
    return Made(arn, "one/secret", "one/secret")


@makes("ssm_parameter")
def ssm_parameter(w: Workshop) -> Made:
    w.ssm.put_parameter(
        Name="/one/parameter", Value="planted-value", Type="SecureString", Tags=TAGS
    )
    return Made(w.arn("ssm", "parameter/one/parameter"), "/one/parameter")


@makes("ssm_document")
def ssm_document(w: Workshop) -> Made:
    w.ssm.create_document(
        Name="one-document",
        DocumentType="Command",
        DocumentFormat="JSON",
        Tags=TAGS,
        Content='{"schemaVersion": "2.2", "description": "d", "mainSteps": []}',
    )
    return Made(w.arn("ssm", "document/one-document"), "one-document")


@makes("cloudformation_stack")
def cloudformation_stack(w: Workshop) -> Made:
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}
    answer = w.cloudformation.create_stack(
        StackName="one-stack", TemplateBody=json.dumps(template), Tags=TAGS
    )
    return Made(answer["StackId"], "one-stack", state="CREATE_COMPLETE")


@makes("cloudformation_stack_set")
def cloudformation_stack_set(w: Workshop) -> Made:
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}
    one = w.cloudformation.create_stack_set(
        StackSetName="one-set", TemplateBody=json.dumps(template), Tags=TAGS
    )["StackSetId"]
    return Made(w.arn("cloudformation", f"stackset/{one}"), "one-set", state="ACTIVE")


@makes("cloudwatch_alarm")
def cloudwatch_alarm(w: Workshop) -> Made:
    w.cloudwatch.put_metric_alarm(
        AlarmName="one-alarm",
        MetricName="CPUUtilization",
        Namespace="AWS/EC2",
        Period=60,
        EvaluationPeriods=1,
        Threshold=80,
        Statistic="Average",
        Tags=TAGS,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[w.one("sns_topic").arn],
        Dimensions=[{"Name": "InstanceId", "Value": w.id_of("ec2_instance")}],
    )
    return Made(
        w.arn("cloudwatch", "alarm:one-alarm"),
        "one-alarm",
        metadata={
            "topics": [w.one("sns_topic").arn],
            "instances": [w.id_of("ec2_instance")],
        },
    )


@makes("cloudwatch_dashboard")
def cloudwatch_dashboard(w: Workshop) -> Made:
    w.cloudwatch.put_dashboard(DashboardName="one-board", DashboardBody='{"widgets": []}')
    arn = w.cloudwatch.list_dashboards()["DashboardEntries"][0]["DashboardArn"]
    return Made(arn, "one-board", tags=None)


@makes("log_group")
def log_group(w: Workshop) -> Made:
    w.logs.create_log_group(logGroupName="/one/logs", tags=TAG_MAP)
    return Made(w.arn("logs", "log-group:/one/logs"), "/one/logs")


@makes("event_bus")
def event_bus(w: Workshop) -> Made:
    return Made(w.events.create_event_bus(Name="one-bus", Tags=TAGS)["EventBusArn"], "one-bus")


@makes("event_rule")
def event_rule(w: Workshop) -> Made:
    w.one("event_bus")
    arn = w.events.put_rule(
        Name="one-rule", EventBusName="one-bus", EventPattern='{"source": ["a"]}', Tags=TAGS
    )["RuleArn"]
    return Made(arn, "one-rule", state="ENABLED", metadata={"bus": "one-bus"})


@makes("schedule")
def schedule(w: Workshop) -> Made:
    arn = w.scheduler.create_schedule(
        Name="one-schedule",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": w.one("lambda_function").arn, "RoleArn": w.one("iam_role").arn},
    )["ScheduleArn"]
    return Made(
        arn,
        "one-schedule",
        state="ENABLED",
        tags=None,
        metadata={"function": w.one("lambda_function").arn},
    )


@makes("sns_topic")
def sns_topic(w: Workshop) -> Made:
    return Made(w.sns.create_topic(Name="one-topic", Tags=TAGS)["TopicArn"], "one-topic")


@makes("sns_subscription")
def sns_subscription(w: Workshop) -> Made:
    arn = w.sns.subscribe(
        TopicArn=w.one("sns_topic").arn,
        Protocol="sqs",
        Endpoint=w.one("sqs_queue").arn,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return Made(arn, tags=None, metadata={"topic": w.one("sns_topic").arn})


@makes("sqs_queue")
def sqs_queue(w: Workshop) -> Made:
    url = w.sqs.create_queue(QueueName="one-jobs", tags=TAG_MAP)["QueueUrl"]
    return Made(w.arn("sqs", "one-jobs"), "one-jobs", url)


@makes("kinesis_stream")
def kinesis_stream(w: Workshop) -> Made:
    w.kinesis.create_stream(StreamName="one-stream", ShardCount=1)
    w.kinesis.add_tags_to_stream(StreamName="one-stream", Tags=TAG_MAP)
    return Made(w.arn("kinesis", "stream/one-stream"), "one-stream", state="ACTIVE")


@makes("firehose_stream")
def firehose_stream(w: Workshop) -> Made:
    w.one("s3_bucket")
    arn = w.firehose.create_delivery_stream(
        DeliveryStreamName="one-fire",
        Tags=TAGS,
        S3DestinationConfiguration={
            "RoleARN": w.one("iam_role").arn,
            "BucketARN": "arn:aws:s3:::one-bucket",
        },
    )["DeliveryStreamARN"]
    return Made(arn, "one-fire", state="ACTIVE", metadata={"buckets": ["arn:aws:s3:::one-bucket"]})


@makes("msk_cluster")
def msk_cluster(w: Workshop) -> Made:
    arn = w.kafka.create_cluster_v2(
        ClusterName="one-msk",
        Tags=TAG_MAP,
        Provisioned={
            "KafkaVersion": "3.5.1",
            "NumberOfBrokerNodes": 3,
            "BrokerNodeGroupInfo": {
                "InstanceType": "kafka.m5.large",
                "ClientSubnets": [w.id_of("subnet")],
            },
        },
    )["ClusterArn"]
    return Made(arn, "one-msk")


@makes("state_machine")
def state_machine(w: Workshop) -> Made:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    arn = w.stepfunctions.create_state_machine(
        name="one-machine",
        definition=json.dumps(definition),
        roleArn=w.one("iam_role").arn,
        tags=LOWER_TAGS,
    )["stateMachineArn"]
    return Made(arn, "one-machine", state="ACTIVE")


@makes("glue_database")
def glue_database(w: Workshop) -> Made:
    w.glue.create_database(DatabaseInput={"Name": "one_db"}, Tags=TAG_MAP)
    return Made(w.arn("glue", "database/one_db"), "one_db")


@makes("glue_job")
def glue_job(w: Workshop) -> Made:
    w.glue.create_job(Name="one-etl", Role="r", Command={"Name": "glueetl"}, Tags=TAG_MAP)
    return Made(w.arn("glue", "job/one-etl"), "one-etl")


@makes("glue_crawler")
def glue_crawler(w: Workshop) -> Made:
    w.glue.create_crawler(
        Name="one-crawler",
        Role="r",
        DatabaseName="one_db",
        Tags=TAG_MAP,
        Targets={"S3Targets": [{"Path": "s3://one-bucket"}]},
    )
    return Made(w.arn("glue", "crawler/one-crawler"), "one-crawler", state="READY")


@makes("athena_workgroup")
def athena_workgroup(w: Workshop) -> Made:
    w.athena.create_work_group(Name="one-group", Tags=TAGS)
    return Made(w.arn("athena", "workgroup/one-group"), "one-group", state="ENABLED")


@makes("cognito_user_pool")
def cognito_user_pool(w: Workshop) -> Made:
    one = w.cognito_idp.create_user_pool(PoolName="one-pool", UserPoolTags=TAG_MAP)["UserPool"]
    return Made(one["Arn"], "one-pool", one["Id"])


@makes("cognito_app_client")
def cognito_app_client(w: Workshop) -> Made:
    pool = w.id_of("cognito_user_pool")
    one = w.cognito_idp.create_user_pool_client(
        UserPoolId=pool, ClientName="one-client", GenerateSecret=True
    )["UserPoolClient"]["ClientId"]
    return Made(
        w.arn("cognito-idp", f"userpool/{pool}/client/{one}"),
        "one-client",
        tags=None,
        metadata={"user_pool": pool},
    )


@makes("cognito_identity_pool")
def cognito_identity_pool(w: Workshop) -> Made:
    one = w.cognito_identity.create_identity_pool(
        IdentityPoolName="one-identities",
        AllowUnauthenticatedIdentities=False,
        IdentityPoolTags=TAG_MAP,
    )["IdentityPoolId"]
    return Made(w.arn("cognito-identity", f"identitypool/{one}"), "one-identities")


@makes("codebuild_project")
def codebuild_project(w: Workshop) -> Made:
    arn = w.codebuild.create_project(
        name="one-build",
        source={"type": "S3", "location": "b/p"},
        tags=LOWER_TAGS,
        artifacts={"type": "NO_ARTIFACTS"},
        serviceRole=w.one("iam_role").arn,
        environment={
            "type": "LINUX_CONTAINER",
            "image": "i",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": "TOKEN", "value": "planted-value"}],
        },
    )["project"]["arn"]
    return Made(arn, "one-build", metadata={"environment_names": ["TOKEN"]})


@makes("codepipeline_pipeline")
def codepipeline_pipeline(w: Workshop) -> Made:
    role = w.iam.create_role(
        RoleName="pipe-role",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Service": "codepipeline.amazonaws.com"},
                    }
                ],
            }
        ),
    )["Role"]["Arn"]

    def stage(name: str, category: str, provider: str, **more: Any) -> dict[str, Any]:
        kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
        action = {"name": name, "actionTypeId": kind, "runOrder": 1, **more}
        return {"name": name, "actions": [action]}

    w.codepipeline.create_pipeline(
        tags=LOWER_TAGS,
        pipeline={
            "name": "one-pipeline",
            "roleArn": role,
            "version": 1,
            "artifactStore": {"type": "S3", "location": "one-bucket"},
            "stages": [
                stage(
                    "Source",
                    "Source",
                    "S3",
                    configuration={"S3Bucket": "one-bucket", "S3ObjectKey": "k"},
                    outputArtifacts=[{"name": "artifact"}],
                ),
                stage("Ok", "Approval", "Manual"),
            ],
        },
    )
    return Made(w.arn("codepipeline", "one-pipeline"), "one-pipeline")


@makes("codedeploy_application")
def codedeploy_application(w: Workshop) -> Made:
    w.codedeploy.create_application(
        applicationName="one-deploy", computePlatform="Lambda", tags=TAGS
    )
    return Made(w.arn("codedeploy", "application:one-deploy"), "one-deploy")


@makes("backup_vault")
def backup_vault(w: Workshop) -> Made:
    arn = w.backup.create_backup_vault(BackupVaultName="one-vault", BackupVaultTags=TAG_MAP)
    return Made(arn["BackupVaultArn"], "one-vault")


@makes("backup_plan")
def backup_plan(w: Workshop) -> Made:
    arn = w.backup.create_backup_plan(
        BackupPlan={
            "BackupPlanName": "one-plan",
            "Rules": [{"RuleName": "r", "TargetBackupVaultName": "one-vault"}],
        },
        BackupPlanTags=TAG_MAP,
    )["BackupPlanArn"]
    return Made(arn, "one-plan")


@makes("organization_account")
def organization_account(w: Workshop) -> Made:
    w.organizations.create_organization(FeatureSet="ALL")
    one = w.organizations.create_account(
        Email="o@example.com", AccountName="one-account", Tags=TAGS
    )["CreateAccountStatus"]["AccountId"]
    arn = w.organizations.describe_account(AccountId=one)["Account"]["Arn"]
    return Made(arn, "one-account", one, "ACTIVE")


@makes("service_control_policy")
def service_control_policy(w: Workshop) -> Made:
    w.one("organization_account")
    summary = w.organizations.create_policy(
        Name="one-scp",
        Description="d",
        Type="SERVICE_CONTROL_POLICY",
        Tags=TAGS,
        Content='{"Version": "2012-10-17", "Statement": []}',
    )["Policy"]["PolicySummary"]
    return Made(summary["Arn"], "one-scp", summary["Id"])


@makes("emr_cluster")
def emr_cluster(w: Workshop) -> Made:
    answer = w.emr.run_job_flow(
        Name="one-emr",
        ReleaseLabel="emr-6.10.0",
        Tags=TAGS,
        JobFlowRole="r",
        ServiceRole="s",
        Instances={
            "MasterInstanceType": "m5.xlarge",
            "SlaveInstanceType": "m5.xlarge",
            "InstanceCount": 2,
            "KeepJobFlowAliveWhenNoSteps": True,
        },
    )
    return Made(
        w.arn("elasticmapreduce", f"cluster/{answer['JobFlowId']}"),
        "one-emr",
        answer["JobFlowId"],
        "WAITING",
    )


@makes("sagemaker_notebook")
def sagemaker_notebook(w: Workshop) -> Made:
    arn = w.sagemaker.create_notebook_instance(
        NotebookInstanceName="one-notebook",
        InstanceType="ml.t3.medium",
        RoleArn=w.one("iam_role").arn,
        Tags=TAGS,
    )["NotebookInstanceArn"]
    return Made(arn, "one-notebook", state="InService")


@makes("sagemaker_endpoint")
def sagemaker_endpoint(w: Workshop) -> Made:
    w.sagemaker.create_model(
        ModelName="m",
        ExecutionRoleArn=w.one("iam_role").arn,
        PrimaryContainer={"Image": "382416733822.dkr.ecr.us-east-1.amazonaws.com/i:1"},
    )
    w.sagemaker.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[
            {
                "VariantName": "v",
                "ModelName": "m",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
        ],
    )
    arn = w.sagemaker.create_endpoint(
        EndpointName="one-endpoint", EndpointConfigName="c", Tags=TAGS
    )["EndpointArn"]
    return Made(arn, "one-endpoint", state="InService")


@makes("mq_broker")
def mq_broker(w: Workshop) -> Made:
    answer = w.mq.create_broker(
        BrokerName="one-broker",
        EngineType="ACTIVEMQ",
        EngineVersion="5.18",
        HostInstanceType="mq.t3.micro",
        DeploymentMode="SINGLE_INSTANCE",
        PubliclyAccessible=False,
        AutoMinorVersionUpgrade=False,
        Tags=TAG_MAP,
        Users=[{"Username": "u", "Password": "not-a-secret-1"}],
    )
    return Made(answer["BrokerArn"], "one-broker", answer["BrokerId"], "RUNNING")


@makes("transfer_server")
def transfer_server(w: Workshop) -> Made:
    one = w.transfer.create_server(Protocols=["SFTP"], Tags=TAGS)["ServerId"]
    return Made(w.arn("transfer", f"server/{one}"), identifier=one)


@makes("cloudtrail_trail")
def cloudtrail_trail(w: Workshop) -> Made:
    w.one("s3_bucket")
    arn = w.cloudtrail.create_trail(Name="one-trail", S3BucketName="one-bucket", TagsList=TAGS)[
        "TrailARN"
    ]
    return Made(arn, "one-trail", metadata={"bucket": "one-bucket"})


@makes("guardduty_detector")
def guardduty_detector(w: Workshop) -> Made:
    one = w.guardduty.create_detector(Enable=True, Tags=TAG_MAP)["DetectorId"]
    return Made(w.arn("guardduty", f"detector/{one}"), state="ENABLED")


@makes("dms_instance")
def dms_instance(w: Workshop) -> Made:
    arn = w.dms.create_replication_instance(
        ReplicationInstanceIdentifier="one-dms",
        ReplicationInstanceClass="dms.t3.medium",
        Tags=TAGS,
    )["ReplicationInstance"]["ReplicationInstanceArn"]
    return Made(arn, "one-dms", state="available")


@makes("dms_task")
def dms_task(w: Workshop) -> Made:
    arn = w.dms.create_replication_task(
        ReplicationTaskIdentifier="one-task",
        SourceEndpointArn="arn:aws:dms:r:1:e:s",
        TargetEndpointArn="arn:aws:dms:r:1:e:t",
        MigrationType="full-load",
        TableMappings="{}",
        ReplicationInstanceArn=w.one("dms_instance").arn,
        Tags=TAGS,
    )["ReplicationTask"]["ReplicationTaskArn"]
    return Made(arn, "one-task")


@makes("graphql_api")
def graphql_api(w: Workshop) -> Made:
    one = w.appsync.create_graphql_api(
        name="one-graphql", authenticationType="API_KEY", tags=TAG_MAP
    )["graphqlApi"]
    return Made(one["arn"], "one-graphql", one["apiId"])


@makes("directory")
def directory(w: Workshop) -> Made:
    more = w.ec2.create_subnet(
        VpcId=w.id_of("vpc"), CidrBlock="10.7.9.0/24", AvailabilityZone=f"{w.region}c"
    )["Subnet"]["SubnetId"]
    one = w.ds.create_microsoft_ad(
        Name="corp.example.com",
        Password="Not-a-secret1",
        Edition="Standard",
        Tags=TAGS,
        VpcSettings={"VpcId": w.id_of("vpc"), "SubnetIds": [w.id_of("subnet"), more]},
    )["DirectoryId"]
    return Made(w.arn("ds", f"directory/{one}"), "corp.example.com", one, "Active")


@makes("cloud_map_namespace")
def cloud_map_namespace(w: Workshop) -> Made:
    w.servicediscovery.create_http_namespace(Name="one-namespace", Tags=TAGS)
    one = w.servicediscovery.list_namespaces()["Namespaces"][0]
    return Made(one["Arn"], "one-namespace", one["Id"])


@makes("config_rule")
def config_rule(w: Workshop) -> Made:
    w.client("config").put_config_rule(
        ConfigRule={
            "ConfigRuleName": "one-config-rule",
            "Source": {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"},
            "Scope": {"ComplianceResourceTypes": ["AWS::S3::Bucket"]},
        },
        Tags=TAGS,
    )
    one = w.client("config").describe_config_rules()["ConfigRules"][0]
    return Made(one["ConfigRuleArn"], "one-config-rule", state="ACTIVE")


@makes("canary")
def canary(w: Workshop) -> Made:
    w.synthetics.create_canary(
        Name="one-canary",
        Code={"Handler": "h"},
        ArtifactS3Location="s3://one-bucket",
        ExecutionRoleArn=w.one("iam_role").arn,
        Schedule={"Expression": "rate(5 minutes)"},
        RuntimeVersion="syn-nodejs-puppeteer-9.0",
        Tags=TAG_MAP,
    )
    return Made(w.arn("synthetics", "canary:one-canary"), "one-canary")


@makes("aws_resource")
def aws_resource(w: Workshop) -> Made:
    w.one("kms_key")
    arn = w.comprehend.create_document_classifier(
        DocumentClassifierName="one-classifier",
        VersionName="v1",
        DataAccessRoleArn=w.one("iam_role").arn,
        InputDataConfig={"S3Uri": "s3://one-bucket"},
        LanguageCode="en",
        Tags=TAGS,
    )["DocumentClassifierArn"]
    return Made(
        arn, "one-classifier/v1", metadata={"service": "comprehend", "kind": "document-classifier"}
    )
