"""The configured assistant, and the secrets that go along."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudops_ls.assistant.base import Assistant
    from cloudops_ls.assistant.known_estate import EstateSources
    from cloudops_ls.config import Settings


def build_assistant(settings: Settings, known: EstateSources | None = None) -> Assistant:
    """Build the assistant that the settings name.

    Parameters
    ----------
    known
        What the built-in planner looks things up in; without it, it lists nothing.

    Raises
    ------
    CloudOpsError
        Kind ``http`` or ``openai`` without what it needs.
    """
    from cloudops_ls.config import AssistantKind

    chosen = settings.assistant
    match chosen.kind:
        case AssistantKind.HTTP:
            from cloudops_ls.assistant.http import HttpAssistant
            from cloudops_ls.assistant.timings import HttpTimings

            return HttpAssistant(
                _required(chosen.url, "url", "No CloudOps server is named"),
                token=assistant_token,
                timings=HttpTimings(total=chosen.timeout_seconds),
            )
        case AssistantKind.OPENAI:
            from cloudops_ls.assistant.chat_completions import ReplyFormat
            from cloudops_ls.assistant.openai import OpenAIAssistant
            from cloudops_ls.assistant.timings import HttpTimings

            return OpenAIAssistant(
                _required(chosen.url, "url", "No chat-completions server is named"),
                _required(chosen.model, "model", "No model is named"),
                ReplyFormat(chosen.format.value),
                token=assistant_token,
                timings=HttpTimings(total=chosen.timeout_seconds),
            )
        case AssistantKind.BUILTIN:
            from cloudops_ls.assistant.builtin import BuiltinAssistant
            from cloudops_ls.estate.catalog.loader import Catalog

            catalog = Catalog.load()
            if known is None:
                return BuiltinAssistant(catalog)
            from cloudops_ls.assistant.known_estate import StoredEstate

            return BuiltinAssistant(catalog, StoredEstate(known, catalog))


def _required(value: str | None, setting: str, what: str) -> str:
    from cloudops_ls.errors import CloudOpsError

    if value is None:
        raise CloudOpsError(
            what,
            where=f"setting cloudops.assistant.{setting}",
            fix="Set it, or set cloudops.assistant.kind to 'builtin'",
        )
    return value


def assistant_token() -> str | None:
    """Return the CloudOps server's bearer token, from the environment or the keychain.

    A keychain that is missing or locked is the same as none: the server then says that it wants
    a token, which is the clearer message.
    """
    return _secret("CLOUDOPS_ASSISTANT_TOKEN", "assistant-token")


def qdrant_api_key() -> str | None:
    """Return the Qdrant server's API key, from the environment or the keychain, or None."""
    return _secret("CLOUDOPS_QDRANT_API_KEY", "qdrant-api-key")


def _secret(variable: str, name: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    given = os.environ.get(variable)
    if given:
        return given
    try:
        return keyring.get_password("cloudops-ls", name)
    except KeyringError:
        return None
