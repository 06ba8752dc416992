import * as vscode from "vscode";
import type { Server } from "../server";
import { Tree, tooltip } from "./tree";

interface Scope {
  account_id: string;
  region: string;
  resource_type: string;
  count: number;
}

interface Known {
  accounts: { account_id: string; alias: string | null }[];
  scopes: Scope[];
}

export interface Resource {
  arn: string;
  name: string;
  identifier: string;
  resource_type: string;
  region: string;
  account_id: string;
  state: string | null;
}

interface Branch {
  label: string;
  icon: string;
  scopes: Scope[];
  level: "account" | "region" | "type";
}

export type Row = Branch | Resource;

const LIMIT = 100;
const STATES: [RegExp, string, string][] = [
  [
    /^(available|running|active|in-use|ok|issued|enabled|deployed)$/i,
    "circle-filled",
    "testing.iconPassed",
  ],
  [/^(stopped|stopping|inactive|disabled|paused)$/i, "circle-outline", "disabledForeground"],
  [/(fail|error|alarm|unavailable|incompatible)/i, "error", "testing.iconFailed"],
];

/** The estate by account, region and type, or what a search finds. */
export class Resources extends Tree<Row> {
  private wanted = "";
  private known: Known | undefined;
  view: vscode.TreeView<Row> | undefined;

  constructor(private readonly server: Server) {
    super();
  }

  async getChildren(row?: Row): Promise<Row[]> {
    if (row === undefined) {
      return this.wanted === "" ? await this.accounts() : await this.found(this.wanted);
    }
    if (!("level" in row)) {
      return [];
    }
    switch (row.level) {
      case "account":
        return split(row.scopes, "region", "globe", "region");
      case "region":
        return split(row.scopes, "resource_type", "symbol-class", "type");
      case "type":
        return await this.ofType(row);
    }
  }

  getTreeItem(row: Row): vscode.TreeItem {
    if ("level" in row) {
      const item = new vscode.TreeItem(row.label, vscode.TreeItemCollapsibleState.Collapsed);
      item.iconPath = new vscode.ThemeIcon(row.icon);
      item.description = total(row.scopes).toLocaleString();
      item.contextValue = row.level;
      return item;
    }
    const item = new vscode.TreeItem(row.name);
    item.id = row.arn;
    item.description = row.state ?? "";
    item.iconPath = icon(row.state);
    item.tooltip = tooltip(row.name, row.resource_type, row.state, row.region, row.arn);
    item.contextValue = "resource";
    item.accessibilityInformation = { label: `${row.name}, ${row.state ?? row.resource_type}` };
    return item;
  }

  async search(): Promise<void> {
    const query = await vscode.window.showInputBox({
      title: vscode.l10n.t("Search Resources"),
      prompt: vscode.l10n.t("Words, and filters such as type:rds state:stopped; empty for all."),
      value: this.wanted,
    });
    if (query === undefined) {
      return;
    }
    this.wanted = query.trim();
    if (this.view !== undefined) {
      this.view.message = query === "" ? "" : vscode.l10n.t("Found for: {0}", query);
    }
    this.refresh();
  }

  /** Inserts an exact link to the resource at the cursor. */
  async mention(row: Resource): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    await editor?.edit((edit) => {
      edit.replace(editor.selection, `[${row.name.replace(/[[\]\\]/g, "\\$&")}](${row.arn})`);
    });
  }

  async details(row: Resource): Promise<void> {
    const told = await this.server.execute<{ card?: string }>("cloudops.resourceDetails", {
      arn: row.arn,
    });
    if (told?.card !== undefined) {
      const content = { language: "markdown", content: told.card };
      const document = await vscode.workspace.openTextDocument(content);
      await vscode.commands.executeCommand("markdown.showPreviewToSide", document.uri);
    }
  }

  private async accounts(): Promise<Row[]> {
    this.known = await this.server.query<Known>("cloudops.scanStatus");
    const accounts = Array.isArray(this.known?.accounts) ? this.known.accounts : [];
    const scopes = (this.known?.scopes ?? []).filter((scope) => scope.count > 0);
    return accounts
      .map(({ account_id, alias }) => ({
        label: alias === null ? account_id : `${alias} (${account_id})`,
        icon: "organization",
        scopes: scopes.filter((scope) => scope.account_id === account_id),
        level: "account" as const,
      }))
      .filter(({ scopes: its }) => its.length > 0);
  }

  private async ofType(row: Branch): Promise<Row[]> {
    const [scope] = row.scopes;
    if (scope === undefined) {
      return [];
    }
    const { account_id, region, resource_type } = scope;
    return await this.found(`type:${resource_type} region:${region} account:${account_id}`);
  }

  private async found(query: string): Promise<Row[]> {
    const argument = { query, limit: LIMIT };
    const hits = await this.server.query<{ resource: Resource }[]>(
      "cloudops.searchResources",
      argument,
    );
    return Array.isArray(hits) ? hits.map((hit) => hit.resource) : [];
  }
}

function split(
  scopes: Scope[],
  by: "region" | "resource_type",
  icon: string,
  level: Branch["level"],
): Branch[] {
  const labels = [...new Set(scopes.map((scope) => scope[by]))].sort();
  return labels.map((label) => ({
    label,
    icon,
    level,
    scopes: scopes.filter((scope) => scope[by] === label),
  }));
}

function total(scopes: Scope[]): number {
  return scopes.reduce((sum, scope) => sum + scope.count, 0);
}

function icon(state: string | null): vscode.ThemeIcon {
  for (const [pattern, id, colour] of STATES) {
    if (state !== null && pattern.test(state)) {
      return new vscode.ThemeIcon(id, new vscode.ThemeColor(colour));
    }
  }
  return new vscode.ThemeIcon("circle-large-outline");
}
