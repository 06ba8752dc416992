import * as vscode from "vscode";

const SCHEME = "cloudops-preview";
const KEPT = 20;

/** The server's `cloudops/requestPreview`. */
export interface ShownRequest {
  uri: string;
  languageId: string;
  text: string;
}

/** What asking would send, as documents that are nowhere on disk. */
export class RequestPreviews implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private readonly written = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.written.event;
  private readonly registered = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);

  dispose(): void {
    this.registered.dispose();
    this.written.dispose();
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? "";
  }

  /** Shows a request beside the runbook, which keeps the focus. */
  async show({ uri, languageId, text }: ShownRequest): Promise<void> {
    const place = vscode.Uri.parse(uri);
    this.texts.delete(place.toString());
    this.texts.set(place.toString(), text);
    for (const oldest of [...this.texts.keys()].slice(0, -KEPT)) {
      this.texts.delete(oldest);
    }
    this.written.fire(place);
    const document = await vscode.workspace.openTextDocument(place);
    await vscode.languages.setTextDocumentLanguage(document, languageId);
    await vscode.window.showTextDocument(document, {
      preview: true,
      viewColumn: vscode.ViewColumn.Beside,
      preserveFocus: true,
    });
  }
}
