"""Whose certificates the assistant's server may have: the system's authorities, and one's own.

Imports certifi: only :mod:`cloudops_ls.assistant.exchange` imports this module.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

import certifi

from cloudops_ls.errors import CloudOpsError

_INSTEAD: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""OpenSSL's own variables: what they name stands in for the system's, and for certifi's."""
_MORE: Final = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""What the AWS CLI, requests and curl read: who needs it there needs it here."""


def tls_context() -> ssl.SSLContext:
    """Return what verifies servers: the system's authorities, certifi's, and the environment's.

    Raises
    ------
    CloudOpsError
        A variable names a file that is not there, or that holds no certificates.
    """
    context = ssl.create_default_context()
    if not any(os.environ.get(name) for name in _INSTEAD):
        context.load_verify_locations(certifi.where())
    for name in (*_INSTEAD, *_MORE):
        path = os.environ.get(name)
        if not path:
            continue
        try:
            # OpenSSL passes over what it cannot read in its own variables, without a word.
            if name == "SSL_CERT_DIR" or Path(path).is_dir():
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except OSError as error:  # an SSLError, too
            raise CloudOpsError(
                "The certificates that the environment names cannot be read",
                where=f"{name}={path}",
                fix="Name a file of PEM certificates, or unset the variable",
            ) from error
    return context
