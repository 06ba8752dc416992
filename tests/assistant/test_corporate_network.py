"""Through a proxy, to a server whose certificate only one's own authority has signed."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from cloudops_ls.assistant.base import AssistantUnreachable
from cloudops_ls.assistant.chat_completions import ReplyFormat
from cloudops_ls.assistant.http import HttpAssistant
from cloudops_ls.assistant.openai import OpenAIAssistant
from cloudops_ls.errors import CloudOpsError

from . import completions
from .asking import FAST, TOKEN, ask
from .connect_proxy import ConnectProxy
from .server import Answer, CloudOpsTestServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOST = "assistant.corp.example"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.lower, VARIABLES), *BUNDLES, "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "corporate.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="module")
def far(authority: trustme.CA) -> Iterator[CloudOpsTestServer]:
    """A server of the corporate network, which only the proxy can reach by its name."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "127.0.0.1").configure_cert(tls)
    with CloudOpsTestServer(tls=tls) as running:
        yield running


def port(server: CloudOpsTestServer) -> int:
    return int(server.url.rpartition(":")[2])


def http(url: str) -> HttpAssistant:
    return HttpAssistant(url, lambda: TOKEN, FAST)


def openai(url: str) -> OpenAIAssistant:
    return OpenAIAssistant(f"{url}/v1", "qwen3", ReplyFormat.TOOLS, lambda: TOKEN, FAST)


KINDS: dict[str, tuple[Callable[[str], Any], Answer]] = {
    "http": (http, Answer(deltas=("It ",), reply={"kind": "information", "text": "It runs."})),
    "openai": (openai, completions.said(completions.COMMANDS)),
}


@pytest.mark.parametrize("variable", BUNDLES)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_under_ones_own_authority_is_asked_through_the_proxy(
    far: CloudOpsTestServer,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    variable: str,
) -> None:
    make, answer = KINDS[kind]
    far.script(answer)
    before = len(far.requests)
    monkeypatch.setenv(variable, str(bundle))
    with ConnectProxy({f"{HOST}:443": port(far)}, user="ada:p@ss") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:p%40ss@127.0.0.1:{proxy.port}")
        assistant = make(f"https://{HOST}")
        assert await ask(assistant)
        await assistant.aclose()
    assert proxy.asked and set(proxy.asked) == {f"{HOST}:443"}
    received = far.requests[before]
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert "proxy-authorization" not in received.headers


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_exempt_or_on_this_machine_is_asked_directly(
    far: CloudOpsTestServer, bundle: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    make, answer = KINDS[kind]
    far.script(answer)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with ConnectProxy({}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        near = make(f"https://127.0.0.1:{port(far)}")
        assert await ask(near)
        await near.aclose()
        monkeypatch.setenv("NO_PROXY", "corp.invalid")
        exempt = make("https://assistant.corp.invalid")
        # Asked directly, so it is this machine that does not know the name.
        with pytest.raises(AssistantUnreachable, match="host name is not known"):
            await ask(exempt)
        await exempt.aclose()
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("user", "host", "words"),
    [("", HOST, r"status 407.*user and password"), ("ada:p%40ss@", "elsewhere.example", "403")],
)
async def test_what_the_proxy_refuses_is_said_without_its_password(
    far: CloudOpsTestServer,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    host: str,
    words: str,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    before = len(far.requests)
    with ConnectProxy({f"{HOST}:443": port(far)}, user="ada:p@ss") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{proxy.port}")
        assistant = http(f"https://{host}")
        with pytest.raises(AssistantUnreachable, match=words) as caught:
            await ask(assistant)
        await assistant.aclose()
    assert "p@ss" not in str(caught.value) and "p%40ss" not in str(caught.value)
    assert len(far.requests) == before


async def test_a_proxy_that_opens_tls_is_named_as_a_cause(
    far: CloudOpsTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy({f"{HOST}:443": port(far)}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        assistant = http(f"https://{HOST}")
        with pytest.raises(AssistantUnreachable, match=r"not trusted.*proxy opens TLS.*AWS_CA_BUN"):
            await ask(assistant)
        await assistant.aclose()


@pytest.mark.parametrize("variable", BUNDLES)
async def test_certificates_that_cannot_be_read_are_named(
    far: CloudOpsTestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (tmp_path / "bundle.pem").write_text("no certificate")
    for path in ("bundle.pem", "absent.pem"):
        monkeypatch.setenv(variable, str(tmp_path / path))
        assistant = http(far.url)
        with pytest.raises(CloudOpsError, match="cannot be read") as caught:
            await ask(assistant)
        assert f"{variable}=" in str(caught.value) and path in str(caught.value)
        await assistant.aclose()
