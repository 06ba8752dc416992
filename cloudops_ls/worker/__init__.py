"""The one background process of a home, shared by every editor window and the CLI."""
