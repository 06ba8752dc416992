import * as vscode from "vscode";
import type { Server } from "../server";
import { placeOf, unsaved } from "../runbook";
import { lineOfCommand } from "../runbookText";
import { Tree, tooltip, when } from "./tree";

type Status = "pending" | "running" | "success" | "failed" | "cancelled" | "unknown";

export interface Execution {
  id: string;
  conversation_id: string | null;
  command: string;
  status: Status;
  error: string | null;
  exit_status: number | null;
  account_id: string | null;
  region: string | null;
  profile: string | null;
  started_at: string | null;
  completed_at: string | null;
  output: string;
  metadata: { reveals_secret?: boolean };
}

const ICONS: Record<Status, vscode.ThemeIcon> = {
  pending: new vscode.ThemeIcon("clock"),
  running: new vscode.ThemeIcon("sync~spin"),
  success: new vscode.ThemeIcon("pass", new vscode.ThemeColor("testing.iconPassed")),
  failed: new vscode.ThemeIcon("error", new vscode.ThemeColor("testing.iconFailed")),
  cancelled: new vscode.ThemeIcon("circle-slash"),
  unknown: new vscode.ThemeIcon("question", new vscode.ThemeColor("list.warningForeground")),
};

/** Milliseconds between two looks at what is running. */
const LIVE = 1500;
/** Looks at what was confirmed and is still not running: one that was lost is not waited for. */
const STARTING = 20;
/** Words of a command that name it: `aws rds stop-db-instance`. */
const NAMING = 3;

/** Says how an execution ended, or that it has not. */
export function statusOf(status: string): string {
  switch (status) {
    case "success":
      return vscode.l10n.t("Output");
    case "failed":
      return vscode.l10n.t("Failed");
    case "cancelled":
      return vscode.l10n.t("Cancelled");
    case "running":
      return vscode.l10n.t("Running");
    case "pending":
      return vscode.l10n.t("Not started");
    default:
      return vscode.l10n.t("Nobody saw how it ended");
  }
}

/** What was run, newest first; the output of one opens beside the runbook. */
export class Executions extends Tree<Execution> implements vscode.TextDocumentContentProvider {
  static readonly scheme = "cloudops-output";
  private readonly written = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.written.event;
  private running = 0;
  private known: Execution[] = [];
  private starting = { ids: "", looks: 0 };
  private due: NodeJS.Timeout | undefined;
  view: vscode.TreeView<Execution> | undefined;

  constructor(private readonly server: Server) {
    super();
  }

  async getChildren(row?: Execution): Promise<Execution[]> {
    if (row !== undefined) {
      return [];
    }
    const found = (await this.server.query<Execution[]>("cloudops.executionLogs", {})) ?? [];
    const rows = Array.isArray(found) ? found : [];
    clearTimeout(this.due);
    this.running = rows.filter((one) => one.status === "running").length;
    if (this.view !== undefined) {
      this.view.badge =
        this.running === 0
          ? undefined
          : { value: this.running, tooltip: vscode.l10n.t("{0} running", this.running) };
    }
    const shown = vscode.workspace.textDocuments.filter(
      ({ uri, isClosed }) => uri.scheme === Executions.scheme && !isClosed,
    );
    for (const document of shown) {
      this.written.fire(document.uri);
    }
    const isExecuting = this.running > 0;
    void vscode.commands.executeCommand("setContext", "cloudops.executing", isExecuting);
    this.known = rows;
    if (isExecuting || this.isStarting(rows)) {
      this.due = setTimeout(() => {
        this.refresh();
      }, LIVE);
    }
    return rows;
  }

  private isStarting(rows: Execution[]): boolean {
    const ids = rows
      .filter(({ status }) => status === "pending")
      .map(({ id }) => id)
      .join();
    const looks = ids === this.starting.ids ? this.starting.looks + 1 : 0;
    this.starting = { ids, looks };
    return ids !== "" && looks < STARTING;
  }

  getTreeItem(row: Execution): vscode.TreeItem {
    const item = new vscode.TreeItem(row.command.replace(/^aws /, "").replace(/\s*\\?\s+/g, " "));
    item.id = row.id;
    item.iconPath = ICONS[row.status];
    item.description = when(row.started_at);
    item.tooltip = tooltip(row.command, statusOf(row.status), row.error, circumstances(row));
    item.contextValue = ["pending", "running"].includes(row.status) ? row.status : "ended";
    item.accessibilityInformation = {
      label: `${statusOf(row.status)}: ${row.command}, ${when(row.started_at)}`,
    };
    item.command = {
      command: "cloudops-ui.showOutput",
      title: vscode.l10n.t("Show Output"),
      arguments: [row],
    };
    return item;
  }

  async show(row: Execution): Promise<void> {
    const words = row.command.split(/\s+/).slice(1, NAMING).join(" ");
    const path = `/${row.id}/${words.replaceAll("/", " ")}.txt`;
    const uri = vscode.Uri.from({ scheme: Executions.scheme, path });
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, {
      preview: true,
      viewColumn: vscode.ViewColumn.Beside,
      preserveFocus: true,
    });
  }

  /** Cancels what runs in this window; asks which where there are several. */
  async cancelRunning(): Promise<void> {
    const running = this.known.filter(({ status }) => status === "running");
    const items = running.map((row) => ({ label: row.command, row }));
    const title = vscode.l10n.t("Cancel What Is Running");
    const chosen =
      items.length > 1 ? await vscode.window.showQuickPick(items, { title }) : items[0];
    if (chosen !== undefined) {
      await this.cancel(chosen.row);
    }
  }

  async cancel(row: Execution): Promise<void> {
    await this.server.execute("cloudops.cancelExecution", { executionId: row.id });
    this.refresh();
  }

  /**
   * Runs a command again: where it stands in its runbook, else in a new one.
   *
   * It is asked about as any other command; nothing is run from this list itself.
   */
  async rerun(row: Execution): Promise<void> {
    const place = (await this.placeInRunbook(row)) ?? (await placeInNew(row));
    await this.server.execute("cloudops.executeCommand", place);
  }

  private async placeInRunbook(row: Execution): Promise<object | undefined> {
    const found = await this.server.query<{ id: string; file: string | null }[]>(
      "cloudops.conversations",
      { limit: 1000 },
    );
    const file = Array.isArray(found)
      ? found.find(({ id }) => id === row.conversation_id)?.file
      : undefined;
    if (typeof file !== "string") {
      return undefined;
    }
    try {
      const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(file, true));
      const line = lineOfCommand(document.getText(), row.id);
      if (line === undefined) {
        return undefined;
      }
      const editor = await vscode.window.showTextDocument(document);
      editor.selection = new vscode.Selection(line, 0, line, 0);
      editor.revealRange(editor.selection);
      return placeOf(editor);
    } catch (error) {
      this.server.output.debug(`The runbook is gone: ${String(error)}`);
      return undefined;
    }
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const executionId = /^\/(\w+)\//.exec(uri.path)?.[1] ?? "";
    const found = await this.server.query<Execution[]>("cloudops.executionLogs", { executionId });
    const one = Array.isArray(found) ? found[0] : undefined;
    if (one === undefined) {
      // The server is away: what is shown stays.
      const shown = vscode.workspace.textDocuments.find(
        (document) => document.uri.toString() === uri.toString(),
      );
      return shown?.getText() ?? "";
    }
    const head = [
      `$ ${one.command}`,
      circumstances(one),
      `${statusOf(one.status)}${one.error === null ? "" : `: ${one.error}`}`,
    ];
    const hidden = one.metadata.reveals_secret === true && one.output === "";
    const body = hidden
      ? vscode.l10n.t(
          "The output holds a secret. It is stored encrypted: cloudops-ls executions show {0} --reveal",
          one.id,
        )
      : one.output;
    return [...head, "", body].join("\n");
  }
}

function circumstances(row: Execution): string {
  return [row.profile, row.account_id, row.region, when(row.started_at)]
    .filter(Boolean)
    .join(" · ");
}

async function placeInNew(row: Execution): Promise<object> {
  const named = Object.entries({ profile: row.profile, region: row.region }).filter(
    ([, value]) => value !== null,
  );
  const matter = named.map(([key, value]) => `${key}: ${String(value)}\n`).join("");
  const head = matter === "" ? "" : `---\n${matter}---\n\n`;
  const document = await vscode.workspace.openTextDocument(unsaved());
  const editor = await vscode.window.showTextDocument(document);
  await editor.edit((edit) => {
    edit.insert(new vscode.Position(0, 0), `${head}\`\`\`aws\n${row.command}\n\`\`\`\n`);
  });
  const line = head.split("\n").length;
  editor.selection = new vscode.Selection(line, 0, line, 0);
  return placeOf(editor);
}
