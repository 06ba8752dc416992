import * as vscode from "vscode";
import { SUFFIX } from "./runbook";

interface Snippet {
  prefix: string;
  title: string;
  body: string;
  /** Whether it belongs to the top of the file. */
  top?: true;
}

function snippets(): Snippet[] {
  return [
    {
      prefix: "aws",
      title: vscode.l10n.t("A command that can be run"),
      body: "```aws\naws ${1:sts} ${2:get-caller-identity}$0\n```\n",
    },
    {
      prefix: "step",
      title: vscode.l10n.t("A step with what to ask and to check"),
      body: vscode.l10n.t("## ${1:Step}\n\n${2:What is to be done.}\n\n- [ ] ${3:Checked}\n$0"),
    },
    {
      prefix: "profile",
      title: vscode.l10n.t("The profile and region that this runbook works with"),
      body: "---\nprofile: ${1:default}\nregion: ${2:us-west-2}\n---\n$0",
      top: true,
    },
  ];
}

/** Snippets at the beginning of a line, in runbooks alone: a contributed file has no such filter. */
export function provideSnippets(): vscode.Disposable {
  return vscode.languages.registerCompletionItemProvider(
    { language: "markdown", pattern: `**/*${SUFFIX}` },
    {
      provideCompletionItems: (document, position) => {
        const before = document.lineAt(position.line).text.slice(0, position.character);
        if (!/^[a-z`]*$/.test(before)) {
          return [];
        }
        const range = new vscode.Range(position.with(undefined, 0), position);
        return snippets()
          .filter((snippet) => snippet.top !== true || position.line === 0)
          .map((snippet) => {
            const item = new vscode.CompletionItem(
              { label: snippet.prefix, description: snippet.title },
              vscode.CompletionItemKind.Snippet,
            );
            item.insertText = new vscode.SnippetString(snippet.body);
            item.filterText = before.startsWith("`")
              ? `${before}${snippet.prefix}`
              : snippet.prefix;
            item.range = range;
            item.documentation = new vscode.MarkdownString().appendCodeblock(
              snippet.body.replace(/\$\{\d+:([^}]*)\}|\$\d+/g, "$1"),
              "markdown",
            );
            return item;
          });
      },
    },
    "`",
  );
}
