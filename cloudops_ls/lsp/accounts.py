"""``cloudops.readCredentials``, ``.selectProfile`` and ``.signOut``; warnings before an end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.guard import ask, show, show_error
from cloudops_ls.lsp.signing_in import sign_in
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cloudops_ls.lsp.arguments import SelectProfile
    from cloudops_ls.lsp.session import Session

SIGN_IN = "Sign in"
GO_ON = "Go on without"


async def read_credentials(session: Session) -> dict[str, Any]:
    """Return the profiles with their accounts and states, what is damaged, and which is selected.

    Also which ones a scan covers, as the settings say: ``["*"]`` for all. No credential is in the
    answer.
    """
    found: dict[str, Any] = await session.worker.request(wire.PROFILES)
    selected = session.default_profile
    scanned = list(session.settings.estate.profiles) or [selected]
    return {**found, "selected": selected, "scanned": scanned}


async def sign_out(session: Session) -> dict[str, Any]:
    """Forget the sessions that codes opened; a sign-in of the browser is the AWS CLI's too."""
    await session.worker.request(wire.SIGN_OUT)
    return {"status": "signed out"}


async def select_profile(session: Session, wanted: SelectProfile) -> dict[str, Any]:
    """Make a profile the one of runbooks that name none, until this editor window closes.

    Returns
    -------
    dict
        The profile as ``read_credentials`` describes it.

    Raises
    ------
    CloudOpsError
        There is no usable profile of that name.
    """
    found = await session.worker.request(wire.PROFILES)
    profile: dict[str, Any] | None = next(
        (one for one in found["profiles"] if one["name"] == wanted.profile), None
    )
    if profile is None:
        problem = next((one for one in found["problems"] if one["profile"] == wanted.profile), None)
        raise CloudOpsError(
            problem["message"] if problem else f"There is no profile '{wanted.profile}'",
            where=f"{problem['file']}, line {problem['line']}" if problem else None,
            fix="Choose one that 'cloudops-ls accounts' lists",
        )
    session.configuration.select_profile(wanted.profile)
    await session.background.configure_sync()
    return profile


async def prepare_credentials(session: Session, profiles: Iterable[str]) -> None:
    """Before something long begins: offer a sign-in where one is needed, warn of what ends soon.

    Failures are shown; what needs the credentials will then say what it could not do.
    """
    states = await session.worker.request(wire.CREDENTIALS, {"profiles": list(profiles)})
    for one in states:
        if one["warning"] is None:
            continue
        if one["way"] is None or one["state"] == "expiring":
            warn(session, one)
            continue
        question = f"{one['warning']}. Sign in now?"
        if await ask(session.server, question, [SIGN_IN, GO_ON]) != SIGN_IN:
            continue
        try:
            await sign_in(session, one["profile"])
        except CloudOpsError as error:
            show_error(session.server, error)


async def warn_of_expiry(session: Session, profile: str) -> None:
    """Warn, once per end, that a profile's credentials end soon."""
    states = await session.worker.request(wire.CREDENTIALS, {"profiles": [profile]})
    for one in states:
        if one["state"] == "expiring":
            warn(session, one)


def warn(session: Session, status: dict[str, Any]) -> None:
    """Show the warning of a credential status, the same one once."""
    text = str(status["warning"])
    if session.report_once(text):
        show(session.server, f"{text}.", types.MessageType.Warning)
