"""Journeys through the real editors; ``make test-editors`` installs them and runs these."""
