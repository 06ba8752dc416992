"""``cloudops.signIn``, and signing in when a command needs it: a code, or the browser.

The code goes from the client through this process to the worker's, which spends it; it is in no
file, no log and no record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.guard import ask, show, show_error
from cloudops_ls.lsp.progress import WorkCancelled, WorkDone
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import SignIn
    from cloudops_ls.lsp.session import Session

INPUT = "cloudops/input"
OPEN = "Open the page"
LEAVE = "Don't sign in"
_TRIES = 3


def wants_sign_in(error: CloudOpsError) -> bool:
    """Whether a failure in the worker means that somebody has to sign in."""
    return isinstance(error, wire.RemoteError) and error.kind == "SignInNeeded"


async def sign_in(session: Session, profile: str) -> bool:
    """Sign in to ``profile`` with the operator's help; return whether that was done.

    Raises
    ------
    CloudOpsError
        It cannot be started, or AWS refused the last try.
    """
    begun = await session.worker.request(wire.SIGN_IN_BEGIN, {"profile": profile})
    if begun["way"] == "none":
        return True
    if "url" in begun:
        return await _by_browser(session, profile, begun)
    return await _by_code(session, profile, str(begun["serial"]))


async def sign_in_command(session: Session, wanted: SignIn) -> dict[str, Any]:
    """Sign in because the operator asked to: with a code of an MFA device, or in the browser.

    Raises
    ------
    CloudOpsError
        This client cannot be asked for a code, or the sign-in failed.
    """
    name = wanted.profile or session.default_profile
    if not await sign_in(session, name):
        return {"status": "cancelled"}
    show(session.server, f"Signed in to {name}.")
    return {"status": "signed in"}


async def _by_code(session: Session, profile: str, serial: str) -> bool:
    if not session.client.input:
        raise CloudOpsError(
            "The profile needs a code of its MFA device, and this editor cannot be asked for one",
            where=f"profile '{profile}'",
            fix=f"Run 'cloudops-ls accounts login {profile}' in a terminal, then try again",
        )
    params = {
        "title": f"Sign in to {profile}",
        "prompt": f"Code of the MFA device {serial.rpartition('/')[2]}",
        "secret": True,
        "seconds": session.settings.commands.confirmation_seconds,
    }
    for tried in range(1, _TRIES + 1):
        try:
            given = await session.request_client(INPUT, params)
        except JsonRpcException:
            return False
        code = given.get("value") if isinstance(given, dict) else None
        if not isinstance(code, str) or not code.strip():
            return False
        try:
            await session.worker.request(wire.SIGN_IN_FINISH, {"profile": profile, "code": code})
        except CloudOpsError as error:
            if tried == _TRIES:
                raise
            show_error(session.server, error)
        else:
            return True
    return False


async def _by_browser(session: Session, profile: str, begun: dict[str, Any]) -> bool:
    url, code = str(begun["url"]), str(begun["code"])
    question = f"Sign in to {profile} in the browser. The page must show the code {code}."
    if await ask(session.server, question, [OPEN, LEAVE]) != OPEN:
        return False
    window = session.server.client_capabilities.window
    if window is not None and window.show_document is not None and window.show_document.support:
        await session.server.window_show_document_async(
            types.ShowDocumentParams(uri=url, external=True, take_focus=True)
        )
    else:
        show(session.server, f"Open {url} and confirm the code {code}.")
    async with WorkDone(session, f"Signing in to {profile}") as work:
        work.report(f"Waiting for the browser; code {code}")
        try:
            await work.run(session.worker.request(wire.SIGN_IN_FINISH, {"profile": profile}))
        except WorkCancelled:
            await session.worker.notify(wire.SIGN_IN_CANCEL)
            work.finish("Cancelled")
            return False
        work.finish("Signed in")
    return True
