from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_example_in_the_documentation_runs(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (DOCS / "storage.md").read_text("utf-8"), re.DOTALL)
    assert example is not None
    # Without anything of editors, whatever is installed.
    code = example[1] + "import sys\nassert not {'pygls', 'lsprotocol'} & set(sys.modules)\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "key ok Wrapped by: passphrase."
