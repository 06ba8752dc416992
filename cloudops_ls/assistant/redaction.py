"""Keeps what looks like a credential out of requests to assistants, and out of what is stored.

Conservative on purpose: only shapes that are hardly ever anything else, so that ids, ARNs and
ordinary tags arrive whole. Beside the tokens of `secret_shapes` these are:

==================================  =============================================
Shape                               What is replaced
==================================  =============================================
``-----BEGIN … PRIVATE KEY-----``   the block, up to its end or the end of the text
``AKIA…``, ``ASIA…`` and the like   the 20-character access key id
``scheme://user:password@host``     the password
``Password=…;`` in a text           the value
``Authorization: Bearer …``         the token
``eyJ….eyJ….…`` (a JWT)             the token
``db_password: …`` as key or tag    the value, unless it is an ARN, a number or a flag
``user_data: …``                    the value
``environment: {…}``                every value of a variable, of a function or container
==================================  =============================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant.secret_shapes import SHORTEST, token_shapes

if TYPE_CHECKING:
    from pydantic import JsonValue

MARK: Final = "[redacted]"

_WORDS = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|secret[_\-. ]?(?:access[_\-. ]?)?key|"
    r"(?:api|app|application|access|auth|account|client|private|priv|service|signing|encryption|"
    r"shared|shared[_\-. ]?access|master)[_\-. ]?key|"
    r"(?:auth|access|api|bearer|session|security|refresh|id|oauth)?[_\-. ]?token|"
    r"connection[_\-. ]?string|credentials?"
)

_SECRET_KEY = re.compile(rf"(?:^|[_\-.: /]|aws)(?:{_WORDS})$", re.IGNORECASE)
"""Keys whose value is a secret: the word comes last, so ``password_policy`` is none."""

_USER_DATA = re.compile(r"user[_-]?data(?:[_-]?base64)?", re.IGNORECASE)
_ENVIRONMENT = re.compile(
    r"env(?:ironment)?|(?:env(?:ironment)?[_-]?)?variables|env[_-]?vars", re.IGNORECASE
)
"""Keys under which a mapping or list holds what a process is started with."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_HARMLESS = re.compile(
    r"arn:[\w-]+:\S*|(?:true|false|yes|no|none|null|enabled|disabled|required|optional)?",
    re.IGNORECASE,
)
"""Values that a secret-looking key may well have without being a secret."""

_PLACEHOLDER = r"(?!\s{0,8}\[redacted)(?!arn:|\$|<|\{\{|fileb?://|true\b|false\b|none\b|null\b)"
"""A value that is a reference, or is known to hold nothing."""
_SAID = r"(?!required|optional|enabled|disabled|default|unknown)"
_VALUE = r"(?:\"(?:[^\"\\]|\\.){1,8192}\"|'[^']{1,8192}'|[^\s\"'`]{1,8192})"
_OPTIONS = (
    r"password|passphrase|passcode|secret|secret-string|secret-binary|secret-access-key|"
    r"secret-key|client-secret|shared-secret|(?:auth|access|session|security|refresh|id|api|"
    r"bot|oauth)-token|api-key|private-key|user-data|credentials?"
)
"""Options of command lines whose value is secret."""

_WORDS_IN: Final = ("pass", "pwd", "secret", "key", "token", "connection", "credential")
_TEXT_RULES: Final[tuple[tuple[tuple[str, ...], re.Pattern[str]], ...]] = (
    # Every repetition that can start at many places is bounded: estate text may be hostile.
    # To the end of the text where the END line was cut off.
    (
        ("private key",),
        re.compile(
            r"-{4,5} ?BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}"
            r"[\s\S]*?(?:-{4,5} ?END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}|\Z)"
        ),
    ),
    (
        ("putty-user",),
        re.compile(r"PuTTY-User-Key-File-\d[\s\S]*?(?:Private-MAC: \w{1,128}|\Z)"),
    ),
    # As the console hands them out: the id, and beside it the secret.
    (
        ("akia", "asia"),
        re.compile(
            r"(?P<keep>(?<![A-Z0-9])A(?:KIA|SIA)[A-Z0-9]{16}[\"',:;|\s]{1,8})"
            r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
        ),
    ),
    (
        ("secret",),
        re.compile(
            r"(?P<keep>secret[_\- ]?access[_\- ]?key\s{1,8})[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
            re.IGNORECASE,
        ),
    ),
    (
        ("a3t", "abia", "acca", "akia", "asia"),
        re.compile(r"(?<![A-Z0-9])(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    ),
    # Up to the last @ before the path: passwords hold that, too.
    (
        ("://",),
        re.compile(r"(?<=://)(?P<keep>[^\s:/@?#\[\]]{0,256}:)[^\s/?#]{1,1024}(?=@)"),
    ),
    (
        ("bearer", "basic"),
        re.compile(
            r"(?P<keep>\b(?:bearer|basic)\s{1,8})[\w.~+/=-]{16,}",
            re.IGNORECASE,
        ),
    ),
    (
        ("authorization",),
        re.compile(
            r"(?P<keep>\bauthorization[\"']?\s{0,8}[:=]\s{0,8}[\"']?(?:[\w-]{1,64}\s{1,8})?)"
            r"(?!\s{0,8}\[redacted)(?=[^\s\"',;]{0,256}[\d=+/_])[^\s\"',;]{6,}",
            re.IGNORECASE,
        ),
    ),
    (
        ("cookie",),
        re.compile(
            r"(?P<keep>\b(?:set-)?cookie:\s{0,8})(?!\s{0,8}\[redacted)[^\n\"']{8,}", re.IGNORECASE
        ),
    ),
    # Signed or encrypted: three parts, or five.
    (
        ("eyj",),
        re.compile(r"(?<![\w-])eyJ[\w-]{10,}(?:\.eyJ[\w-]{10,}\.[\w-]*|(?:\.[\w-]{0,8192}){4})"),
    ),
    # What a function or a container is started with.
    (
        ("variables",),
        re.compile(r"(?P<keep>\bVariables[\"']?\s{0,8}[=:]\s{0,8}\{)[^{}]{1,32768}(?=\})"),
    ),
    (
        ('"environment"',),
        re.compile(r"(?P<keep>\"environment\"\s{0,8}:\s{0,8}\[)[^\[\]]{1,32768}(?=\])"),
    ),
    (
        ("data",),
        re.compile(
            r"(?P<keep>\buser_?data[\"']?\s{0,8}[=:]\s{0,8}[\"']?)[A-Za-z0-9+/=]{20,}",
            re.IGNORECASE,
        ),
    ),
    # Options: --master-user-password …, mysql -p…, curl -u name:…
    (
        ("--",),
        re.compile(
            r"(?P<keep>(?<![\w-])--(?!(?:no|manage|generate|rotate|reset|change|require|enable|"
            r"disable)-)(?:[a-z]{1,30}-){0,4}"
            rf"(?:{_OPTIONS})(?:=|(?:[ \t]|\\\n){{1,16}}))(?![\s\\-]){_PLACEHOLDER}{_VALUE}"
        ),
    ),
    (
        ("mysql", "mariadb", "sshpass"),
        re.compile(
            r"(?P<keep>\b(?:mysql|mysqldump|mysqladmin|mariadb|sshpass)\b[^\n]{0,256}?\s-p ?)"
            rf"{_PLACEHOLDER}{_VALUE}"
        ),
    ),
    (
        ("login",),
        re.compile(
            r"(?P<keep>\b(?:docker|podman|helm)\b[^\n]{0,64}?\blogin\b[^\n]{0,256}?\s-p\s{1,8})"
            rf"{_PLACEHOLDER}{_VALUE}"
        ),
    ),
    (
        ("redis-cli",),
        re.compile(rf"(?P<keep>\bredis-cli\b[^\n]{{0,256}}?\s-a\s{{1,8}}){_PLACEHOLDER}{_VALUE}"),
    ),
    (
        ("curl",),
        re.compile(
            r"(?P<keep>\bcurl\b[^\n]{0,512}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,128}:)"
            rf"{_PLACEHOLDER}[^\s\"']{{1,256}}"
        ),
    ),
    (
        ("password",),
        re.compile(
            rf"(?P<keep>\blogin\s{{1,8}}\S{{1,128}}\s{{1,8}}password\s{{1,8}}){_PLACEHOLDER}\S{{1,256}}"
        ),
    ),
    # key=value and key: value inside a text, quoted or not. The value must not be an ARN, a
    # reference such as {{resolve:…}} or a plain sentence word ("password: required").
    (
        _WORDS_IN,
        re.compile(
            rf"(?P<keep>(?:(?<![A-Za-z:])(?:{_WORDS})|(?<!:)(?:password|passwd|secret))"
            rf"[\"']?\s{{0,8}}[=:]\s{{0,8}}[\"']?){_PLACEHOLDER}"
            r"(?=[^\s\"';,]{0,256}[\d!@#$%^&*+/])[^\s\"';,]{6,}",
            re.IGNORECASE,
        ),
    ),
    # Directly behind an equals sign a word is a value, also one of letters alone.
    (
        ("pass", "pwd"),
        re.compile(
            rf"(?P<keep>(?:password|passwd|passphrase|pwd)=[\"']?){_PLACEHOLDER}{_SAID}"
            r"[^\s\"';,&]{6,}",
            re.IGNORECASE,
        ),
    ),
)
_KUBERNETES: Final = re.compile(r"^[ \t\"]*kind[\"]?:[ \t]*[\"]?Secret\b", re.MULTILINE)
_KUBERNETES_DATA: Final = re.compile(
    r"^(?P<indent>[ \t]*)(?:data|stringData):[ \t]*\n(?:(?P=indent)[ \t]+[^\n]*(?:\n|\Z))+",
    re.MULTILINE,
)
_KUBERNETES_VALUE: Final = re.compile(
    r"(?P<keep>^[ \t]+[\w.-]{1,253}:[ \t]+)\S[^\n]*", re.MULTILINE
)


def redact_text(text: str) -> str:
    """Return ``text`` with everything that looks like a credential replaced by a mark."""
    folded = text.casefold()
    for letters, rule in _TEXT_RULES:
        # A rule is looked for only where some letters are that it cannot do without.
        if any(one in folded for one in letters):
            text = rule.sub(_replacement, text)
    if _KUBERNETES.search(text):
        text = _KUBERNETES_DATA.sub(lambda data: _KUBERNETES_VALUE.sub(_replacement, data[0]), text)
    return text if len(text) < SHORTEST else token_shapes().replaced(text, MARK)


def redact(value: JsonValue, key: str = "") -> JsonValue:
    """Return ``value`` with credentials replaced, at any depth.

    Parameters
    ----------
    value
        A value of a resource's metadata, tags or constraints.
    key
        The name it goes by: values of secret-looking names are replaced whole.
    """
    started_with = _ENVIRONMENT.fullmatch(key) or _USER_DATA.fullmatch(key)
    if started_with and isinstance(value, (dict, list)):
        return _without_values(value)
    if isinstance(value, dict):
        pair_key = _named_pair(value)
        return {
            name: redact(item, pair_key if pair_key and name.lower() == "value" else name)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [redact(item, key) for item in value]
    if not isinstance(value, str):
        return value
    if (_is_secret_key(key) or _USER_DATA.fullmatch(key)) and not _HARMLESS.fullmatch(value):
        return MARK
    return redact_text(value)


def _without_values(value: JsonValue) -> JsonValue:
    """Return variables of a process with their names alone: what a value means only it knows."""
    if isinstance(value, dict):
        pair = _named_pair(value) is not None
        return {
            name: item
            if pair and name.lower() in {"key", "name"} and isinstance(item, str)
            else _without_values(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_without_values(item) for item in value]
    if not isinstance(value, str) or _HARMLESS.fullmatch(value):
        return value
    return MARK


def _named_pair(value: dict[str, JsonValue]) -> str | None:
    """Return the name in AWS's ``{"Key"|"Name": …, "Value": …}`` form, if it is one."""
    if not any(name.lower() == "value" for name in value):
        return None
    for name, item in value.items():
        if name.lower() in {"key", "name"} and isinstance(item, str):
            return item
    return None


def _is_secret_key(key: str) -> bool:
    return _SECRET_KEY.search(_HUMP.sub("_", key)) is not None


def _replacement(match: re.Match[str]) -> str:
    return match.groupdict().get("keep", "") + MARK
