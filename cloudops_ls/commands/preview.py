"""What an operator reads before saying yes."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.storage.resource import Resource

_NAMED_IN_TITLE = 3
_ACRONYMS = frozenset(
    {"acl", "ami", "api", "arn", "aws", "cpu", "db", "dns", "ebs", "efs", "iam", "id", "ip", "kms"}
    | {"mfa", "nat", "sg", "sns", "sqs", "ssh", "ssl", "tls", "url", "vpc", "vpn"}
)


@dataclass(frozen=True, slots=True)
class Preview:
    """A confirmation in plain text.

    Attributes
    ----------
    title
        One line: what happens to what.
    lines
        Everything else, most important first; no Markdown, since any client may show it.
    """

    title: str
    lines: tuple[str, ...]


def preview(
    checked: CheckedCommand, resources: Sequence[Resource], *, undo: str | None = None
) -> Preview:
    """Describe what a checked command will do.

    Parameters
    ----------
    resources
        The resources behind ``checked.resources``, with their current state.
    undo
        The command that takes it back, where there is one.
    """
    lines = [
        f"Account: {_account(checked)}",
        f"Profile: {checked.profile or 'default'}",
        f"Region: {checked.region or 'as the profile is configured'}",
    ]
    lines += [f"Affects: {_described(resource)}" for resource in resources]
    if not resources:
        lines.append("Affects: nothing that the estate knows")
    lines.append(f"Access: {checked.access.value}")
    lines.append(f"Risk: {checked.risk.level.value}")
    lines += [f"- {reason}" for reason in checked.risk.reasons]
    lines += [
        f"Note: {problem.what}" + (f". {problem.fix}" if problem.fix else "")
        for problem in checked.problems
    ]
    if checked.access.mutates:
        lines.append(f"Undo: {undo}" if undo else "Undo: no inverse command is known")
    lines.append(f"Runs: {shlex.join(checked.argv)}")
    return Preview(_title(checked, resources), tuple(lines))


def in_words(command: str) -> str:
    """Return the CLI's words for an operation as an English phrase.

    >>> in_words("rds stop-db-instance")
    'Stop DB instance'
    """
    service, _, operation = command.partition(" ")
    if service == "s3":
        return f"s3 {operation}"
    words = [
        word.upper() if word in _ACRONYMS else word for word in operation.replace("-", " ").split()
    ]
    phrase = " ".join(words)
    return phrase[:1].upper() + phrase[1:]


def _title(checked: CheckedCommand, resources: Sequence[Resource]) -> str:
    names = [resource.name for resource in resources[:_NAMED_IN_TITLE]]
    more = len(resources) - len(names)
    if more:
        names.append(f"{more} more")
    subject = f" {', '.join(names)}" if names else ""
    return f"{in_words(checked.command)}{subject}"


def _account(checked: CheckedCommand) -> str:
    if checked.account_id is None:
        return "not known"
    if checked.account_alias is None:
        return checked.account_id
    return f"{checked.account_alias} ({checked.account_id})"


def _described(resource: Resource) -> str:
    kind = resource.resource_type.replace("_", " ")
    state = f", {resource.state}" if resource.state else ""
    named = (
        resource.name
        if resource.name == resource.identifier
        else f"{resource.name} ({resource.identifier})"
    )
    return f"{named}, {kind}{state}, {resource.region}"
