"""A profile of IAM Identity Center beside the stand-in's profiles."""

from __future__ import annotations

from pathlib import Path

from cloudops_ls.demo.cloud import PRODUCTION


def corporate(environment: dict[str, str], endpoint: str, folder: Path) -> dict[str, str]:
    """Return an environment with the profile ``corp``, which nobody is signed in to."""
    config = Path(environment["AWS_CONFIG_FILE"]).read_text()
    own = next(line for line in config.splitlines() if line.startswith("endpoint_url"))
    home = folder / "home"
    home.mkdir()
    (home / "config").write_text(
        f"{config}\n[profile corp]\nsso_session = corp\nsso_account_id = {PRODUCTION.account_id}\n"
        f"sso_role_name = operator\nregion = us-west-2\n{own}\nservices = portal\n"
        f"[services portal]\nsso =\n  endpoint_url = {endpoint}\n"
        f"sso_oidc =\n  endpoint_url = {endpoint}\n"
        "[sso-session corp]\nsso_start_url = https://corp.example/\nsso_region = us-east-1\n"
    )
    return {
        **environment,
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / "config"),
    }


def cloud_keys(environment: dict[str, str]) -> dict[str, str]:
    """The stand-in's keys of the production account, as the portal would hand them out."""
    lines = Path(environment["AWS_SHARED_CREDENTIALS_FILE"]).read_text().splitlines()
    start = lines.index(f"[{PRODUCTION.profile}]")
    values = dict(line.split(" = ", 1) for line in lines[start + 1 : start + 3] if " = " in line)
    return {
        "accessKeyId": values["aws_access_key_id"],
        "secretAccessKey": values["aws_secret_access_key"],
        "sessionToken": "token",
    }
