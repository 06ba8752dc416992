"""VS Code: the real workbench and extension host (code-server), in Debian's Chromium."""
