"""The worker's part for profiles: how their credentials are, signing in, keys in the keychain."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cloudops_ls.aws import sso
from cloudops_ls.aws.credential_status import CredentialState, SignInWay, credential_status
from cloudops_ls.aws.errors import SignInNeeded
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.aws.credential_status import CredentialStatus
    from cloudops_ls.aws.keychain import Keychain
    from cloudops_ls.aws.profiles import Profile
    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.storage.service import StorageService

_WARNINGS = {
    CredentialState.SIGN_IN: "needs a sign-in",
    CredentialState.EXPIRED: "has expired credentials",
}


class AccountsPart:
    """Answers what profiles there are and opens sessions for them.

    Parameters
    ----------
    storage
        Knows which account a profile led to.
    sessions
        Holds the sessions, those of MFA codes included, in this process's memory.
    keychain
        Where static keys may be copied to.
    """

    def __init__(
        self, storage: StorageService, sessions: SessionFactory, keychain: Keychain
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._keychain = keychain
        self._lock = threading.Lock()
        self._begun: dict[str, sso.DeviceAuthorization] = {}
        self._cancel = threading.Event()
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.PROFILES: self.profiles,
            wire.CREDENTIALS: self.credentials,
            wire.SIGN_IN_BEGIN: self.begin_sign_in,
            wire.SIGN_IN_FINISH: self.finish_sign_in,
            wire.SIGN_IN_CANCEL: self.cancel_sign_in,
            wire.SIGN_OUT: self.sign_out,
            wire.KEYCHAIN_COPY: self.copy_keys,
            wire.KEYCHAIN_FORGET: self.forget_keys,
        }

    @property
    def busy(self) -> bool:
        """A session that a code opened is worth staying for."""
        return self._sessions.mfa.open

    def start(self) -> None:
        """Nothing runs unasked."""

    def abandon(self) -> None:
        """End a sign-in that waits for a browser: nobody waits for it any more."""
        self._cancel.set()

    def close(self) -> None:
        """End a sign-in that waits for a browser."""
        self._cancel.set()

    def profiles(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Return all profiles, their accounts as far as known, and what is wrong in the files."""
        listing = self._sessions.profiles()
        accounts = {
            name: account
            for account in self._storage.estate.accounts()
            for name in account.profiles
        }
        known = [profile.name for profile in listing.profiles]
        members = sorted(name for name in accounts if name not in known and "/" in name)
        return {
            "profiles": [self._described(one, accounts.get(one.name)) for one in listing.profiles]
            + [
                self._described(member, accounts[name])
                for name in members
                if (member := self._sessions.listing_with(name).get(name)) is not None
            ],
            "problems": [
                {
                    "file": str(problem.file),
                    "line": problem.line,
                    "message": problem.message,
                    "profile": problem.profile,
                }
                for problem in listing.problems
            ],
        }

    def credentials(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Return how the credentials of ``profiles`` are, without asking AWS."""
        return [
            {"profile": name, **_told(name, credential_status(self._sessions, name))}
            for name in self._chosen(params)
        ]

    def begin_sign_in(self, params: dict[str, Any]) -> dict[str, Any]:
        """Begin to sign in to ``profile``.

        Returns
        -------
        dict
            ``way``: ``mfa`` with the device's ``serial``; ``sso`` with ``url`` and ``code`` of the
            page to open; or ``none`` when the profile needs no sign-in.

        Raises
        ------
        CloudOpsError
            The profile is not usable, or its sign-in cannot be started from here.
        """
        profile = str(params["profile"])
        chain = self._sessions.listing_with(profile).chain(profile)
        if not chain:
            self._sessions.session(profile)
        door = self._sessions.door(profile)
        if door is not None:
            return {"way": SignInWay.CODE.value, "serial": door.role.mfa_serial}
        for one in chain:
            if one.sso_session or one.sso_start_url:
                session = self._sessions.unopened(one.name)
                begun = sso.begin(session, sso.portal_of(session, one.name))
                with self._lock:
                    self._begun[profile] = begun
                return {"way": SignInWay.BROWSER.value, "url": begun.url, "code": begun.code}
        return {"way": "none"}

    def finish_sign_in(self, params: dict[str, Any]) -> dict[str, Any]:
        """Finish what `begin_sign_in` began: with ``code``, or when the browser has confirmed it.

        Returns
        -------
        dict
            ``account_id``, ``alias`` of the account that the profile reaches.
        """
        profile, code = str(params["profile"]), params.get("code")
        if code is not None:
            self._sessions.sign_in_code(profile, str(code).strip())
        else:
            with self._lock:
                begun = self._begun.pop(profile, None)
            if begun is None:
                raise SignInNeeded(
                    "No sign-in was begun", where=f"profile '{profile}'", fix="Begin again"
                )
            self._cancel.clear()
            session = self._sessions.unopened(begun.portal.profile)
            sso.finish(session, begun, self._cancel)
            self._sessions.forget_sessions()
        identity = self._sessions.identity(profile)
        return {"account_id": identity.account_id, "alias": identity.alias}

    def cancel_sign_in(self, _params: dict[str, Any]) -> None:
        """End a sign-in that waits for a browser."""
        self._cancel.set()

    def sign_out(self, _params: dict[str, Any]) -> None:
        """Forget all sessions that codes opened; sign-ins of browsers are the AWS CLI's too."""
        self._sessions.mfa.clear()
        self._sessions.forget_sessions()

    def copy_keys(self, params: dict[str, Any]) -> None:
        """Copy the static keys of ``profile`` into the keychain."""
        self._keychain.copy(str(params["profile"]))

    def forget_keys(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove the keys of ``profile`` from the keychain."""
        return {"removed": self._keychain.forget(str(params["profile"]))}

    def _chosen(self, params: dict[str, Any]) -> list[str]:
        names = [str(name) for name in params["profiles"]]
        if "*" in names:
            names = [one.name for one in self._sessions.profiles().profiles]
        return list(dict.fromkeys(names))

    def _described(self, profile: Profile, account: Any) -> dict[str, Any]:
        try:
            status = _told(profile.name, credential_status(self._sessions, profile.name))
        except CloudOpsError as error:
            status = {"state": "unknown", "expires": None, "way": None, "warning": str(error)}
        return {
            "name": profile.name,
            "kind": profile.kind.value,
            "region": profile.region,
            "source_profile": profile.source_profile,
            "in_keychain": profile.in_keychain,
            "account_id": account.account_id if account is not None else None,
            "account_alias": account.alias if account is not None else None,
            **status,
        }


def _told(profile: str, status: CredentialStatus) -> dict[str, Any]:
    warning = None
    if status.state is CredentialState.EXPIRING and status.expires is not None:
        warning = f"The credentials of '{profile}' end at {status.expires:%H:%M} UTC"
    elif status.state in _WARNINGS:
        warning = f"The profile '{profile}' {_WARNINGS[status.state]}"
    return {
        "state": status.state.value,
        "expires": status.expires.isoformat() if status.expires is not None else None,
        "way": status.way.value if status.way is not None else None,
        "warning": warning,
    }
