"""Keeping a scanned estate true: when to ask AWS again, and about what."""
