"""The environment a command runs in: what AWS needs, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = frozenset(
    {
        # The system and the user
        *("PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR", "LANG", "LANGUAGE"),
        *("SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME"),
        *("HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "TEMP", "TMP"),
        # Where profiles are and how to reach AWS
        *("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"),
        *("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_STS_REGIONAL_ENDPOINTS"),
        *("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_EC2_METADATA_DISABLED"),
        *("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    }
)
_CREDENTIALS = frozenset(
    {
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
    }
)


def command_environment(
    base: Mapping[str, str], *, credentials: bool = False, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment of a command.

    Kept out: whatever would change which account, region or endpoint is used (``AWS_PROFILE``,
    ``AWS_REGION``, ``AWS_ENDPOINT_URL…``), how the interpreter starts (``PYTHON…``, ``LD_…``), and
    this program's own secrets.

    Parameters
    ----------
    base
        Usually ``os.environ``.
    credentials
        Pass on credentials from ``base``: only when the environment is the chosen source of
        credentials, because they would win over nothing and be seen by every child.
    extra
        Variables to add last.
    """
    wanted = _KEPT | _CREDENTIALS if credentials else _KEPT
    kept = {
        name: value
        for name, value in base.items()
        if name in wanted or name.upper() in wanted or name.startswith("LC_")
    }
    return {**kept, "AWS_PAGER": "", "AWS_CLI_AUTO_PROMPT": "off", **(extra or {})}
