"""Addresses, tokens, proxies and certificates; what a server says of itself."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloudops_ls.assistant.base import (
    AssistantBadReply,
    AssistantRejected,
    AssistantUnreachable,
)
from cloudops_ls.assistant.http import HttpAssistant
from cloudops_ls.errors import CloudOpsError

from .asking import FAST, TOKEN, ask
from .server import Answer, CloudOpsTestServer

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com", "not a URL"),
        ("example.com", "not a URL"),
        ("https://", "not a URL"),
        ("https://example.com:port", "not a URL"),
        ("https://example.com/?a=b", "not a URL"),
        ("https://me:hunter2@example.com", "user name or password"),
        ("http://example.com", "unencrypted"),
        ("http://localhost.example.com", "unencrypted"),
        ("http://10.0.0.1", "unencrypted"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(url: str, words: str) -> None:
    with pytest.raises(CloudOpsError, match=words) as caught:
        HttpAssistant(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://example.com/a", "http://[::1]:80", "http://localhost:1"])
def test_encrypted_and_local_addresses_are_accepted(url: str) -> None:
    HttpAssistant(url)


async def test_a_token_that_cannot_be_a_header_is_refused_unseen(
    server: CloudOpsTestServer,
) -> None:
    client = HttpAssistant(server.url, lambda: "hunter2\r\nX-Evil: 1")
    with pytest.raises(AssistantRejected) as caught:
        await ask(client)
    assert "hunter2" not in str(caught.value)
    assert server.requests == []
    await client.aclose()


async def test_a_local_server_is_never_asked_through_a_proxy(
    server: CloudOpsTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    client = HttpAssistant(server.url, timings=FAST)
    assert await ask(client)
    await client.aclose()


async def test_an_unusable_proxy_setting_is_named(
    server: CloudOpsTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "carrier-pigeon://roof")
    client = HttpAssistant("https://assistant.invalid", timings=FAST)
    with pytest.raises(CloudOpsError, match="HTTPS_PROXY"):
        await ask(client)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "assistant.test")])
    today = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


async def test_only_trusted_certificates_are_spoken_to(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with CloudOpsTestServer(tls=tls) as server:
        client = HttpAssistant(server.url, lambda: TOKEN, FAST)
        with pytest.raises(AssistantUnreachable, match=r"certificate.*SSL_CERT_FILE"):
            await ask(client)
        await client.aclose()
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        client = HttpAssistant(server.url, lambda: TOKEN, FAST)
        assert await ask(client)
        await client.aclose()


async def test_errors_hold_nothing_of_request_or_answer(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    planted = "planted-secret-word"
    server.script(
        Answer(stream=False, raw=[json.dumps({"kind": planted, planted: planted}).encode()])
    )
    with pytest.raises(AssistantBadReply) as caught:
        await ask(assistant, prompt=f"Stop {planted}")
    assert planted not in str(caught.value)
    assert planted not in repr(caught.value.__cause__)


def test_importing_the_client_is_cheap() -> None:
    import subprocess
    import sys

    code = (
        "import sys, cloudops_ls.assistant.http, cloudops_ls.assistant.base;"
        "print([m for m in ('httpx', 'httpx_sse', 'tenacity') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_server_is_asked_once_what_it_can_do(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.capabilities = json.dumps({"protocols": ["1", "2"], "name": "acme", "new": True})
    await ask(assistant)
    await ask(assistant)
    assert server.gets == ["/v1/capabilities"]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("capabilities", "words"),
    [
        ({"protocols": ["2"]}, "does not speak version 1"),
        ({"max_request_bytes": 100}, "too large for the server: .* of 100 bytes"),
    ],
)
async def test_what_a_server_cannot_answer_is_not_sent(
    server: CloudOpsTestServer, assistant: HttpAssistant, capabilities: Any, words: str
) -> None:
    server.capabilities = json.dumps(capabilities)
    with pytest.raises(AssistantRejected, match=words):
        await ask(assistant)
    assert server.requests == []


@pytest.mark.parametrize("capabilities", ["{", '{"protocols": []}', '{"protocols": 1}', "<html>"])
async def test_invalid_capabilities_are_one_clear_error(
    server: CloudOpsTestServer, assistant: HttpAssistant, capabilities: str
) -> None:
    server.capabilities = capabilities
    with pytest.raises(AssistantBadReply, match="capabilities are not valid"):
        await ask(assistant)
