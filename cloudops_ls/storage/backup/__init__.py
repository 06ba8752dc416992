"""Backups: encrypted, incremental, verified; the format is docs/storage.md, "Backups"."""
