from __future__ import annotations

import os
import signal

from hypothesis import settings

# On CI the same examples every time, so that a red run can be repeated; everywhere else
# hypothesis goes on looking for new ones.
settings.register_profile("ci", derandomize=True, print_blob=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# A suite that a script started in the background ignores Ctrl-C, and so would every program that
# is tested here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
