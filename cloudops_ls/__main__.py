"""``cloudops-ls`` and ``python -m cloudops_ls``: the language server, unless told otherwise."""

from __future__ import annotations

import os
import sys

COMPLETION = "_CLOUDOPS_LS_COMPLETE"
"""Set by the shell when it asks the CLI to complete a line; then there are no arguments."""


def main() -> None:
    """Run the command line; without arguments, serve LSP over stdin and stdout."""
    arguments = sys.argv[1:]
    # Editors start the server like this and wait for it, so the CLI is not even imported.
    if arguments in ([], ["--stdio"]) and COMPLETION not in os.environ:
        from cloudops_ls.composition import serve_stdio

        serve_stdio()
    elif arguments[:1] == ["worker"]:
        from cloudops_ls.composition import serve_worker

        serve_worker(arguments[1:])
    else:
        from cloudops_ls.cli.app import run

        run()


if __name__ == "__main__":
    main()
