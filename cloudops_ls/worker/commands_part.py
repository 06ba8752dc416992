"""The worker's part for commands: check one offline, in the account that it would act in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.diagnose import diagnose
from cloudops_ls.commands.model import CommandContext
from cloudops_ls.storage.records import AccountRecord
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.commands.check import CommandChecker
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.storage.service import StorageService


class CommandsPart:
    """Validates and classifies commands; runs none.

    Parameters
    ----------
    storage
        The store, for the accounts that are known.
    sessions, checker
        AWS sessions and the command checker; both thread-safe.
    """

    def __init__(
        self, storage: StorageService, sessions: SessionFactory, checker: CommandChecker
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._checker = checker
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.CHECK: self.check,
            wire.DIAGNOSE: self.diagnose,
            wire.NEXT_WORDS: self.next_words,
        }

    @property
    def busy(self) -> bool:
        """A check is short, and somebody waits for it."""
        return False

    def start(self) -> None:
        """Nothing runs unasked."""

    def abandon(self) -> None:
        """Nothing is under way that outlives its caller."""

    def close(self) -> None:
        """Drop the AWS sessions."""
        self._sessions.close()

    def check(self, params: dict[str, Any]) -> dict[str, Any]:
        """Validate and classify one command; runs nothing.

        Returns
        -------
        dict
            ``command``: a ``CheckedCommand``; ``environment``: variables it needs to run.
        """
        context = CommandContext(
            profile=str(params["profile"]), region=params.get("region") or None
        )
        identify = bool(params.get("identify"))
        checked = self._checked(str(params["text"]), context, identify=identify)
        # Credentials are fetched for what is about to run, not for what is merely looked at.
        acting = (checked.profile or context.profile) if identify else None
        return {
            "command": checked.model_dump(mode="json"),
            "environment": self._sessions.environment(acting),
        }

    def diagnose(self, params: dict[str, Any]) -> list[list[dict[str, Any]]]:
        """Say what is wrong or doubtful about commands; offline.

        Returns
        -------
        list
            For each of ``texts`` a list of ``Finding``.
        """
        context = CommandContext(
            profile=str(params["profile"]), region=params.get("region") or None
        )
        return [
            [
                finding.model_dump(mode="json", exclude_none=True)
                for finding in diagnose(
                    str(text), partial(self._checked, context=context, identify=False)
                )
            ]
            for text in params["texts"]
        ]

    def next_words(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Say which words may follow ``words``, given what is ``typed`` of the next one.

        Returns
        -------
        list
            At most ``limit`` of ``Word``, likeliest first.
        """
        words = [str(word) for word in params["words"]]
        found = self._checker.next_words(words, str(params["typed"]), int(params["limit"]))
        return [word.model_dump(mode="json") for word in found]

    def _checked(self, text: str, context: CommandContext, *, identify: bool) -> CheckedCommand:
        checked = self._checker.check(text, self._placed(context, identify=identify))
        if checked.profile is not None and checked.profile != context.profile:
            # The command names another profile, and with it another account.
            context = context.model_copy(update={"profile": checked.profile})
            checked = self._checker.check(text, self._placed(context, identify=identify))
        return checked

    def _placed(self, context: CommandContext, *, identify: bool) -> CommandContext:
        """Add the account that the context's profile acts in, as far as it is known."""
        account = self._account_of(str(context.profile), identify=identify)
        if account is None:
            return context
        return context.model_copy(
            update={"account_id": account.account_id, "account_alias": account.alias}
        )

    def _account_of(self, profile: str, *, identify: bool) -> AccountRecord | None:
        """Return a profile's account, from the store or, when asked to, from AWS itself."""
        if identify:
            identity = self._sessions.identity(profile)
            return AccountRecord(account_id=identity.account_id, alias=identity.alias)
        accounts = self._storage.estate.accounts()
        return next((account for account in accounts if profile in account.profiles), None)
