"""Queues, streams and what moves data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.estate.made.workshop import LOWER_TAGS, TAG_MAP, TAGS, Made, makes

if TYPE_CHECKING:
    from tests.estate.made.workshop import Workshop


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
