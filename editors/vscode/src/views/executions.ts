import * as vscode from "vscode";
import type { Server } from "../server";
import { Tree, tooltip, when } from "./tree";

type Status = "pending" | "running" | "success" | "failed" | "cancelled" | "unknown";

export interface Execution {
  id: string;
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

/** What was run, newest first; the output of one opens beside the runbook. */
export class Executions extends Tree<Execution> implements vscode.TextDocumentContentProvider {
  static readonly scheme = "cloudops-output";
  private readonly written = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.written.event;
  private running = 0;
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
    this.running = rows.filter((one) => one.status === "running").length;
    if (this.view !== undefined) {
      this.view.badge =
        this.running === 0
          ? undefined
          : { value: this.running, tooltip: vscode.l10n.t("{0} running", this.running) };
    }
    for (const document of vscode.workspace.textDocuments) {
      if (document.uri.scheme === Executions.scheme) {
        this.written.fire(document.uri);
      }
    }
    return rows;
  }

  getTreeItem(row: Execution): vscode.TreeItem {
    const item = new vscode.TreeItem(row.command.replace(/^aws /, ""));
    item.id = row.id;
    item.iconPath = ICONS[row.status];
    item.description = when(row.started_at);
    item.tooltip = tooltip(
      row.command,
      row.status,
      row.error,
      [row.profile, row.account_id, row.region].filter(Boolean).join(" · "),
      when(row.started_at),
    );
    item.contextValue = row.status === "running" ? "running" : "ended";
    item.accessibilityInformation = { label: `${row.status}: ${row.command}` };
    item.command = {
      command: "cloudops-ui.showOutput",
      title: vscode.l10n.t("Show Output"),
      arguments: [row],
    };
    return item;
  }

  async show(row: Execution): Promise<void> {
    const uri = vscode.Uri.from({ scheme: Executions.scheme, path: `/${row.id}.txt` });
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, {
      preview: true,
      viewColumn: vscode.ViewColumn.Beside,
      preserveFocus: true,
    });
  }

  async cancel(row: Execution): Promise<void> {
    await this.server.execute("cloudops.cancelExecution", { executionId: row.id });
    this.refresh();
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const executionId = /^\/(\w+)\.txt$/.exec(uri.path)?.[1] ?? "";
    const found = await this.server.query<Execution[]>("cloudops.executionLogs", { executionId });
    const one = Array.isArray(found) ? found[0] : undefined;
    if (one === undefined) {
      return "";
    }
    const head = [`$ ${one.command}`, `${one.status}${one.error === null ? "" : `: ${one.error}`}`];
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
