"""The generated stand-in as tests hold it, and profiles that lead to its accounts."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import urllib.parse
from typing import TYPE_CHECKING, Any, Self

from tests.estate.generated.stock import ACCOUNTS, Seen

if TYPE_CHECKING:
    from pathlib import Path

PROFILES = ("one", "two", "three")


class GeneratedCloud:
    """One process with an estate; use as a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.estate.generated.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.endpoint = json.loads(self._process.stdout.readline())["endpoint"]
        self.keys: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def fill(self, total: int, accounts: tuple[str, ...] = ACCOUNTS) -> None:
        self.keys = self._tell("fill", total=total, accounts=list(accounts))

    def change(self, share: float, seed: int) -> None:
        self._tell("change", share=share, seed=seed)

    def inventory(self) -> dict[str, dict[str, Seen]]:
        found = self._tell("inventory")
        return {
            kind: {arn: Seen(*seen) for arn, seen in resources.items()}
            for kind, resources in found.items()
        }

    def weather(self, **changes: Any) -> dict[str, int]:
        """Change what goes wrong; return how many calls came, and were refused, before that."""
        before: dict[str, int] = self._tell("weather", **changes)
        return before

    def write_profiles(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        config, credentials = self.profiles()
        (folder / "config").write_text(config)
        (folder / "credentials").write_text(credentials)

    def profiles(self) -> tuple[str, str]:
        """Texts of the two files with a profile for each account that is here."""
        config, credentials = [], []
        for name, account in zip(PROFILES, ACCOUNTS, strict=True):
            if account not in self.keys:
                continue
            key, secret = self.keys[account]
            config.append(f"[profile {name}]\nregion = us-east-1\nendpoint_url = {self.endpoint}\n")
            credentials.append(
                f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
            )
        return "".join(config), "".join(credentials)

    def _tell(self, what: str, **told: Any) -> Any:
        place = urllib.parse.urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=300)
        connection.request("POST", f"/stock/{what}", json.dumps(told))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read().decode()
        return json.loads(answer.read())
