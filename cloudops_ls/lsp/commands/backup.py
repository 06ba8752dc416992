"""Commands of backups: make, list, restore, verify, schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.lsp import command_ids

if TYPE_CHECKING:
    from cloudops_ls.lsp.commands.registering import Register
    from cloudops_ls.lsp.session import Session


def register(command: Register, session: Session) -> None:
    """Register the commands of this area."""

    async def backup_now(*_arguments: Any) -> Any:
        from cloudops_ls.lsp.backup import back_up_now

        return await back_up_now(session)

    async def backups(*_arguments: Any) -> Any:
        from cloudops_ls.lsp.backup import list_backups

        return await list_backups(session)

    async def restore_backup(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.backup import restore_backup

        wanted = given.read(given.RestoreBackup, command_ids.RESTORE_BACKUP, arguments)
        return await restore_backup(session, wanted)

    async def verify_backups(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.backup import verify_backups

        wanted = given.read(given.VerifyBackups, command_ids.VERIFY_BACKUPS, arguments)
        return await verify_backups(session, wanted)

    async def auto_backup(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.backup import auto_backup

        wanted = given.read(given.AutoBackup, command_ids.AUTO_BACKUP, arguments)
        return await auto_backup(session, wanted)

    command(command_ids.BACKUP_NOW, backup_now)
    command(command_ids.BACKUPS, backups)
    command(command_ids.RESTORE_BACKUP, restore_backup)
    command(command_ids.VERIFY_BACKUPS, verify_backups)
    command(command_ids.AUTO_BACKUP, auto_backup)
