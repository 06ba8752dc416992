"""The AWS profiles of this user, read tolerantly: one damaged line never hides a healthy profile.

A profile that is touched by damage is left out on purpose: a lost ``role_arn`` would otherwise
silently mean another account. Nothing here imports the SDK, and no secret leaves this module
except through :func:`healthy_files`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from cloudops_ls.aws.config_files import Additions, ProfileProblem, load, usable

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENVIRONMENT = (
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
)
"""Variables that are credentials by themselves."""
_EXPIRY_OPTIONS = (
    *("aws_expiration", "aws_session_expiration", "x_security_token_expires", "expiration"),
)
"""What the tools that write temporary keys into the credentials file call their end."""
_MACHINE_VENDOR = Path("/sys/class/dmi/id/sys_vendor")


class ProfileKind(StrEnum):
    """Where a profile's credentials come from, in the SDK's own order of preference."""

    ASSUME_ROLE = "assume-role"
    WEB_IDENTITY = "web-identity"
    SSO = "sso"
    STATIC = "static"
    LOGIN = "login"
    PROCESS = "process"
    ENVIRONMENT = "environment"
    """No profile at all: the variables of this process, as containers and CI jobs have them."""
    INSTANCE = "instance"
    """No profile at all: the EC2 instance's metadata service."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Profile:
    """One usable profile; holds no secret.

    Attributes
    ----------
    region
        The region written in the profile; None when there is none.
    source_profile
        The profile whose credentials assume this one's role.
    files
        The files that define it.
    mfa_serial
        The MFA device that AWS wants a code of before it lets this role be assumed.
    sso_start_url, sso_session
        Where to sign in, for kind SSO.
    expires
        When its temporary keys end, where the tool that wrote them says so.
    in_keychain
        Its keys come from the OS keychain.
    """

    name: str
    kind: ProfileKind
    region: str | None
    source_profile: str | None
    files: tuple[Path, ...]
    mfa_serial: str | None = None
    sso_start_url: str | None = None
    sso_session: str | None = None
    expires: datetime | None = None
    in_keychain: bool = False


@dataclass(frozen=True, slots=True)
class ProfileListing:
    """The usable profiles in the order of the files, and what is wrong with the rest."""

    profiles: tuple[Profile, ...]
    problems: tuple[ProfileProblem, ...]

    def get(self, name: str) -> Profile | None:
        """Return the usable profile called ``name``."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    def problem_of(self, name: str) -> ProfileProblem | None:
        """Return the first problem that makes the profile ``name`` unusable."""
        return next((problem for problem in self.problems if problem.profile == name), None)

    def chain(self, name: str) -> tuple[Profile, ...]:
        """Return a profile and those that it takes its credentials from, one after the other."""
        found: list[Profile] = []
        current = self.get(name)
        while current is not None and current not in found:
            found.append(current)
            source = current.source_profile
            current = self.get(source) if source is not None else None
        return tuple(found)


def read_profiles(
    env: Mapping[str, str] | None = None, additions: Additions | None = None
) -> ProfileListing:
    """List the profiles of ``~/.aws``; never raises for anything the files contain.

    Parameters
    ----------
    env
        Variables to honour (``HOME``, ``AWS_CONFIG_FILE``, ``AWS_SHARED_CREDENTIALS_FILE``);
        the process environment when None.
    additions
        What to read into the files.
    """
    env = os.environ if env is None else env
    files = load(env, additions)
    given = additions.keys if additions is not None else {}
    problems = [problem for file in files for problem in file.problems]
    found = usable(files)
    profiles = [
        _profile(
            name,
            options,
            tuple(
                file.path
                for file in files
                if any(file.profile_of(section) == name for section in file.sections)
            ),
            in_keychain=name in given,
        )
        for name, options in found.items()
    ]
    if "default" not in found and not any(one.profile == "default" for one in problems):
        profiles += _without_profile(env)
    if not profiles and not any(file.exists for file in files):
        message = (
            "There is no AWS configuration here or in "
            f"{files[1].path.name}; run 'aws configure' or 'aws configure sso' to create it"
        )
        problems.append(ProfileProblem(files[0].path, None, message))
    elif not profiles and not problems:
        problems.append(
            ProfileProblem(
                files[0].path, None, "No profile is defined; run 'aws configure' to create one"
            )
        )
    return ProfileListing(tuple(profiles), tuple(problems))


def healthy_files(
    env: Mapping[str, str] | None = None, additions: Additions | None = None
) -> tuple[str, str] | None:
    """Return the texts of both files without what is damaged and with what is added.

    None if the files themselves will do.

    The texts hold secrets: they may be given to the SDK, never logged, stored or sent.
    """
    files = load(env, additions)
    if not additions and not any(section.damaged for file in files for section in file.sections):
        return None
    config, credentials = (
        "".join(line for section in file.sections if not section.damaged for line in section.lines)
        for file in files
    )
    return config, credentials


def _profile(
    name: str,
    options: Mapping[str, str],
    files: tuple[Path, ...],
    *,
    in_keychain: bool,
) -> Profile:
    return Profile(
        name=name,
        kind=_kind(options),
        region=options.get("region"),
        source_profile=options.get("source_profile"),
        files=files,
        mfa_serial=options.get("mfa_serial") if "role_arn" in options else None,
        sso_start_url=options.get("sso_start_url"),
        sso_session=options.get("sso_session"),
        expires=_expiry(options),
        in_keychain=in_keychain,
    )


def _without_profile(env: Mapping[str, str]) -> list[Profile]:
    """Return what is called ``default`` where no profile is, but credentials are."""
    kind = None
    if any(all(env.get(name) for name in names) for names in _ENVIRONMENT):
        kind = ProfileKind.ENVIRONMENT
    elif env.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true" and (
        env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or _on_ec2()
    ):
        kind = ProfileKind.INSTANCE
    if kind is None:
        return []
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    return [Profile("default", kind, region, None, ())]


def _on_ec2() -> bool:
    try:
        return "Amazon EC2" in _MACHINE_VENDOR.read_text(errors="replace")
    except OSError:
        return False


def _expiry(options: Mapping[str, str]) -> datetime | None:
    for option in _EXPIRY_OPTIONS:
        text = options.get(option, "").replace(" ", "T", 1)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            continue
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return None


def _kind(options: Mapping[str, str]) -> ProfileKind:
    if "role_arn" in options and "web_identity_token_file" in options:
        return ProfileKind.WEB_IDENTITY
    if "role_arn" in options:
        return ProfileKind.ASSUME_ROLE
    if "sso_session" in options or "sso_start_url" in options:
        return ProfileKind.SSO
    if "aws_access_key_id" in options:
        return ProfileKind.STATIC
    if "login_session" in options:
        return ProfileKind.LOGIN
    return ProfileKind.PROCESS if "credential_process" in options else ProfileKind.NONE
