"""What a client can do beyond LSP, as it says in ``initializationOptions.client``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ClientAbilities:
    """Announced abilities; what is not announced is not there.

    Attributes
    ----------
    confirm
        It answers ``cloudops/confirm``: a modal question with a typed name and a reason.
    input
        It answers ``cloudops/input``: one line of text, hidden where it is secret.
    request_preview
        It shows the text of a ``cloudops/requestPreview`` notification as a document.
    trusted
        Its user trusts what is in the folder; else nothing is sent, run, or asked of AWS for it.
    """

    confirm: bool = False
    input: bool = False
    request_preview: bool = False
    trusted: bool = True

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Read the ``client`` section of the initialization options."""
        given = options.get("client")
        section = given if isinstance(given, dict) else {}
        return cls(
            confirm=section.get("confirm") is True,
            input=section.get("input") is True,
            request_preview=section.get("requestPreview") is True,
            trusted=section.get("trusted") is not False,
        )
