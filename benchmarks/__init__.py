"""How fast CloudOps is, always beside a baseline that was measured in the same minute."""

import os

# Brute force on one processor, as the engine's search is: BLAS threads that wait for each other on
# a busy machine would flatter us.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
