import * as vscode from "vscode";
import type { Server } from "../server";
import { Tree, tooltip, when } from "./tree";

export interface Conversation {
  id: string;
  title: string;
  updatedAt: string;
  labels: string[];
  file: string | null;
}

const FORMATS = { Markdown: "markdown", HTML: "html", JSON: "json" } as const;
const ENDINGS = { markdown: "md", html: "html", json: "json" } as const;

/** Past threads: searched, opened, named, labelled, exported, deleted. */
export class Conversations extends Tree<Conversation> {
  private wanted = "";
  view: vscode.TreeView<Conversation> | undefined;

  constructor(private readonly server: Server) {
    super();
  }

  async getChildren(row?: Conversation): Promise<Conversation[]> {
    if (row !== undefined) {
      return [];
    }
    const query = { query: this.wanted };
    const found = await this.server.query<Conversation[]>("cloudops.conversations", query);
    return Array.isArray(found) ? found : [];
  }

  getTreeItem(row: Conversation): vscode.TreeItem {
    const item = new vscode.TreeItem(row.title === "" ? row.id : row.title);
    item.id = row.id;
    item.iconPath = new vscode.ThemeIcon("comment-discussion");
    item.description = [when(row.updatedAt), ...row.labels].join(" · ");
    item.tooltip = tooltip(row.title, when(row.updatedAt), row.labels.join(", "), row.file);
    item.accessibilityInformation = {
      label: vscode.l10n.t("Conversation {0}, {1}", item.label as string, item.description),
    };
    item.contextValue = row.file === null ? "conversation" : "conversationWithFile";
    item.command = {
      command: "cloudops-ui.openConversation",
      title: vscode.l10n.t("Open"),
      arguments: [row],
    };
    return item;
  }

  async search(): Promise<void> {
    const query = await vscode.window.showInputBox({
      title: vscode.l10n.t("Search Conversations"),
      prompt: vscode.l10n.t("Words that were said in them; empty for all."),
      value: this.wanted,
    });
    if (query === undefined) {
      return;
    }
    this.wanted = query;
    if (this.view !== undefined) {
      this.view.message = query === "" ? "" : vscode.l10n.t("Found for: {0}", query);
    }
    this.refresh();
  }

  /** Opens the runbook, or where it is gone, what was said. */
  async open(row: Conversation): Promise<void> {
    if (row.file !== null) {
      try {
        await vscode.window.showTextDocument(vscode.Uri.parse(row.file, true));
        return;
      } catch {
        void vscode.window.showInformationMessage(
          vscode.l10n.t("The runbook is gone; this is what was said in it."),
        );
      }
    }
    const told = await this.transcript(row, "markdown");
    if (told !== undefined) {
      const document = await vscode.workspace.openTextDocument({
        language: "markdown",
        content: told,
      });
      await vscode.window.showTextDocument(document);
    }
  }

  async rename(row: Conversation): Promise<void> {
    const title = await vscode.window.showInputBox({
      title: vscode.l10n.t("Rename Conversation"),
      value: row.title,
      validateInput: (value) =>
        value.trim() === "" ? vscode.l10n.t("A title is not empty.") : undefined,
    });
    if (title !== undefined) {
      await this.server.execute("cloudops.renameConversation", { id: row.id, title });
      this.refresh();
    }
  }

  async label(row: Conversation): Promise<void> {
    const given = await vscode.window.showInputBox({
      title: vscode.l10n.t("Labels"),
      prompt: vscode.l10n.t("Separated by commas."),
      value: row.labels.join(", "),
    });
    if (given !== undefined) {
      const labels = given.split(",").filter((label) => label.trim() !== "");
      await this.server.execute("cloudops.labelConversation", { id: row.id, labels });
      this.refresh();
    }
  }

  async export(row: Conversation): Promise<void> {
    const title = vscode.l10n.t("Export Conversation");
    const picked = await vscode.window.showQuickPick(Object.keys(FORMATS), { title });
    const format = FORMATS[picked as keyof typeof FORMATS] as
      (typeof FORMATS)[keyof typeof FORMATS] | undefined;
    const target =
      format === undefined
        ? undefined
        : await vscode.window.showSaveDialog({
            title,
            defaultUri: suggested(row, ENDINGS[format]),
            filters: { [picked ?? ""]: [ENDINGS[format]] },
          });
    if (format === undefined || target === undefined) {
      return;
    }
    const told = await this.transcript(row, format);
    if (told !== undefined) {
      await vscode.workspace.fs.writeFile(target, new TextEncoder().encode(told));
    }
  }

  async delete(rows: Conversation[]): Promise<void> {
    for (const { id } of rows) {
      // The server asks, for each.
      const done = await this.server.execute<{ status?: string }>("cloudops.deleteConversation", {
        id,
      });
      if (done?.status !== "deleted") {
        break;
      }
    }
    this.refresh();
  }

  private async transcript(row: Conversation, format: string): Promise<string | undefined> {
    const argument = { id: row.id, format };
    const told = await this.server.execute<{ text?: string }>(
      "cloudops.exportConversation",
      argument,
    );
    return told?.text;
  }
}

/** A name for a transcript, from the words of its title, in the first folder of the window. */
function suggested({ id, title }: Conversation, ending: string): vscode.Uri {
  const words = title.match(/[\p{L}\p{N}]+/gu)?.slice(0, 6) ?? [id];
  const name = `${words.join("-")}.${ending}`;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  return folder === undefined ? vscode.Uri.file(name) : vscode.Uri.joinPath(folder, name);
}
