"""Which account a profile acts in, and as whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudops_ls.aws.calls import translated
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class AccountIdentity:
    """The account a profile acts in.

    Attributes
    ----------
    alias
        The account's alias; None where it has none or IAM does not tell.
    partition
        ``aws``, ``aws-cn``, ``aws-us-gov``, …
    principal
        ARN of the user or assumed role that acts; None where it was not asked for.
    """

    account_id: str
    alias: str | None
    partition: str = "aws"
    principal: str | None = None


def ask_identity(profile: str, client: Callable[[str], Any]) -> AccountIdentity:
    """Ask STS (GetCallerIdentity), and IAM for the alias.

    Parameters
    ----------
    client
        Makes the profile's client of a service.

    Raises
    ------
    CloudOpsError
        STS failed.
    """
    sts = client("sts")
    caller = translated(sts.get_caller_identity, profile, "sts", operation="GetCallerIdentity")
    alias: str | None = None
    iam = client("iam")
    try:
        aliases = translated(
            iam.list_account_aliases, profile, "iam", operation="ListAccountAliases"
        )
    except CloudOpsError:
        # The alias is a courtesy: IAM is often closed to operators.
        aliases = {}
    if aliases.get("AccountAliases"):
        alias = str(aliases["AccountAliases"][0])
    partition = str(caller["Arn"]).split(":")[1]
    return AccountIdentity(str(caller["Account"]), alias, partition, principal=str(caller["Arn"]))
