"""Run the AWS CLI as it was checked: with its own commands only.

This file is started as a script with the words after ``aws``. It does what ``python -m awscli``
does, but without the user's aliases and plugins: an alias may give a checked command another
meaning, or run a shell, and a plugin that is not in this environment would end every command.
"""

from __future__ import annotations

import sys


class NoAliases:
    """Stands in for the loader of ``~/.aws/cli/alias``."""

    def get_aliases(self) -> dict[str, str]:
        """Return no alias."""
        return {}


def main() -> int:
    """Run the command and return its exit status."""
    import awscli
    import botocore.session
    from awscli.clidriver import CLIDriver
    from awscli.plugin import load_plugins

    session = botocore.session.Session(awscli.EnvironmentVariables)
    session.user_agent_name = "aws-cli"
    session.user_agent_version = awscli.__version__
    session.user_agent_extra = f"botocore/{botocore.__version__} md/cloudops-ls"
    load_plugins({}, event_hooks=session.get_component("event_emitter"))
    driver = CLIDriver(session=session)
    driver.alias_loader = NoAliases()
    return int(driver.main() or 0)


if __name__ == "__main__":
    sys.exit(main())
