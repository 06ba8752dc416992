"""One HTTP exchange with an assistant's server: connect, send, try again where that is safe.

Imports httpx and tenacity: only :mod:`cloudops_ls.assistant.connection` imports this module, when
the first request is made.
"""

from __future__ import annotations

import random
import socket
import ssl
import time
from contextlib import aclosing, asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import tenacity

from cloudops_ls import __version__
from cloudops_ls.assistant.answer import bad_reply
from cloudops_ls.assistant.base import (
    AssistantRejected,
    AssistantTimeout,
    AssistantUnavailable,
    AssistantUnreachable,
)
from cloudops_ls.assistant.trust import tls_context
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from cloudops_ls.assistant.answer import Reader
    from cloudops_ls.assistant.connection import Endpoint
    from cloudops_ls.assistant.server_url import ServerUrl
    from cloudops_ls.assistant.timings import HttpTimings

E = TypeVar("E")

_BUSY: Final = frozenset({429, 502, 503, 504})


class _TryAgain(Exception):  # noqa: N818 - a signal, not an error
    def __init__(self, failure: CloudOpsError, pause: float | None = None) -> None:
        super().__init__(failure.what)
        self.failure = failure
        self.pause = pause


def create_client(url: ServerUrl, timings: HttpTimings) -> httpx.AsyncClient:
    """Return a client that trusts the environment for proxies and certificates.

    Raises
    ------
    CloudOpsError
        The environment names a proxy or certificates that cannot be used.
    """
    encrypted = urlsplit(url.base).scheme == "https"
    trusted = tls_context() if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx.AsyncClient(
            verify=trusted,
            timeout=httpx.Timeout(timings.silence, connect=timings.connect, pool=None),
            headers={"User-Agent": f"cloudops-ls/{__version__}"},
            # None is the direct transport: requests to this machine never leave it.
            mounts={f"all://{urlsplit(url.base).netloc}": None} if url.local else None,
        )
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        raise CloudOpsError(
            "The environment's proxy cannot be used",
            where=url.where,
            fix="Check HTTPS_PROXY, ALL_PROXY and NO_PROXY",
        ) from error


@asynccontextmanager
async def open_answer(
    client: httpx.AsyncClient,
    request: httpx.Request,
    endpoint: Endpoint[E],
    read: Reader[E],
    where: str,
    timings: HttpTimings,
) -> AsyncIterator[AsyncGenerator[E]]:
    """Send ``request`` and hand out the events of its answer.

    Parameters
    ----------
    endpoint
        What is asked; its statuses decide what is read and what refused.
    read
        Reads a response with an accepted status.

    Raises
    ------
    AssistantUnreachable, AssistantTimeout, AssistantUnavailable, AssistantRejected,
    AssistantBadReply
        As :class:`cloudops_ls.assistant.base.Assistant` says.
    """
    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(_TryAgain),
        stop=tenacity.stop_after_attempt(timings.attempts),
        wait=_Pause(timings),
        reraise=True,
    )
    try:
        response: httpx.Response = await retrying(
            _attempt, client, request, endpoint, where, timings
        )
    except _TryAgain as signal:
        raise signal.failure from signal.__cause__
    try:
        async with aclosing(_translated(read(response, where), where, timings)) as events:
            yield events
    finally:
        await response.aclose()


async def _translated(
    answer: AsyncGenerator[E], where: str, timings: HttpTimings
) -> AsyncGenerator[E]:
    try:
        async with aclosing(answer) as events:
            async for event in events:
                yield event
    except httpx.ReadTimeout:
        raise _silent(where, timings) from None
    except httpx.TransportError as error:
        raise AssistantUnreachable(
            "The connection to the assistant broke off before the reply was complete",
            where=where,
            fix="Ask again",
        ) from error


async def _attempt(
    client: httpx.AsyncClient,
    request: httpx.Request,
    endpoint: Endpoint[E],
    where: str,
    timings: HttpTimings,
) -> httpx.Response:
    """Return a response with an accepted status and its body still unread."""
    try:
        response = await client.send(request, stream=True)
    except (httpx.ReadTimeout, httpx.WriteTimeout):
        # Not sent again: the server may be working on it.
        raise _silent(where, timings) from None
    except httpx.TransportError as error:
        failure = _unreachable(error, where)
        if _certificate_problem(error):
            raise failure from error
        raise _TryAgain(failure) from error
    if response.status_code in endpoint.accepted:
        return response
    await response.aclose()
    raise _refusal(response, endpoint.refusals, where, timings)


def _refusal(
    response: httpx.Response,
    refusals: Mapping[int, tuple[str, str]],
    where: str,
    timings: HttpTimings,
) -> Exception:
    status = response.status_code
    if status in _BUSY:
        pause = _retry_after(response)
        if pause is None or pause <= timings.longest_pause:
            return _TryAgain(_unavailable(status, where), pause)
        return _unavailable(status, where, pause)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _unavailable(status, where)
    if response.is_redirect:
        return AssistantRejected(
            "The server wants the request sent to another address, which is not done",
            where=where,
            fix="Set cloudops.assistant.url to the address itself",
        )
    if response.is_success:
        return bad_reply(f"it has status {status} instead of 200", where)
    what, fix = refusals.get(
        status, (f"The server refuses the request with status {status}", "Ask its operators")
    )
    return AssistantRejected(what, where=where, fix=fix)


def _unavailable(status: int, where: str, pause: float | None = None) -> AssistantUnavailable:
    what = (
        "The assistant's server answers too many requests at the moment"
        if status == httpx.codes.TOO_MANY_REQUESTS
        else f"The assistant's server cannot answer now (status {status})"
    )
    fix = "Ask again later" if pause is None else f"Ask again in {pause:.0f} seconds"
    return AssistantUnavailable(what, where=where, fix=fix)


def _silent(where: str, timings: HttpTimings) -> AssistantTimeout:
    return AssistantTimeout(
        f"The assistant sent nothing for {timings.silence:g} seconds", where=where, fix="Ask again"
    )


def _unreachable(error: httpx.TransportError, where: str) -> AssistantUnreachable:
    if _certificate_problem(error):
        return AssistantUnreachable(
            "The certificate of the assistant's server is not trusted",
            where=where,
            fix="If its authority is your own, or a proxy opens TLS, name the authority's file in "
            "AWS_CA_BUNDLE or SSL_CERT_FILE",
        )
    if isinstance(error, httpx.ProxyError):
        status = str(error).partition(" ")[0]
        said = f" (status {status})" if status.isdecimal() else ""
        return AssistantUnreachable(
            f"The proxy does not lead to the assistant{said}",
            where=where,
            fix="Check HTTPS_PROXY, with its user and password, and NO_PROXY",
        )
    if isinstance(error, httpx.ConnectTimeout):
        what = "The assistant cannot be reached: no connection in time"
    elif any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
        what = "The assistant cannot be reached: its host name is not known"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error)):
        what = "The assistant cannot be reached: nothing listens there"
    else:
        what = "The assistant cannot be reached: the connection failed"
    return AssistantUnreachable(
        what, where=where, fix="Check the network and cloudops.assistant.url, then ask again"
    )


def _certificate_problem(error: BaseException) -> bool:
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))


def _causes(error: BaseException | None) -> list[BaseException]:
    """Return the error and what led to it; httpx and asyncio wrap several times, in groups."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        cause = waiting.pop()
        if cause is None or cause in found:
            continue
        found.append(cause)
        waiting += [cause.__cause__, cause.__context__]
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
    return found


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for (RFC 9110, section 10.2.3)."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


class _Pause(tenacity.wait.wait_base):
    """Exponential with full jitter; at least what the server asks for."""

    def __init__(self, timings: HttpTimings) -> None:
        self._first = timings.first_pause
        self._growing = tenacity.wait_random_exponential(
            multiplier=timings.first_pause, max=timings.longest_pause
        )

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        outcome = retry_state.outcome
        signal = outcome.exception() if outcome is not None else None
        if isinstance(signal, _TryAgain) and signal.pause is not None:
            # Spread over a moment, so that not all clients come back at once.
            return signal.pause + random.uniform(0, self._first)  # noqa: S311
        return self._growing(retry_state)
