"""Commands of the accounts: list, select, sign out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.lsp import command_ids

if TYPE_CHECKING:
    from cloudops_ls.lsp.commands.registering import Register
    from cloudops_ls.lsp.session import Session


def register(command: Register, session: Session) -> None:
    """Register the commands of this area."""

    async def read_credentials(*_arguments: Any) -> Any:
        from cloudops_ls.lsp.accounts import read_credentials

        return await read_credentials(session)

    async def select_profile(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.accounts import select_profile

        wanted = given.read(given.SelectProfile, command_ids.SELECT_PROFILE, arguments)
        return await select_profile(session, wanted)

    async def sign_out(*_arguments: Any) -> Any:
        from cloudops_ls.lsp.accounts import sign_out

        return await sign_out(session)

    command(command_ids.READ_CREDENTIALS, read_credentials)
    command(command_ids.SELECT_PROFILE, select_profile)
    command(command_ids.SIGN_OUT, sign_out)
