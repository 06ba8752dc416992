"""Static AWS keys in the OS keychain: an optional copy, used before the credentials file.

A keychain cannot be asked what it holds, and asking it for something may open a dialog. So a small
register beside it says which profiles were copied; it holds their names and nothing else.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING

from cloudops_ls.aws.config_files import Keys, load, usable
from cloudops_ls.aws.errors import NoCredentials
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeVar

    T = TypeVar("T")

SERVICE = "cloudops-ls"
_NO_KEYCHAIN = "Unlock the keychain, or run 'cloudops-ls accounts forget PROFILE'"


class Keychain:
    """The keys of those profiles that were copied.

    Parameters
    ----------
    register
        The file that lists their names.
    """

    def __init__(self, register: Path) -> None:
        self._register = register

    def profiles(self) -> tuple[str, ...]:
        """Return the names of the profiles whose keys were copied."""
        try:
            names = json.loads(self._register.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ()
        return tuple(map(str, names)) if isinstance(names, list) else ()

    def stamp(self) -> object:
        """Return what changes when the register does."""
        try:
            status = self._register.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def keys(self, profile: str) -> Keys | None:
        """Return the keys of a profile; None where the keychain has none.

        Raises
        ------
        CloudOpsError
            The keychain is missing or stays locked.
        """
        import keyring

        found = self._asked(profile, lambda: keyring.get_password(SERVICE, _entry(profile)))
        try:
            values = json.loads(found or "")
            return Keys(
                str(values["access_key_id"]),
                str(values["secret_access_key"]),
                str(values["session_token"]) if values.get("session_token") else None,
            )
        except (ValueError, KeyError, TypeError):
            return None

    def copy(self, profile: str) -> None:
        """Copy a profile's static keys from the AWS files into the keychain.

        Raises
        ------
        CloudOpsError
            The profile has no static keys, or the keychain cannot be written.
        """
        import keyring

        options = usable(load(None)).get(profile, {})
        if not options.get("aws_access_key_id") or not options.get("aws_secret_access_key"):
            raise NoCredentials(
                "The profile has no static keys in the AWS files",
                where=f"profile '{profile}'",
                fix="Import a profile that has aws_access_key_id and aws_secret_access_key",
            )
        values = {
            "access_key_id": options["aws_access_key_id"],
            "secret_access_key": options["aws_secret_access_key"],
            "session_token": options.get("aws_session_token"),
        }
        text = json.dumps(values)
        self._asked(profile, lambda: keyring.set_password(SERVICE, _entry(profile), text))
        self._write({*self.profiles(), profile})

    def forget(self, profile: str) -> bool:
        """Remove a profile's keys from the keychain; return whether they were there.

        The register is told first: with a keychain that is gone, the file counts again.
        """
        import keyring
        from keyring.errors import KeyringError

        known = self.profiles()
        if profile not in known:
            return False
        self._write(set(known) - {profile})
        try:
            keyring.delete_password(SERVICE, _entry(profile))
        except KeyringError as error:
            raise CloudOpsError(
                f"The keychain did not remove the keys ({type(error).__name__}); they are not "
                "used any more",
                where=f"profile '{profile}'",
                fix=f"Remove the entry '{_entry(profile)}' of '{SERVICE}' by hand",
            ) from None
        return True

    @staticmethod
    def _asked(profile: str, ask: Callable[[], T]) -> T:
        from keyring.errors import KeyringError

        try:
            return ask()
        except (KeyringError, RuntimeError) as error:
            raise CloudOpsError(
                f"The keychain cannot be used ({type(error).__name__})",
                where=f"profile '{profile}'",
                fix=_NO_KEYCHAIN,
            ) from None

    def _write(self, names: set[str]) -> None:
        temporary = self._register.with_name(f".{self._register.name}.{secrets.token_hex(4)}")
        try:
            self._register.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(sorted(names), file)
            temporary.replace(self._register)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise CloudOpsError(
                f"Cannot write the list of imported profiles: {error.strerror}",
                where=str(self._register),
            ) from error


def _entry(profile: str) -> str:
    return f"aws-keys:{profile}"
