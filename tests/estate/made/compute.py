"""What computes."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from tests.estate.made.workshop import LOWER_TAGS, TAG_MAP, TAGS, Made, makes

if TYPE_CHECKING:
    from tests.estate.made.workshop import Workshop


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


@makes("launch_template")
def launch_template(w: Workshop) -> Made:
    one = w.ec2.create_launch_template(
        LaunchTemplateName="one-template",
        LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"},
        TagSpecifications=w.ec2_tags("launch-template"),
    )["LaunchTemplate"]["LaunchTemplateId"]
    return w.of_ec2("launch-template", one, "launch-template", name="one-template")


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
