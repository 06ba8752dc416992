import * as vscode from "vscode";

export const SUFFIX = ".cloudops.md";

export function isRunbook(document: vscode.TextDocument | undefined): boolean {
  return document?.uri.path.endsWith(SUFFIX) === true;
}

/** The runbook in the active editor; says what to do where there is none. */
export function activeRunbook(): vscode.TextEditor | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || !isRunbook(editor.document)) {
    void vscode.window.showInformationMessage(
      vscode.l10n.t("CloudOps: open a runbook (*.cloudops.md) first."),
    );
    return undefined;
  }
  return editor;
}

/** Where the cursor is, as the server's commands take it. */
export function placeOf(editor: vscode.TextEditor): object {
  const { line, character } = editor.selection.active;
  return { uri: editor.document.uri.toString(), position: { line, character } };
}

const TEMPLATES = {
  [vscode.l10n.t("Empty")]: "# \n\n",
  [vscode.l10n.t("Maintenance window")]:
    "# Maintenance window\n\n## Before\n\n\n\n## During\n\n\n\n## Afterwards\n\n",
  [vscode.l10n.t("Incident")]:
    "# Incident\n\n## What is happening\n\n\n\n## What was done\n\n\n\n## What we learned\n\n",
};

/** Opens a new, unsaved runbook from a template. */
export async function newRunbook(): Promise<void> {
  const title = vscode.l10n.t("New Runbook");
  const chosen = await vscode.window.showQuickPick(Object.keys(TEMPLATES), { title });
  if (chosen === undefined) {
    return;
  }
  const name = `runbook-${new Date().toISOString().slice(0, 10)}${SUFFIX}`;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const path = folder === undefined ? name : vscode.Uri.joinPath(folder, name).fsPath;
  const document = await vscode.workspace.openTextDocument(
    vscode.Uri.file(path).with({ scheme: "untitled" }),
  );
  const editor = await vscode.window.showTextDocument(document);
  await editor.insertSnippet(new vscode.SnippetString(TEMPLATES[chosen] ?? ""));
}
