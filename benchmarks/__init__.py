"""How fast CloudOps is, always beside a baseline that was measured in the same minute."""
