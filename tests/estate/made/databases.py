"""Databases and caches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.estate.made.workshop import TAGS, Made, makes

if TYPE_CHECKING:
    from tests.estate.made.workshop import Workshop


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
