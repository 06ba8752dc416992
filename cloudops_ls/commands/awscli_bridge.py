"""The AWS CLI's parser, loaded so that it can do nothing but parse.

Importing this module costs about half a second, so ``parser.py`` does it on first use, by way of
``command_tree.py``.

The ``awscli`` package carries its own copies of botocore and s3transfer and, when imported first,
makes ``import botocore`` mean its copy for the whole process. So the ordinary ones are imported
before it here. The *service models* come from the CLI's copy all the same: those are what the
command will meet when it runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import botocore.loaders
import botocore.session
import botocore.validate
import s3transfer  # type: ignore[import-untyped] # noqa: F401  (before awscli, see above)

if TYPE_CHECKING:
    import argparse

_data_path = os.environ.get("AWS_DATA_PATH")
import awscli  # noqa: E402

# awscli adds its folder to the variable for the whole process and every child; nobody asked.
if _data_path is None:
    os.environ.pop("AWS_DATA_PATH", None)
else:
    os.environ["AWS_DATA_PATH"] = _data_path

from awscli.argparser import ArgTableArgParser, CommandAction, MainArgParser, ServiceArgParser  # noqa: E402
from awscli.argprocess import unpack_argument  # noqa: E402
from awscli.clidriver import (  # noqa: E402
    CLIDriver,
    CLIOperationCaller,
    ServiceCommand,
    ServiceOperation,
)
from awscli.customizations.commands import BasicCommand  # noqa: E402
from awscli.customizations.waiters import WaitCommand, WaiterStateCommand  # noqa: E402
from awscli.paramfile import PARAMFILE_DISABLED  # noqa: E402
from awscli.plugin import load_plugins  # noqa: E402

from cloudops_ls.commands.references import (  # noqa: E402
    FILE_PREFIXES,
    URL_PREFIXES,
    FileValue,
)
from cloudops_ls.commands.refusals import (  # noqa: E402
    InvalidChoiceError,
    OfflineError,
    ParserError,
)

__all__ = [
    "BasicCommand",
    "OfflineSession",
    "OperationArguments",
    "ParamValidator",
    "ServiceCommand",
    "ServiceParser",
    "TopLevelParser",
    "WaitCommand",
    "WaiterStateCommand",
    "cli_loader",
    "create_driver",
    "create_session",
    "is_api_call",
    "unpack_argument",
]

ParamValidator = botocore.validate.ParamValidator


def cli_loader() -> Any:
    """Return a loader of the service models that the installed CLI runs with."""
    package = Path(awscli.__file__).parent
    bundled = package / "botocore" / "data"
    own_models = Path(botocore.loaders.Loader.CUSTOMER_DATA_PATH)
    if not bundled.is_dir():  # before 1.44 the CLI used the ordinary botocore
        return botocore.loaders.Loader(extra_search_paths=[str(package / "data")])
    return botocore.loaders.Loader(
        extra_search_paths=[str(path) for path in (package / "data", own_models, bundled)],
        include_default_search_paths=False,
    )


class OfflineSession(botocore.session.Session):  # type: ignore[misc]
    """A botocore session that has models and events, and nothing that leaves the process.

    It sees no configuration file and no environment variable, and it makes no clients.
    """

    def __init__(self, loader: Any) -> None:
        super().__init__(include_builtin_handlers=False)
        self.register_component("data_loader", loader)

    @property
    def full_config(self) -> dict[str, Any]:
        """No configuration: what a command means must not depend on a file."""
        return {"profiles": {}}

    @property
    def profile(self) -> None:
        """No profile, whatever ``AWS_PROFILE`` says."""
        return

    def get_scoped_config(self) -> dict[str, Any]:
        """Return the configuration of no profile."""
        return {}

    def get_config_variable(self, logical_name: str, methods: Any = None) -> Any:
        """Return the built-in default of a variable."""
        if logical_name == "api_versions":
            return {}
        return None

    def create_client(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a client would need credentials and a network."""
        raise OfflineError


def create_session(loader: Any) -> OfflineSession:
    """Return a session with the CLI's customizations, but without plugins and aliases.

    The CLI lives for one command, and its handlers count on that: reading one operation registers
    handlers that break or change the next. So each operation gets a session of its own.
    """
    session = OfflineSession(loader)
    events = session.get_component("event_emitter")
    load_plugins({}, event_hooks=events)
    events.register("load-cli-arg", _mark_file_value)
    return session


def create_driver(loader: Any) -> Any:
    """Return the CLI's driver: the table of its commands and of its global options."""
    return CLIDriver(session=create_session(loader))


def is_api_call(command: Any) -> bool:
    """Whether a command makes exactly the API call it is named after."""
    return type(command) is ServiceOperation and type(command._operation_caller) is (
        CLIOperationCaller
    )


def _mark_file_value(event_name: str, param: Any, value: Any, **_: object) -> FileValue | None:
    """Stand in for the CLI's handler that loads ``file://`` and ``http://`` values."""
    name = event_name.partition(".")[2]
    if name in PARAMFILE_DISABLED or getattr(param, "no_paramfile", None):
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value.startswith(FILE_PREFIXES + URL_PREFIXES):
        return FileValue(value)
    return None


class _Strict:
    """Raise where argparse prints and exits."""

    def error(self, message: str) -> NoReturn:
        raise ParserError(message)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise ParserError(message or "The command only prints a text")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print nothing: standard output may be the protocol's."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            name = "command" if isinstance(action, CommandAction) else _option(action)
            raise InvalidChoiceError(name, str(value), tuple(map(str, action.choices)))


def _option(action: argparse.Action) -> str:
    return action.option_strings[0] if action.option_strings else action.dest


class TopLevelParser(_Strict, MainArgParser):  # type: ignore[misc]
    """Global options and the service."""


class ServiceParser(_Strict, ServiceArgParser):  # type: ignore[misc]
    """The operation of a service."""


class OperationArguments(_Strict, ArgTableArgParser):  # type: ignore[misc]
    """The parameters of one operation or custom command.

    Missing parameters are reported together by :meth:`missing`, not by argparse.
    """

    def __init__(self, argument_table: Any, command_table: Any = None) -> None:
        super().__init__(argument_table, command_table)
        self._must_have = [action for action in self._actions if action.required]
        for action in self._must_have:
            action.required = False

    def missing(self, values: argparse.Namespace) -> list[str]:
        """Return the required parameters that have no value."""
        return [
            _option(action)
            for action in self._must_have
            if getattr(values, action.dest, None) is None
        ]

    @property
    def options(self) -> list[str]:
        """Every option it knows, such as ``--instance-ids``."""
        return [name for action in self._actions for name in action.option_strings]
