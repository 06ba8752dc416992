"""What a command would touch, as whom, and what hangs on it; crosses the worker's socket."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict

from cloudops_ls.storage.resource import Resource

_PRINCIPAL = re.compile(r"arn:[\w-]+:(?:iam|sts)::\d*:(?P<kind>[\w-]+)(?:/(?P<path>.+))?")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Touched(_Frozen):
    """A resource that the command names.

    ``live`` says that AWS was asked just now; otherwise the record is as of ``last_synced``.
    """

    resource: Resource
    live: bool = False
    gone: bool = False
    """AWS says that it does not exist any more."""


class Neighbour(_Frozen):
    """A resource related to one that is touched."""

    arn: str
    name: str
    resource_type: str
    field: str
    """The relation: ``security_groups``."""


class Impact(_Frozen):
    """What the confirmation shows beside the command itself."""

    principal: str | None = None
    """ARN of whoever the credentials belong to, as STS told it."""
    touched: tuple[Touched, ...] = ()
    dependents: tuple[Neighbour, ...] = ()
    """Known resources that name a touched one."""
    refers_to: tuple[Neighbour, ...] = ()
    """Known resources that the touched ones name."""
    undo: str | None = None
    """The command that takes it back exactly; None where there is none."""
    dry_run: tuple[str, ...] | None = None
    """``argv`` of the same call with its DryRun parameter; None where the API has none."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The touched records."""
        return tuple(each.resource for each in self.touched)


def principal_in_words(arn: str) -> str:
    """Return who an STS caller ARN is, in words.

    >>> principal_in_words("arn:aws:sts::123456789012:assumed-role/Admin/alice")
    'role Admin (session alice)'
    >>> principal_in_words("arn:aws:iam::123456789012:user/ops/alice")
    'user ops/alice'
    """
    found = _PRINCIPAL.fullmatch(arn)
    if found is None:
        return arn
    kind, path = found["kind"], found["path"] or ""
    if kind == "assumed-role":
        role, _, session = path.partition("/")
        return f"role {role} (session {session})" if session else f"role {role}"
    if kind == "root":
        return "the account's root user"
    return f"{kind.replace('-', ' ')} {path}".strip()
