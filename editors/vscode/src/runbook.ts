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

interface Template extends vscode.QuickPickItem {
  /** A snippet: `$1` is where the first sentence goes. */
  text: string;
}

function templates(): Template[] {
  return [
    {
      label: vscode.l10n.t("Empty"),
      description: vscode.l10n.t("a title and a first sentence"),
      text: "# ${1:Title}\n\n$0\n",
    },
    {
      label: vscode.l10n.t("Maintenance window"),
      description: vscode.l10n.t("before, during, afterwards, and the way back"),
      text: vscode.l10n.t(
        "# ${1:Maintenance window}\n\nWindow: ${2:Friday 22:00 to 23:00 UTC}. Owner: ${3:name}.\n\n## Before\n\n$0\n\n## During\n\n\n\n## Afterwards\n\n\n\n## The way back\n\n",
      ),
    },
    {
      label: vscode.l10n.t("Incident"),
      description: vscode.l10n.t("what is happening, what was done, what was learned"),
      text: vscode.l10n.t(
        "# ${1:Incident}\n\nBegan: ${2:time}. Leads: ${3:name}. Affected: ${4:whom}.\n\n## What is happening\n\n$0\n\n## What was done\n\n\n\n## What was learned\n\n",
      ),
    },
    {
      label: vscode.l10n.t("Inspection"),
      description: vscode.l10n.t("questions that change nothing"),
      text: vscode.l10n.t(
        "# ${1:Inspection}\n\nWhich databases are stopped?\n\nWhat changed since yesterday?\n\n$0\n",
      ),
    },
  ];
}

/** Opens a new, unsaved runbook from a template. */
export async function newRunbook(): Promise<void> {
  const title = vscode.l10n.t("New Runbook");
  const chosen = await vscode.window.showQuickPick(templates(), { title });
  if (chosen === undefined) {
    return;
  }
  const document = await vscode.workspace.openTextDocument(unsaved());
  const editor = await vscode.window.showTextDocument(document);
  await editor.insertSnippet(new vscode.SnippetString(chosen.text));
}

/** Names a runbook that is not there yet, in the first folder where there is one. */
export function unsaved(): vscode.Uri {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const taken = new Set(vscode.workspace.textDocuments.map((document) => document.uri.path));
  for (let number = 1; ; number += 1) {
    const day = new Date().toISOString().slice(0, 10);
    const name = `runbook-${day}${number === 1 ? "" : `-${String(number)}`}${SUFFIX}`;
    const path = folder === undefined ? name : vscode.Uri.joinPath(folder, name).fsPath;
    const uri = vscode.Uri.file(path).with({ scheme: "untitled" });
    if (!taken.has(uri.path)) {
      return uri;
    }
  }
}

/** Opens the demo's runbook where there is a demo, else an unsaved copy of the sample. */
export async function openSample(
  context: vscode.ExtensionContext,
  demo: { open: () => Promise<boolean> },
): Promise<void> {
  if (await demo.open()) {
    return;
  }
  const sample = vscode.Uri.joinPath(context.extensionUri, "media", "sample.cloudops.md");
  const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(sample));
  const document = await vscode.workspace.openTextDocument(unsaved());
  const editor = await vscode.window.showTextDocument(document);
  await editor.edit((edit) => {
    edit.insert(new vscode.Position(0, 0), text);
  });
}
