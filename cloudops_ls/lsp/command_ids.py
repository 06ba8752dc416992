"""Ids of ``workspace/executeCommand`` (design: "From the seed to the editor")."""

from __future__ import annotations

SEND_PARAGRAPH = "cloudops.sendParagraph"
EXECUTE_COMMAND = "cloudops.executeCommand"
RUN_PLAN = "cloudops.runPlan"
UNDO_EXECUTION = "cloudops.undoExecution"
CANCEL_EXECUTION = "cloudops.cancelExecution"
EXECUTION_LOGS = "cloudops.executionLogs"
COPY_COMMAND = "cloudops.copyCommand"
SCAN_ESTATE = "cloudops.scanEstate"
SCAN_STATUS = "cloudops.scanStatus"
TRIGGER_SYNC = "cloudops.triggerSync"
SYNC_STATUS = "cloudops.syncStatus"
SEARCH_RESOURCES = "cloudops.searchResources"
RESOURCE_DETAILS = "cloudops.resourceDetails"
