"""Tokens that are known by their shape alone, whatever stands around them.

The shapes are those of detect-secrets' plugins, and of services that gitleaks knows and they do
not. Not all plugins fit text about an AWS estate:

==========================  ===================================================================
Plugin                      Why it is not used
==========================  ===================================================================
``high_entropy_strings``    ids, digests and generated names are as random as secrets
``artifactory``             ``AP`` and ten letters are the beginning of many names
``npm``, ``openai``         take quadratic time on hostile text; bounded forms are below
``jwt``, ``private_key``,   find the beginning of a secret; `redaction` finds all of it
``basic_auth``, ``aws``
``keyword``, ``cloudant``,  go by the name beside the value, as `redaction` does for all services
``ibm_*``, ``softlayer``
``ip_public``               an address is no secret
==========================  ===================================================================
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from typing import Final

SHORTEST: Final = 20
"""Characters of the shortest of these tokens."""

_PLUGINS: Final = (
    "azure_storage_key",
    "discord",
    "github_token",
    "gitlab_token",
    "mailchimp",
    "pypi_token",
    "sendgrid",
    "slack",
    "square_oauth",
    "stripe",
    "telegram_token",
    "twilio",
)
_MORE: Final = (
    r"npm_[A-Za-z0-9]{36}",
    r"sk-(?:proj|svcacct|admin|ant)-[\w-]{20,256}",
    r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}",
    r"github_pat_\w{50,255}",
    r"gh[pousr]_[A-Za-z0-9]{36,255}",
    r"glpat-[\w-]{20,255}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,255}",
    r"xapp-\d-[A-Z0-9]{5,20}-\d{5,20}-[a-z0-9]{20,128}",
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}",
    r"AIza[\w-]{35}",
    r"ya29\.[\w-]{20,1024}",
    r"hv[sb]\.[\w-]{24,300}",
    r"dop_v1_[a-f0-9]{64}",
    r"dckr_pat_[\w-]{27}",
    r"dapi[a-f0-9]{32}",
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    r"gl(?:sa|c)_[A-Za-z0-9+/]{32,400}={0,3}",
    r"ATATT3[\w=-]{50,300}",
    r"hf_[A-Za-z]{34}",
    r"NRAK-[A-Z0-9]{27}",
    r"lin_api_[A-Za-z0-9]{40}",
    r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    r"https://[\w.-]{1,128}\.webhook\.office\.com/webhookb2/[\w@/-]{20,300}",
    r"https://discord(?:app)?\.com/api/webhooks/\d{8,20}/[\w-]{60,80}",
)


@cache
def token_shapes() -> re.Pattern[str]:
    """Return one pattern for all of them; the first call imports detect-secrets."""
    plugins = importlib.import_module("detect_secrets.plugins.base")
    shapes = list(_MORE)
    for name in _PLUGINS:
        module = importlib.import_module(f"detect_secrets.plugins.{name}")
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if own and issubclass(kind, plugins.RegexBasedDetector):
                shapes += [_inline(rule) for rule in kind.denylist]
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(shapes)})")


def _inline(rule: re.Pattern[str]) -> str:
    """Return a detector's pattern as part of a larger one."""
    return f"(?i:{rule.pattern})" if rule.flags & re.IGNORECASE else f"(?:{rule.pattern})"
