"""The demo's estate for an editor: told as JSON, and gone with whoever asked for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import botocore.session
from botocore.config import Config

from cloudops_ls.demo.cloud import PRODUCTION, aws_free_environment


def test_an_editor_is_told_where_the_estate_is_and_nothing_is_left_when_it_goes(
    tmp_path: Path,
) -> None:
    # What is damaged in the user's own files is no matter here.
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[oops\n")
    with subprocess.Popen(
        [sys.executable, "-m", "cloudops_ls", "demo", "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=aws_free_environment(os.environ) | {"HOME": str(tmp_path)},
    ) as served:
        assert served.stdin is not None
        assert served.stdout is not None
        told = []
        for line in served.stdout:
            told.append(json.loads(line))
            if "progress" not in told[-1]:
                break
        assert len(told) > 1
        ready = told[-1]["ready"]
        root = Path(ready["environment"]["CLOUDOPS_HOME"]).parent
        assert Path(ready["runbook"]).read_text(encoding="utf-8").startswith("---")
        assert ready["settings"]["profile"] == PRODUCTION.profile
        session = botocore.session.Session(profile=PRODUCTION.profile)
        session.set_config_variable("config_file", ready["environment"]["AWS_CONFIG_FILE"])
        session.set_config_variable(
            "credentials_file", ready["environment"]["AWS_SHARED_CREDENTIALS_FILE"]
        )
        rds = session.create_client("rds", config=Config(proxies={}))
        names = [one["DBInstanceIdentifier"] for one in rds.describe_db_instances()["DBInstances"]]
        assert "pg-instance-main1" in names

        served.stdin.close()
        assert served.wait(30) == 0
    assert not root.exists()
