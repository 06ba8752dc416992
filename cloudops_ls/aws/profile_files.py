"""The profiles of this user as they are now: the AWS files, keys of the keychain, member accounts.

Also the files with all of that in them, for the SDK and for child processes.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from cloudops_ls.aws.config_files import (
    CREDENTIAL_OPTIONS,
    Additions,
    Keys,
    ProfileProblem,
    file_paths,
    load,
    usable,
)
from cloudops_ls.aws.errors import ProfileUnusable
from cloudops_ls.aws.profiles import ProfileListing, healthy_files, read_profiles
from cloudops_ls.aws.repaired import RepairedFiles
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from cloudops_ls.aws.keychain import Keychain
    from cloudops_ls.aws.profiles import Profile

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
"""By the beginning of a region's name; all others are ``aws``."""


class ProfileFiles:
    """Read again whenever a file or the keychain changed. Thread-safe.

    Parameters
    ----------
    keychain
        Where some profiles' keys are, before the files.
    organization_role
        Name of the role that member profiles assume; there are none without it.

    Attributes
    ----------
    version
        Another one after each reading.
    """

    def __init__(self, keychain: Keychain | None, organization_role: str | None) -> None:
        self._keychain = keychain
        self._organization_role = organization_role
        # One method calls another.
        self._lock = threading.RLock()
        self._stamp: tuple[object, ...] | None = None
        self._listing: ProfileListing | None = None
        self._additions = Additions()
        self._repaired: RepairedFiles | None = None
        self._outdated: list[RepairedFiles] = []
        self._members: dict[str, dict[str, str]] = {}
        self._handed_out: dict[str, tuple[Keys, RepairedFiles]] = {}
        self.version = 0

    def listing(self) -> ProfileListing:
        """Return the profiles as the files have them now."""
        with self._lock:
            stamp = (*_stamp(), self._keychain.stamp() if self._keychain is not None else None)
            if self._listing is None or stamp != self._stamp:
                self._listing = self._read()
                self._stamp = stamp
                self.version += 1
            return self._listing

    def listing_with(self, profile: str) -> ProfileListing:
        """Return the listing, with a member profile added if ``profile`` is one."""
        with self._lock:
            listing = self.listing()
            source, slash, account_id = profile.rpartition("/")
            if listing.get(profile) is not None or not (slash and self._organization_role):
                return listing
            parent = listing.get(source)
            if parent is None or not re.fullmatch(r"\d{12}", account_id):
                return listing
            settings = self._members[profile] = self._member_settings(parent, account_id)
            added = self._additions | Additions(settings={profile: settings})
            return read_profiles(additions=added)

    def require(self, profile: str) -> tuple[Profile, ProfileListing]:
        """Return a profile, and the listing that has it.

        Raises
        ------
        ProfileUnusable
            It is not defined, or damaged.
        """
        listing = self.listing_with(profile)
        found = listing.get(profile)
        if found is None:
            raise _unusable(listing, profile)
        return found, listing

    def is_member(self, profile: str) -> bool:
        """Whether the profile is written nowhere but here."""
        with self._lock:
            self.listing_with(profile)
            return profile in self._members

    def repaired(self) -> RepairedFiles | None:
        """Return the files that stand for those of ``~/.aws``; None if those will do."""
        with self._lock:
            self.listing()
            return self._repaired

    def files_for(self, profile: str, additions: Additions | None = None) -> RepairedFiles | None:
        """Return the files through which the SDK finds a profile; None for those of ``~/.aws``.

        Parameters
        ----------
        additions
            What to read into them besides what always is.
        """
        with self._lock:
            self.listing_with(profile)
            settings = self._members.get(profile)
            mine = Additions(settings={profile: settings}) if settings else Additions()
            mine |= additions or Additions()
            return self._written(mine) if mine else self._repaired

    def handed_out(self, profile: str, keys: Keys) -> RepairedFiles:
        """Return files for children with these keys, the same ones as long as the keys are."""
        with self._lock:
            before = self._handed_out.get(profile)
            if before is not None and before[0] == keys:
                return before[1]
            files = self._written(Additions(keys={profile: keys}))
            assert files is not None  # noqa: S101 -- there is something in them
            self._handed_out[profile] = keys, files
            return files

    def close(self) -> None:
        """Make all files that were written unreadable; the next question reads anew."""
        with self._lock:
            self._handed_out.clear()
            self._stamp = None
            if self._repaired is not None:
                self._outdated.append(self._repaired)
                self._repaired = None
            while self._outdated:
                self._outdated.pop().close()

    def _read(self) -> ProfileListing:
        problems: list[ProfileProblem] = []
        self._additions = self._from_keychain(problems)
        listing = read_profiles(additions=self._additions)
        self._members.clear()
        self._handed_out.clear()
        if self._repaired is not None:
            # A running child may still read it: it lives until `close`.
            self._outdated.append(self._repaired)
        texts = healthy_files(additions=self._additions)
        self._repaired = RepairedFiles(*texts) if texts else None
        return ProfileListing(listing.profiles, (*listing.problems, *problems))

    def _from_keychain(self, problems: list[ProfileProblem]) -> Additions:
        keys: dict[str, Keys] = {}
        if self._keychain is not None:
            for profile in self._keychain.profiles():
                try:
                    found = self._keychain.keys(profile)
                except CloudOpsError as error:
                    problems.append(ProfileProblem(file_paths()[1], None, str(error), None))
                    continue
                if found is not None:
                    keys[profile] = found
        return Additions(keys=keys)

    def _member_settings(self, parent: Profile, account_id: str) -> dict[str, str]:
        # The partition is the parent's: organizations do not cross it.
        prefix = next((one for one in _PARTITIONS if (parent.region or "").startswith(one)), "")
        partition = _PARTITIONS.get(prefix, "aws")
        kept = usable(load(None, self._additions)).get(parent.name, {})
        return {
            **{
                name: value
                for name, value in kept.items()
                if name not in CREDENTIAL_OPTIONS and "\n" not in value
            },
            "role_arn": f"arn:{partition}:iam::{account_id}:role/{self._organization_role}",
            "source_profile": parent.name,
            "role_session_name": "cloudops-ls",
        }

    def _written(self, additions: Additions) -> RepairedFiles | None:
        """Return the AWS files with something more in them, readable until `close`."""
        texts = healthy_files(additions=self._additions | additions)
        if texts is None:
            return None
        files = RepairedFiles(*texts)
        self._outdated.append(files)
        return files


def _unusable(listing: ProfileListing, profile: str) -> ProfileUnusable:
    """Return why a profile is not in the listing."""
    problem = listing.problem_of(profile)
    if problem is not None:
        return ProfileUnusable(
            f"The profile '{profile}' is damaged: {problem.message}",
            where=f"{problem.file}, line {problem.line}",
            fix="Repair the file",
        )
    if not listing.profiles and listing.problems:
        return ProfileUnusable(listing.problems[0].message, where=str(listing.problems[0].file))
    return ProfileUnusable(
        f"The profile '{profile}' is not defined",
        where=str(file_paths()[0]),
        fix="Choose one of 'aws configure list-profiles'",
    )


def _stamp() -> tuple[object, ...]:
    """Return what changes when one of the AWS files does."""
    stamp: list[object] = []
    for path in file_paths():
        try:
            status = path.stat()
        except OSError:
            stamp.append((path, None))
        else:
            stamp.append((path, status.st_mtime_ns, status.st_size))
    return tuple(stamp)
