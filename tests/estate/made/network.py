"""Networks, and what balances and resolves in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.estate.made.workshop import TAG_MAP, TAGS, Made, makes, tagged

if TYPE_CHECKING:
    from tests.estate.made.workshop import Workshop


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


@makes("graphql_api")
def graphql_api(w: Workshop) -> Made:
    one = w.appsync.create_graphql_api(
        name="one-graphql", authenticationType="API_KEY", tags=TAG_MAP
    )["graphqlApi"]
    return Made(one["arn"], "one-graphql", one["apiId"])


@makes("cloud_map_namespace")
def cloud_map_namespace(w: Workshop) -> Made:
    w.servicediscovery.create_http_namespace(Name="one-namespace", Tags=TAGS)
    one = w.servicediscovery.list_namespaces()["Namespaces"][0]
    return Made(one["Arn"], "one-namespace", one["Id"])
