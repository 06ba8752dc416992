"""S3, and what speaks its protocol, as the place of backups.

The operations used here are exactly those that the policy in docs/storage.md allows; a test holds
the two against each other.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore import exceptions as sdk
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.storage.backup.errors import BackupDamagedError, ObjectMissingError
from cloudops_ls.storage.backup.object_store import StoredObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READ_ATTEMPTS = 4
"""For answers that break off; refusals and throttling are retried by the SDK itself."""
_READS = frozenset({"get_object", "head_object"})
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_THROTTLED = frozenset(
    {
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "503",
        "ServiceUnavailable",
    }
)
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)


class ServerSideEncryption(StrEnum):
    """How the bucket encrypts, on top of what is encrypted here."""

    S3 = "AES256"
    KMS = "aws:kms"
    NONE = "none"
    """For endpoints that refuse the header. What is stored is encrypted here in any case."""


class ObjectLockMode(StrEnum):
    """S3 Object Lock's retention modes."""

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


@dataclass(frozen=True, slots=True)
class S3Options:
    """How objects are written.

    Attributes
    ----------
    encryption, kms_key_id
        Server-side encryption; the bucket's default KMS key when ``kms_key_id`` is None.
    object_lock, lock_days
        Retention of locked objects, and for how long; None without Object Lock.
    """

    encryption: ServerSideEncryption = ServerSideEncryption.S3
    kms_key_id: str | None = None
    object_lock: ObjectLockMode | None = None
    lock_days: int = 0


class S3ObjectStore:
    """A bucket behind an S3 client.

    Parameters
    ----------
    client
        Returns a boto3 or botocore S3 client; called for every operation, so that renewed
        credentials count.
    bucket
        The bucket's name.
    options
        How objects are written.
    """

    def __init__(
        self, client: Callable[[], Any], bucket: str, options: S3Options | None = None
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._options = options or S3Options()
        self._now: datetime | None = None

    def put(self, key: str, content: bytes, *, locked: bool = False) -> str:
        """Write an object whole, or not at all; S3 refuses one whose MD5 is another."""
        extra: dict[str, Any] = {}
        if self._options.encryption is not ServerSideEncryption.NONE:
            extra["ServerSideEncryption"] = self._options.encryption.value
            if self._options.encryption is ServerSideEncryption.KMS and self._options.kms_key_id:
                extra["SSEKMSKeyId"] = self._options.kms_key_id
        if locked and self._options.object_lock is not None:
            extra["ObjectLockMode"] = self._options.object_lock.value
            extra["ObjectLockRetainUntilDate"] = self._lock_end()
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        answer = self._call(
            "put_object",
            key,
            Body=content,
            ContentMD5=base64.b64encode(md5).decode(),
            ContentType="application/octet-stream",
            **extra,
        )
        return str(answer.get("ETag", ""))

    @retry(
        retry=retry_if_exception_type(sdk.BotoCoreError),
        stop=stop_after_attempt(READ_ATTEMPTS),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        reraise=True,
    )
    def _read(self, key: str) -> bytes:
        # The SDK retries requests, not bodies that break off while they are read.
        answer = self._call("get_object", key)
        return bytes(answer["Body"].read())

    def get(self, key: str) -> bytes:
        """Return an object; a body that breaks off is asked for again."""
        try:
            return self._read(key)
        except sdk.FlexibleChecksumError:
            raise BackupDamagedError(
                "An object does not agree with the check sum that it was stored with", key
            ) from None
        except sdk.BotoCoreError as error:
            raise self._explain(error, key) from None

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """List the objects whose key begins with ``prefix``, by key."""
        token: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", None, Prefix=prefix, **token)
            for each in page.get("Contents", ()):
                yield StoredObject(
                    each["Key"],
                    int(each["Size"]),
                    _utc(each["LastModified"]),
                    str(each.get("ETag", "")),
                )
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def delete(self, key: str) -> None:
        """Delete an object; in a bucket with versions, hide it."""
        self._call("delete_object", key)

    def relock(self, key: str) -> bool:
        """Extend an object's retention to the full time, once a day of that has passed."""
        mode = self._options.object_lock
        if mode is None:
            return False
        until = self._call("head_object", key).get("ObjectLockRetainUntilDate")
        enough = timedelta(days=self._options.lock_days - 1)
        if until is not None and _utc(until) - self.now() >= enough:
            return False
        retention = {"Mode": mode.value, "RetainUntilDate": self._lock_end()}
        self._call("put_object_retention", key, Retention=retention)
        return True

    def now(self) -> datetime:
        """Return the time of the server's last answer, or this machine's before the first."""
        return self._now or datetime.now(UTC)

    def _lock_end(self) -> datetime:
        # The server's clock: one here that is wrong by years must not lock for years.
        return self.now() + timedelta(days=self._options.lock_days)

    def _call(self, operation: str, key: str | None, **arguments: Any) -> Any:
        if key is not None:
            arguments["Key"] = key
        try:
            answer = getattr(self._client(), operation)(Bucket=self._bucket, **arguments)
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            if operation in _READS and _status(error) == 403 and not self._listed(str(key)):
                raise ObjectMissingError(str(key)) from None
            raise self._explain(error, key) from None
        date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        if date:
            self._now = _utc(parsedate_to_datetime(date))
        return answer

    def _listed(self, key: str) -> bool:
        """Return whether there is an object of this key.

        S3 says 404 only to those who may list the whole bucket; to others, as under our policy,
        what is missing is as forbidden as what they may not read.
        """
        return any(each.key == key for each in self.list(key))

    def _explain(self, error: Exception, key: str | None) -> CloudOpsError:
        """Return the error for the operator; the SDK's own texts may quote what must not show."""
        where = f"s3://{self._bucket}/{key or ''}"
        if not isinstance(error, sdk.ClientError):
            if isinstance(error, sdk.NoCredentialsError | sdk.PartialCredentialsError):
                return CloudOpsError(
                    "There are no AWS credentials for the backup bucket",
                    where=where,
                    fix="Sign in, or set cloudops.backup.profile",
                )
            return RetryableError(
                "The backup bucket cannot be reached",
                where=where,
                fix="Check the network and cloudops.backup.endpoint_url, and try again",
            )
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        status = _status(error)
        if code == "NoSuchBucket":
            return CloudOpsError(
                "The backup bucket does not exist",
                where=where,
                fix="Create it, or set cloudops.backup.bucket; docs/storage.md says how",
            )
        if key is not None and code in _MISSING:
            return ObjectMissingError(key)
        if code in _THROTTLED or status == 503:
            return RetryableError("S3 asks to slow down", where=where, fix="Try again in a while")
        if code in _EXPIRED:
            return CloudOpsError(
                "The AWS credentials for the backup bucket have expired",
                where=where,
                fix="Sign in again",
            )
        if status in (401, 403):
            return CloudOpsError(
                f"The backup bucket refuses access ({code})",
                where=where,
                fix="Allow what the policy in docs/storage.md allows",
            )
        if status >= 500:
            return RetryableError(f"S3 failed ({code})", where=where, fix="Try again in a while")
        return CloudOpsError(f"S3 refused ({code})", where=where)


def _status(error: Exception) -> int:
    """Return the HTTP status that an error came with; 0 where there was no answer."""
    response = error.response if isinstance(error, sdk.ClientError) else {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
