"""How far a profile reaches: the regions its account uses, the accounts of its organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.aws.calls import translated
from cloudops_ls.aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.aws.sessions import SessionFactory


def enabled_regions(sessions: SessionFactory, profile: str) -> tuple[str, ...]:
    """Return the regions that are enabled for a profile's account, by name.

    EC2's DescribeRegions tells; where IAM does not allow that, Account Management's ListRegions.

    Raises
    ------
    CloudOpsError
        Neither is allowed, or AWS cannot be reached.
    """
    try:
        found = _call(
            sessions,
            profile,
            "ec2",
            "DescribeRegions",
            lambda client: client.describe_regions(AllRegions=False)["Regions"],
        )
        return tuple(sorted(region["RegionName"] for region in found))
    except AwsError as refused:
        try:
            found = _call(sessions, profile, "account", "ListRegions", _listed_regions)
        except AwsError:
            # The usual way's reason is the one to mend.
            raise refused from None
        return tuple(sorted(region["RegionName"] for region in found))


def organization_accounts(sessions: SessionFactory, profile: str) -> tuple[tuple[str, str], ...]:
    """Return id and name of the active accounts of a profile's organization.

    Only the organization's management account and delegated administrators may ask.

    Raises
    ------
    CloudOpsError
        The profile may not ask, or AWS cannot be reached.
    """

    def listed(client: Any) -> list[Any]:
        pages = client.get_paginator("list_accounts").paginate()
        return [account for page in pages for account in page["Accounts"]]

    found = _call(sessions, profile, "organizations", "ListAccounts", listed)
    active = [account for account in found if account.get("Status", "ACTIVE") == "ACTIVE"]
    return tuple(sorted((str(one["Id"]), str(one.get("Name", ""))) for one in active))


def _listed_regions(client: Any) -> list[Any]:
    states = ["ENABLED", "ENABLED_BY_DEFAULT"]
    pages = client.get_paginator("list_regions").paginate(RegionOptStatusContains=states)
    return [region for page in pages for region in page["Regions"]]


def _call(
    sessions: SessionFactory,
    profile: str,
    service: str,
    operation: str,
    ask: Callable[[Any], list[Any]],
) -> list[Any]:
    client = sessions.client(profile, service)
    return translated(lambda: ask(client), profile, service, operation=operation)
