"""Reading one command in the worker, for ``check``, ``policy test`` and ``run``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.cli.defaults import default_profile, default_region
from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.commands.diagnose import Finding, Severity
from cloudops_ls.commands.model import CheckedCommand
from cloudops_ls.config import load_settings
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from typing import Any

    from cloudops_ls.home import Home
    from cloudops_ls.storage.resource import Resource


@dataclass(frozen=True, slots=True)
class Read:
    """What was found out about a command.

    Attributes
    ----------
    findings
        What is wrong or doubtful.
    command
        None when it cannot run as it is written.
    environment
        Variables that it needs to run.
    resources
        Those it touches, as the estate knows them.
    """

    findings: tuple[Finding, ...]
    command: CheckedCommand | None
    environment: dict[str, str]
    resources: tuple[Resource, ...]


def read(
    home: Home, text: str, profile: str | None, region: str | None, *, identify: bool = False
) -> Read:
    """Read, validate and classify a command; nothing runs.

    Parameters
    ----------
    profile, region
        Where it runs unless it says so itself; the settings' ones where they are left out.
    identify
        Ask AWS which account the profile reaches.

    Raises
    ------
    CloudOpsError
        It could not be checked at all.
    """
    settings, _ = load_settings(home)
    place: dict[str, Any] = {
        "profile": profile or default_profile(home, settings),
        "region": region or default_region(home, settings),
    }
    (told,) = ask_worker(home, wire.DIAGNOSE, {"texts": [text], **place})
    findings = tuple(Finding.model_validate(each) for each in told)
    if any(finding.severity is Severity.ERROR for finding in findings):
        return Read(findings, None, {}, ())
    answer = ask_worker(home, wire.CHECK, {"text": text, "identify": identify, **place})
    command = CheckedCommand.model_validate(answer["command"])
    with open_store(home) as storage:
        found = [storage.estate.get_resource(arn) for arn in command.resources]
    resources = tuple(resource for resource in found if resource is not None)
    return Read(findings, command, answer["environment"], resources)
