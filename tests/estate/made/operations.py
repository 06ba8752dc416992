"""What builds, deploys, watches and keeps books."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.estate.made.workshop import LOWER_TAGS, TAG_MAP, TAGS, Made, makes

if TYPE_CHECKING:
    from tests.estate.made.workshop import Workshop


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


@makes("cloudtrail_trail")
def cloudtrail_trail(w: Workshop) -> Made:
    w.one("s3_bucket")
    arn = w.cloudtrail.create_trail(Name="one-trail", S3BucketName="one-bucket", TagsList=TAGS)[
        "TrailARN"
    ]
    return Made(arn, "one-trail", metadata={"bucket": "one-bucket"})


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
