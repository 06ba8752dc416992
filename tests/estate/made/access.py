"""Identities, keys, and who may do what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.estate.made.workshop import TAG_MAP, TAGS, TRUST, Made, makes

if TYPE_CHECKING:
    from tests.estate.made.workshop import Workshop


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


@makes("guardduty_detector")
def guardduty_detector(w: Workshop) -> Made:
    one = w.guardduty.create_detector(Enable=True, Tags=TAG_MAP)["DetectorId"]
    return Made(w.arn("guardduty", f"detector/{one}"), state="ENABLED")


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
