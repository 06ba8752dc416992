"""The language server: thin handlers over the runbook, the estate, the assistant and commands."""
