"""Runbook text to turns, commands and mentions, and back to minimal edits. Pure."""
