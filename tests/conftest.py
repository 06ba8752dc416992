from __future__ import annotations

import os

from hypothesis import settings

# On CI the same examples every time, so that a red run can be repeated; everywhere else
# hypothesis goes on looking for new ones.
settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
