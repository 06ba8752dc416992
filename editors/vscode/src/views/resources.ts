import * as vscode from "vscode";
import { activeRunbook } from "../runbook";
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

interface Told {
  card?: string;
  console?: string | null;
}

interface Hit extends vscode.QuickPickItem {
  resource?: Resource;
}

interface Branch {
  label: string;
  /** Of an account. */
  id?: string;
  icon: string;
  scopes: Scope[];
  level: "account" | "region" | "type";
}

export type Row = Branch | Resource;

const LIMIT = 100;
/** Milliseconds after the last key before the estate is searched. */
const TYPING = 150;
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
      item.id = row.scopes
        .slice(0, 1)
        .map(({ account_id, region, resource_type }) =>
          [row.level, account_id, ...(row.level === "account" ? [] : [region])]
            .concat(row.level === "type" ? [resource_type] : [])
            .join(":"),
        )
        .join("");
      item.tooltip = tooltip(row.label, row.id);
      item.contextValue = row.level;
      item.accessibilityInformation = {
        label: vscode.l10n.t("{0}, {1} resources", row.label, total(row.scopes)),
      };
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

  /** A search box: what fits is listed while the user types, and chosen or shown in the view. */
  async search(): Promise<void> {
    const box = vscode.window.createQuickPick<Hit>();
    box.title = vscode.l10n.t("Search Resources");
    box.placeholder = vscode.l10n.t("Words, and filters such as type:rds state:stopped");
    box.value = this.wanted;
    box.matchOnDescription = box.matchOnDetail = true;
    const buttons = [
      { iconPath: new vscode.ThemeIcon("mention"), tooltip: vscode.l10n.t("Mention") },
      { iconPath: new vscode.ThemeIcon("copy"), tooltip: vscode.l10n.t("Copy ARN") },
    ];
    let latest = 0;
    const list = async (query: string): Promise<void> => {
      const turn = ++latest;
      box.busy = true;
      const found = query.trim() === "" ? [] : await this.found(query);
      if (turn !== latest) {
        return;
      }
      box.busy = false;
      const all = vscode.l10n.t("Show in the view: {0}", query.trim());
      box.items = [
        ...(query.trim() === "" ? [] : [{ label: `$(list-tree) ${all}`, alwaysShow: true }]),
        ...found.map((resource) => ({
          label: resource.name,
          description: [resource.state, resource.region].filter(Boolean).join(" · "),
          detail: resource.arn,
          // The server has found it; its filters are not text to match.
          alwaysShow: true,
          buttons,
          resource,
        })),
      ];
    };
    let due: NodeJS.Timeout | undefined;
    box.onDidChangeValue((query) => {
      clearTimeout(due);
      due = setTimeout(() => void list(query), TYPING);
    });
    box.onDidTriggerItemButton(async ({ item, button }) => {
      if (item.resource !== undefined) {
        box.hide();
        await (button === buttons[0]
          ? this.mention([item.resource])
          : this.copyArns([item.resource]));
      }
    });
    box.onDidAccept(async () => {
      const [chosen] = box.activeItems;
      const { value } = box;
      box.hide();
      if (chosen?.resource === undefined) {
        this.filter(value);
      } else {
        await this.details(chosen.resource);
      }
    });
    box.onDidHide(() => {
      clearTimeout(due);
      box.dispose();
    });
    box.show();
    await list(box.value);
  }

  /** Shows what a search finds; everything for an empty one. */
  filter(query: string): void {
    this.wanted = query.trim();
    const isFiltered = this.wanted !== "";
    if (this.view !== undefined) {
      this.view.message = isFiltered ? vscode.l10n.t("Found for: {0}", this.wanted) : "";
    }
    void vscode.commands.executeCommand("setContext", "cloudops.filtered", isFiltered);
    this.refresh();
  }

  /** Inserts exact links to resources at the cursor. */
  async mention(rows: Row[]): Promise<void> {
    const editor = activeRunbook();
    const links = rows.filter(isResource).map(({ name, arn }) => {
      return `[${name.replace(/[[\]\\]/g, "\\$&")}](${arn})`;
    });
    await editor?.edit((edit) => {
      edit.replace(editor.selection, links.join(", "));
    });
  }

  async copyArns(rows: Row[]): Promise<void> {
    const arns = rows.filter(isResource).map(({ arn }) => arn);
    await vscode.env.clipboard.writeText(arns.join("\n"));
  }

  async details(row: Resource): Promise<void> {
    const told = await this.told(row, false);
    if (told?.card !== undefined) {
      const content = { language: "markdown", content: told.card };
      const document = await vscode.workspace.openTextDocument(content);
      // Any other preview would turn to the next Markdown file that is looked at.
      await vscode.commands.executeCommand("markdown.showLockedPreviewToSide", document.uri);
    }
  }

  /** Asks AWS how one resource is now. */
  async ask(row: Resource): Promise<void> {
    const location = { viewId: "cloudops.resources" };
    await vscode.window.withProgress({ location }, () => this.told(row, true));
    this.refresh();
  }

  async openConsole(row: Resource): Promise<void> {
    const told = await this.told(row, false);
    if (typeof told?.console === "string") {
      await vscode.env.openExternal(vscode.Uri.parse(told.console, true));
    } else if (told?.card !== undefined) {
      void vscode.window.showInformationMessage(
        vscode.l10n.t("CloudOps: the page of {0} in the AWS console is not known.", row.name),
      );
    }
  }

  private async told(row: Resource, refresh: boolean): Promise<Told | undefined> {
    return await this.server.execute<Told>("cloudops.resourceDetails", { arn: row.arn, refresh });
  }

  private async accounts(): Promise<Row[]> {
    this.known = await this.server.query<Known>("cloudops.scanStatus");
    const accounts = Array.isArray(this.known?.accounts) ? this.known.accounts : [];
    const scopes = (this.known?.scopes ?? []).filter((scope) => scope.count > 0);
    return accounts
      .map(({ account_id, alias }) => ({
        label: alias ?? account_id,
        id: account_id,
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

  private async found(query: string): Promise<Resource[]> {
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

function isResource(row: Row): row is Resource {
  return "arn" in row;
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
