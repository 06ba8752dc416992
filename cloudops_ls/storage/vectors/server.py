"""The ``server`` engine: a Qdrant server or cluster, over its REST API.

See https://api.qdrant.tech/api-reference and "Multitenancy" in Qdrant's documentation.
"""

from __future__ import annotations

import re
import ssl
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.vectors.client import ClientIndex
from cloudops_ls.storage.vectors.index import (
    DENSE,
    CollectionSpec,
    IndexUnavailableError,
    IndexUnusableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
STORE_FIELD = "store"
"""Payload field that says which store a point belongs to."""
ATTEMPTS = 4
LONGEST_WAIT = 10.0
"""Seconds, also where the server asks for more."""
_PASSING = frozenset({429, 500, 502, 503, 504})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_backing_off = wait_exponential(multiplier=0.2, max=LONGEST_WAIT / 2) + wait_random(0, 0.2)


@dataclass(frozen=True, slots=True)
class QdrantServer:
    """Where a Qdrant server is and how to speak to it.

    Attributes
    ----------
    url
        Such as ``https://qdrant.example.com:6333``.
    store
        Identity of the store: its points are its own, whoever else uses the server.
    api_key
        Sent as ``api-key``; None where the server asks for none. Never in ``repr``.
    ca_file
        PEM file with the authorities to trust instead of the system's.
    prefix
        Of the names of collections.
    timeout
        Seconds for one request.
    """

    url: str
    store: str
    api_key: str | None = None
    ca_file: Path | None = None
    prefix: str = ""
    timeout: float = 10.0

    def __repr__(self) -> str:
        return f"QdrantServer({self.host})"

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def check(self) -> None:
        """Refuse to send a key where anybody on the way can read it.

        Raises
        ------
        CloudOpsError
            Plain HTTP with a key, to another machine; or an authority that cannot be read.
        """
        parts = urlsplit(self.url)
        if self.api_key and parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise CloudOpsError(
                "Qdrant's API key would be sent unencrypted",
                where="setting cloudops.qdrant.url",
                fix="Use https",
            )
        self.trust()

    def trust(self) -> ssl.SSLContext | bool:
        """Return what certificates are checked against."""
        if self.ca_file is None:
            return True
        try:
            return ssl.create_default_context(cafile=str(self.ca_file))
        except OSError as error:
            raise CloudOpsError(
                "The certificate authorities for Qdrant cannot be read",
                where=str(self.ca_file),
                fix="Set cloudops.qdrant.ca_file to a PEM file",
            ) from error


class ServerIndex(ClientIndex):
    """One store's points in a collection on a server.

    Makes no request before it must; then it creates the collection where there is none. Every
    request can be repeated without harm, and is while what failed may pass.

    Parameters
    ----------
    spec
        What it holds.
    server
        Where; checked.
    """

    name = "server"

    def __init__(self, spec: CollectionSpec, server: QdrantServer) -> None:
        with warnings.catch_warnings():
            # It warns of a key over plain HTTP, which `check` allows to this machine alone.
            warnings.simplefilter("ignore", UserWarning)
            client = QdrantClient(
                url=server.url,
                api_key=server.api_key,
                timeout=max(1, round(server.timeout)),
                check_compatibility=False,
                verify=server.trust(),
            )
        super().__init__(
            spec, client, name=_collection(spec, server.prefix), owned={STORE_FIELD: server.store}
        )
        self._server = server
        self._preparing = threading.Lock()
        self._prepared = False

    def _call(self, request: Callable[[], T]) -> T:
        self._require_open()
        with self._preparing:
            if not self._prepared:
                self._try(self._prepare)
                self._prepared = True
        return self._try(request)

    def _try(self, request: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception(lambda error: _passing(error) and not self._closed),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait,
            reraise=True,
        )
        try:
            return retrying(request)
        except (UnexpectedResponse, ResponseHandlingException, ResourceExhaustedResponse) as error:
            # Without its context: it holds the request, and that may hold names.
            raise self._explain(error) from None
        except ValueError:
            # No JSON at all: a proxy's page, say.
            raise self._explain(ValueError()) from None
        except RuntimeError:
            # httpx: closed while it was used.
            raise IndexUnusableError("the index is closed") from None

    def _prepare(self) -> None:
        """Make the collection and its payload indexes, or check those that are there."""
        if not self._client.collection_exists(self._name):
            try:
                self._create()
            except UnexpectedResponse as error:
                # Another process was faster.
                if error.status_code != httpx.codes.CONFLICT:
                    raise
        vectors = self._client.get_collection(self._name).config.params.vectors
        found = vectors.get(DENSE) if isinstance(vectors, dict) else vectors
        if (found.size if found else None) != self._spec.dim:
            raise IndexUnavailableError(
                f"its collection {self._name} is not one of ours",
                "Set cloudops.qdrant.prefix to something that nobody else uses",
            )
        tenant = self._spec.tenant_field or STORE_FIELD
        for field in (STORE_FIELD, *self._spec.keyword_fields):
            self._client.create_payload_index(
                self._name,
                field,
                models.KeywordIndexParams(
                    type=models.KeywordIndexType.KEYWORD, is_tenant=field == tenant or None
                ),
            )

    def _explain(self, error: Exception) -> Exception:
        host = self._server.host
        if isinstance(error, UnexpectedResponse):
            status = error.status_code
            if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                return IndexUnavailableError(
                    f"{host} refuses the API key",
                    "Set CLOUDOPS_QDRANT_API_KEY, or put the key into the keychain",
                )
            if status == httpx.codes.NOT_FOUND:
                self._prepared = False
                return IndexUnusableError("the collection is gone")
            return IndexUnavailableError(f"{host} answers with status {status}", _LOOK)
        if isinstance(error, ResourceExhaustedResponse):
            return IndexUnavailableError(f"{host} is too busy", _LOOK)
        source = error.source if isinstance(error, ResponseHandlingException) else error
        if isinstance(source, httpx.TimeoutException):
            return IndexUnavailableError(f"{host} does not answer in time", _LOOK)
        if isinstance(source, httpx.ConnectError) and "CERTIFICATE" in str(source):
            return IndexUnavailableError(
                f"the certificate of {host} is not trusted", "Set cloudops.qdrant.ca_file"
            )
        if isinstance(source, httpx.TransportError):
            return IndexUnavailableError(f"{host} cannot be reached", _LOOK)
        return IndexUnavailableError(f"{host} does not answer as Qdrant does", _LOOK)


_LOOK = "Look after the Qdrant server, or change cloudops.qdrant.url"


def _collection(spec: CollectionSpec, prefix: str) -> str:
    """Return a collection's name on the server: vectors of two models cannot share one."""
    if spec.dim is None:
        return f"{prefix}{spec.name}"
    model = re.sub(r"[^a-z0-9]+", "-", (spec.model or "").lower()).strip("-")
    return "_".join(filter(None, (f"{prefix}{spec.name}", model, str(spec.dim))))


def _passing(error: BaseException) -> bool:
    if isinstance(error, ResourceExhaustedResponse):
        return True
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _PASSING
    if isinstance(error, ResponseHandlingException):
        source = error.source
        return isinstance(source, httpx.TransportError) and "CERTIFICATE" not in str(source)
    return False


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, ResourceExhaustedResponse):
        return min(float(error.retry_after_s), LONGEST_WAIT)
    return _backing_off(state)
