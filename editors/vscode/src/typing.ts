import * as vscode from "vscode";
import {
  type CompletionMiddleware,
  CompletionRequest,
  type LanguageClient,
} from "vscode-languageclient/node";
import { isRunbook } from "./runbook";

const PAUSE = 80;
const TYPED = /^[\w-]$/;
const SHORTEST = 2;

/**
 * Suggestions while typing in runbooks alone.
 *
 * VS Code has them off for Markdown, and switching them on would do so for every Markdown file and
 * bring the words of the text along. So the server is asked after a key, and the list is opened
 * where it has something. Once open, VS Code asks by itself.
 */
export class SuggestWhileTyping implements vscode.Disposable {
  private due: NodeJS.Timeout | undefined;
  private client: LanguageClient | undefined;
  /** The last version of a document that VS Code itself asked about. */
  private asked = "";
  private readonly listening: vscode.Disposable;

  constructor() {
    this.listening = vscode.workspace.onDidChangeTextDocument((event) => {
      this.changed(event);
    });
  }

  dispose(): void {
    clearTimeout(this.due);
    this.listening.dispose();
  }

  connect(client: LanguageClient): void {
    this.client = client;
  }

  readonly middleware: CompletionMiddleware = {
    provideCompletionItem: (document, position, context, cancelled, next) => {
      this.asked = versionOf(document);
      return next(document, position, context, cancelled);
    },
  };

  private changed(event: vscode.TextDocumentChangeEvent): void {
    const { document, contentChanges, reason } = event;
    const isTyping =
      reason === undefined &&
      contentChanges.length === 1 &&
      TYPED.test(contentChanges[0]?.text ?? "");
    if (document !== vscode.window.activeTextEditor?.document || !isRunbook(document)) {
      return;
    }
    clearTimeout(this.due);
    const wanted = vscode.workspace
      .getConfiguration("cloudops")
      .get<boolean>("suggest.whileTyping", true);
    if (isTyping && wanted) {
      this.due = setTimeout(() => {
        void this.suggest(document, versionOf(document));
      }, PAUSE);
    }
  }

  private async suggest(document: vscode.TextDocument, version: string): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const client = this.client;
    const isAsked = (): boolean => this.asked === version || versionOf(document) !== version;
    if (editor?.document !== document || client?.isRunning() !== true || isAsked()) {
      return;
    }
    const { active, isEmpty } = editor.selection;
    const before = document.lineAt(active.line).text.slice(0, active.character);
    const word = /[\w.:/-]*$/.exec(before)?.[0] ?? "";
    if (!isEmpty || editor.selections.length > 1 || word.length < SHORTEST) {
      return;
    }
    const place = client.code2ProtocolConverter.asTextDocumentPositionParams(document, active);
    const found = await client.sendRequest(CompletionRequest.type, place);
    const items = Array.isArray(found) ? found : (found?.items ?? []);
    if (items.length > 0 && !isAsked() && vscode.window.activeTextEditor === editor) {
      // Automatic: nothing pops up to say that there is nothing.
      await vscode.commands.executeCommand("editor.action.triggerSuggest", { auto: true });
    }
  }
}

function versionOf(document: vscode.TextDocument): string {
  return `${document.uri.toString()} ${String(document.version)}`;
}
