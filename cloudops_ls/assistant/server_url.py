"""The address of an assistant's server, checked before anything is sent there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from cloudops_ls.errors import CloudOpsError

_SETTING: Final = "cloudops.assistant.url"


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """Where requests go.

    Attributes
    ----------
    base
        Base URL, without a slash at its end.
    where
        Host and port, for error messages.
    local
        Whether the server is this machine.
    """

    base: str
    where: str
    local: bool

    @classmethod
    def parse(cls, url: str) -> ServerUrl:
        """Check the base URL of a server.

        Raises
        ------
        CloudOpsError
            It is not ``http(s)://host[:port][/path]``, or it is unencrypted to another machine:
            token and estate would be readable on the way.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if host is None or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
            raise CloudOpsError(
                "The assistant's address is not a URL of the form https://host/path",
                where=_SETTING,
                fix="Correct the setting",
            )
        if parts.username is not None or parts.password is not None:
            raise CloudOpsError(
                "The assistant's address holds a user name or password",
                where=_SETTING,
                fix="Remove it; tokens are kept in the keychain",
            )
        local = _is_this_machine(host)
        if parts.scheme == "http" and not local:
            raise CloudOpsError(
                "The assistant's address is unencrypted and not on this machine",
                where=_SETTING,
                fix="Use https://",
            )
        return cls(
            base=urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")),
            where=f"{host}:{port}" if port else host,
            local=local,
        )


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
