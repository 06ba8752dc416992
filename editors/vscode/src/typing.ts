import * as vscode from "vscode";
import type { FeatureState, ServerCapabilities, StaticFeature } from "vscode-languageclient/node";

const LETTERS = Array.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

/**
 * Suggestions while typing in runbooks alone.
 *
 * VS Code has them off for Markdown, and switching them on would do so for every Markdown file
 * and bring its own words of the text along. Letters that trigger this server's completion do
 * neither: they ask nobody else.
 */
export class SuggestWhileTyping implements StaticFeature {
  preInitialize(capabilities: ServerCapabilities): void {
    const wanted = vscode.workspace
      .getConfiguration("cloudops")
      .get<boolean>("suggest.whileTyping", true);
    const completion = capabilities.completionProvider;
    if (wanted && completion !== undefined) {
      completion.triggerCharacters = [...(completion.triggerCharacters ?? []), ...LETTERS];
    }
  }

  fillClientCapabilities(): void {
    // Nothing of it is the server's business.
  }

  initialize(): void {
    // All is done before.
  }

  getState(): FeatureState {
    return { kind: "static" };
  }

  clear(): void {
    // Nothing is held.
  }
}
