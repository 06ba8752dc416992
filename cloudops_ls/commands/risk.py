"""How much care a command needs, with the reasons in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cloudops_ls.commands.model import AccessLevel, CommandContext, FileUse, Risk, RiskLevel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cloudops_ls.commands.classify import Classification
    from cloudops_ls.commands.parsed import ParsedCommand
    from cloudops_ls.storage.resource import Resource

MANY = 5
"""From this number of resources on, a change is of high risk."""

_LEVELS = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH)
_WORD = re.compile(r"[a-z]+")
_PRODUCTION_WORDS = frozenset({"prod", "production", "prd", "live"})
_NOT_QUITE = frozenset({"non", "not", "pre"})
_STAGE_TAGS = frozenset({"env", "environment", "stage"})
_PROTECTIONS = ("deletion_protection", "termination_protection", "disable_api_termination")
_ACCESS = {
    AccessLevel.READ: (RiskLevel.LOW, None),
    AccessLevel.WRITE: (RiskLevel.MEDIUM, "It changes something"),
    AccessLevel.DESTRUCTIVE: (RiskLevel.HIGH, "It removes something, or may do so"),
    AccessLevel.PERMISSIONS: (RiskLevel.HIGH, "It changes who may do what"),
    AccessLevel.UNKNOWN: (RiskLevel.HIGH, "What it does is not known"),
}

_Reason = tuple[RiskLevel, str]


def assess(
    command: ParsedCommand,
    classification: Classification,
    resources: Sequence[Resource],
    context: CommandContext,
) -> Risk:
    """Weigh a command.

    Parameters
    ----------
    resources
        Those it names, as the estate knows them.
    context
        Where the runbook wants it to run.

    Returns
    -------
    Risk
        The highest level of all its reasons. A dry run is as harmless as a read.
    """
    level, reason = _ACCESS[classification.access]
    found: list[_Reason] = []
    if command.dry_run:
        level, reason = RiskLevel.LOW, "It is a dry run: nothing changes"
    if reason is not None:
        found.append((level, reason))
    if classification.reveals_secret:
        found.append((RiskLevel.MEDIUM, "Its answer holds secrets"))
    found += ((RiskLevel.MEDIUM, note) for note in classification.notes if not command.dry_run)
    if classification.access.mutates and not command.dry_run:
        found += _of_change(command, classification.access, resources, context)
    found += _of_options(command, context)
    found += _of_files(command)
    worst = max((level, *(weight for weight, _ in found)), key=lambda each: each.rank)
    return Risk(level=worst, reasons=tuple(text for _, text in found))


def production_tag(resource: Resource) -> str | None:
    """Return the tag that marks a resource as production, as ``key=value``."""
    for key, value in resource.tags.items():
        if key.casefold() in _STAGE_TAGS and value.casefold().startswith("prod"):
            return f"{key}={value}"
    return None


def production_name(name: str) -> bool:
    """Return whether an account's alias, or a profile's name, says that it is production."""
    words = _WORD.findall(name.casefold())
    return any(
        word in _PRODUCTION_WORDS and before not in _NOT_QUITE
        for before, word in zip(["", *words], words, strict=False)
    )


def _of_change(
    command: ParsedCommand,
    access: AccessLevel,
    resources: Sequence[Resource],
    context: CommandContext,
) -> Iterator[_Reason]:
    for resource in resources:
        if tag := production_tag(resource):
            yield RiskLevel.HIGH, f"{resource.name} is tagged {tag}"
        for name in _PROTECTIONS:
            if resource.constraints.get(name) is True or resource.metadata.get(name) is True:
                yield RiskLevel.MEDIUM, f"{resource.name} is protected against deletion"
                break
        if (
            access is AccessLevel.DESTRUCTIVE
            and resource.metadata.get("backup_retention_period") == 0
        ):
            yield RiskLevel.HIGH, f"{resource.name} has no automatic backups"
    if len(resources) > 1:
        many = RiskLevel.HIGH if len(resources) >= MANY else RiskLevel.MEDIUM
        yield many, f"It touches {len(resources)} known resources"
    parameters = command.parameters
    if parameters.get("Force") is True or parameters.get("force"):
        yield RiskLevel.HIGH, "It is forced"
    if parameters.get("SkipFinalSnapshot") is True:
        yield RiskLevel.HIGH, "No final snapshot is taken"
    if parameters.get("recursive"):
        yield RiskLevel.HIGH, "It covers everything below the path"
    if parameters.get("delete") and command.command == "s3 sync":
        yield RiskLevel.HIGH, "It deletes what is not in the source"
    if parameters.get("DeletionProtection") is False or parameters.get("DisableApiTermination") == {
        "Value": False
    }:
        yield RiskLevel.HIGH, "It takes away the protection against deletion"
    if context.account_id is None:
        yield RiskLevel.HIGH, "The account it runs in is not known"


def _of_options(command: ParsedCommand, context: CommandContext) -> Iterator[_Reason]:
    options = command.options
    if options.profile is not None and options.profile != context.profile:
        wanted = f"the runbook's {context.profile}" if context.profile else "the default one"
        yield RiskLevel.MEDIUM, f"It uses the profile {options.profile}, not {wanted}"
    if options.region is None:
        yield RiskLevel.LOW, "Its region comes from the profile's configuration"
    if options.endpoint_url is not None:
        yield RiskLevel.HIGH, f"The request goes to {options.endpoint_url} instead of AWS"
    if not options.verify_ssl:
        yield RiskLevel.HIGH, "The server's certificate is not checked"
    if not options.sign_request:
        yield RiskLevel.MEDIUM, "The request is not signed"
    if options.debug:
        yield RiskLevel.MEDIUM, "--debug prints the whole traffic, secrets included"


def _of_files(command: ParsedCommand) -> Iterator[_Reason]:
    for file in command.files:
        text = {
            FileUse.READ: f"It reads {file.location} ({file.parameter}), which may be sent to AWS",
            FileUse.WRITE: f"It writes the local file {file.location}",
            FileUse.FETCH: f"{file.parameter} is downloaded from {file.location}",
        }[file.use]
        level = RiskLevel.HIGH if file.use is FileUse.WRITE else RiskLevel.MEDIUM
        yield level, text
