"""Calls of the SDK whose failures are told in this program's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cloudops_ls.aws.errors import translate

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def translated(
    call: Callable[[], T],
    profile: str,
    service: str | None = None,
    region: str | None = None,
    operation: str | None = None,
) -> T:
    """Return what ``call`` returns.

    Parameters
    ----------
    profile, service, region, operation
        What is asked, for the message.

    Raises
    ------
    CloudOpsError
        It failed.
    """
    try:
        return call()
    except Exception as error:
        # Any: the SDK's parsers let even a KeyError out when what answers is not AWS.
        # `from None`: its messages may quote what must not be shown.
        raise translate(
            error, profile=profile, service=service, operation=operation, region=region
        ) from None
