"""A command as the AWS CLI understands it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from cloudops_ls.commands.model import FileReference, Problem


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """Options that every command takes, as far as they matter here.

    Attributes
    ----------
    output, query
        How the answer is formatted; no effect on AWS.
    endpoint_url
        Where the request goes instead of to AWS.
    verify_ssl, sign_request
        False when certificates are not checked, or the request goes out unsigned.
    debug
        The whole traffic, credentials' signatures included, is printed.
    """

    profile: str | None = None
    region: str | None = None
    output: str | None = None
    query: str | None = None
    endpoint_url: str | None = None
    verify_ssl: bool = True
    sign_request: bool = True
    debug: bool = False


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """One valid command.

    Attributes
    ----------
    argv
        The words that were parsed, ``aws`` first.
    service
        botocore's name of the service; ``s3`` for ``aws s3 …`` and ``aws s3api …`` alike.
    operation
        The API operation, ``StopDBInstance``; for one of the CLI's own commands its name, ``cp``.
    command
        The CLI's words, ``rds stop-db-instance`` or ``ec2 wait instance-running``.
    parameters
        What the API would receive; for the CLI's own commands their options by name.
    options
        Global options.
    custom
        One of the CLI's own commands: it makes API calls of its own choosing.
    waiter
        ``aws … wait …``: the operation is only polled.
    dry_run
        Nothing would be changed (``--dry-run``, ``--dryrun``, ``--generate-cli-skeleton``).
    files
        Local files and URLs that it would read or write.
    problems
        Doubts that do not make it invalid, such as a value missing from the CLI's list.
    let_through
        Members that lead to what ``--query`` yields; None for anything of the answer.
    arn_services
        Names that stand for the service in ARNs and endpoints.
    """

    argv: tuple[str, ...]
    service: str
    operation: str
    command: str
    parameters: Mapping[str, JsonValue]
    options: GlobalOptions
    custom: bool = False
    waiter: bool = False
    dry_run: bool = False
    files: tuple[FileReference, ...] = ()
    problems: tuple[Problem, ...] = ()
    let_through: frozenset[str] | None = None
    arn_services: frozenset[str] = field(default_factory=frozenset)
