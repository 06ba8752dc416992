"""What keeps files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.estate.made.workshop import TAG_MAP, TAGS, Made, makes

if TYPE_CHECKING:
    from tests.estate.made.workshop import Workshop


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


@makes("transfer_server")
def transfer_server(w: Workshop) -> Made:
    one = w.transfer.create_server(Protocols=["SFTP"], Tags=TAGS)["ServerId"]
    return Made(w.arn("transfer", f"server/{one}"), identifier=one)
