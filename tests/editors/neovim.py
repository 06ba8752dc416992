"""A real Neovim in a terminal, with a look into its buffers beside it."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

from tests.editors.terminal import SECONDS, Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PATIENCE = 5.0
"""Seconds for one answer of an editor that is not waiting for a key."""


class Neovim(Terminal):
    """Neovim with an ``init.lua``; what it has on disk stays in ``directory``."""

    def __init__(
        self,
        program: Path,
        directory: Path,
        init: str,
        file: Path,
        environment: Mapping[str, str],
    ) -> None:
        config = directory / "config" / "nvim"
        config.mkdir(parents=True)
        (config / "init.lua").write_text(init)
        self._program = str(program)
        self._server = str(directory / "nvim.sock")
        command = [str(program), "--listen", self._server, "-i", "NONE", str(file)]
        super().__init__(directory, command, environment)
        deadline = time.monotonic() + SECONDS
        while self._evaluate("1").returncode:
            assert time.monotonic() < deadline, self.screen()
            time.sleep(0.05)

    def lua(self, expression: str, *arguments: object) -> Any:
        """Evaluate a Lua expression; ``_A[1]`` and so on are the arguments."""
        given = json.dumps(arguments).replace("'", "''")
        code = f"vim.json.encode((function(_A) return {expression} end)(_A) or vim.NIL)"
        quoted = code.replace("'", "''")
        done = self._evaluate(f"luaeval('{quoted}', json_decode('{given}'))")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def _evaluate(self, expression: str) -> subprocess.CompletedProcess[str]:
        """Ask Neovim beside its terminal; at "Press ENTER" it answers nobody until that is done."""
        command = [self._program, "--headless", "--clean", "--server", self._server]
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                return subprocess.run(
                    [*command, "--remote-expr", expression],
                    env=self._environment,
                    capture_output=True,
                    text=True,
                    timeout=_PATIENCE,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                assert time.monotonic() < deadline, f"no answer\n{self.screen()}"
                if "Press ENTER" in self.screen():
                    self.keys("Enter")

    def text(self) -> str:
        """Return the text of the current buffer."""
        return "\n".join(self.lua("vim.api.nvim_buf_get_lines(0, 0, -1, false)")) + "\n"

    def ex(self, command: str) -> None:
        """Give an Ex command, by typing it."""
        self.type(f":{command}")
        self.keys("Enter")

    def until_lua(self, expression: str, *arguments: object, seconds: float = SECONDS) -> Any:
        """Wait until a Lua expression is true; return it."""
        deadline = time.monotonic() + seconds
        while not (found := self.lua(expression, *arguments)):
            assert time.monotonic() < deadline, f"never: {expression}\n{self.screen()}"
            time.sleep(0.05)
        return found

    def until_text(self, wanted: str) -> str:
        """Wait until the buffer holds ``wanted``; return its text."""
        lines = "table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')"
        self.until_lua(f"{lines}:find(_A[1], 1, true) ~= nil", wanted)
        return self.text()
