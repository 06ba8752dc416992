"""A stand-in AWS on loopback (moto in server mode) and profile files that reach it."""

from __future__ import annotations

import http.client
import logging
from typing import TYPE_CHECKING, Any

import botocore.loaders
import botocore.session
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "123456789012"
SECOND = "210987654321"
OREGON, IRELAND = "us-west-2", "eu-west-1"
LOADER = botocore.loaders.Loader()
SECRET = "wJalrXUtnFEMI-planted-secret"


class StandIn:
    """One moto server; `reset` empties it."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self.host, self.port = self._server.get_host_and_port()
        self.endpoint = f"http://{self.host}:{self.port}"

    def reset(self) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        connection.request("POST", "/moto-api/reset")
        assert connection.getresponse().status == 200
        connection.close()

    def stop(self) -> None:
        self._server.stop()

    def client(self, profile: str, service: str, region: str) -> Any:
        """A plain SDK client, to set the stage and to compare with."""
        session = botocore.session.Session(profile=profile)
        session.register_component("data_loader", LOADER)
        return session.create_client(service, region_name=region, endpoint_url=self.endpoint)


def write_profiles(folder: Path, endpoint: str, extra: str = "", main: str = "") -> None:
    """Two accounts: `main` with keys, `second` through a role, `twin` again the first."""
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(
        f"[profile main]\nregion = us-west-2\nendpoint_url = {endpoint}\n{main}\n"
        f"[profile twin]\nregion = eu-west-1\nendpoint_url = {endpoint}\n"
        f"[profile second]\nregion = eu-west-1\nendpoint_url = {endpoint}\n"
        f"role_arn = arn:aws:iam::{SECOND}:role/operator\nsource_profile = main\n{extra}"
    )
    (folder / "credentials").write_text(
        "".join(
            f"[{name}]\naws_access_key_id = AKIAMAIN\naws_secret_access_key = {SECRET}\n"
            for name in ("main", "twin")
        )
    )
