import * as vscode from "vscode";
import type { FirstRun } from "./firstRun";
import { isRunbook } from "./runbook";
import type { Server } from "./server";
import type { Accounts } from "./views/accounts";

/** As `cloudops.runbookContext` tells it. */
interface RunbookContext {
  profile: string;
  region: string | null;
  account_id: string | null;
  alias: string | null;
  production: boolean;
  synced_at: string | null;
  syncing: boolean;
  resources: number;
}

interface Choice extends vscode.QuickPickItem {
  act?: () => unknown;
}

const MINUTE = 60_000;
const SETTLE = 400;
const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

/** As whom and where the runbook works, how old the estate is; a click changes it. */
export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem(
    "cloudops.status",
    vscode.StatusBarAlignment.Left,
    10,
  );
  private known: RunbookContext | undefined;
  private due: NodeJS.Timeout | undefined;
  private readonly subscriptions: vscode.Disposable;

  constructor(
    private readonly server: Server,
    private readonly accounts: Accounts,
    private readonly firstRun: FirstRun,
  ) {
    this.item.name = "CloudOps";
    this.item.command = "cloudops-ui.status";
    const clock = setInterval(() => {
      this.soon();
    }, MINUTE);
    this.subscriptions = vscode.Disposable.from(
      this.item,
      new vscode.Disposable(() => {
        clearInterval(clock);
        clearTimeout(this.due);
      }),
      server.onDidWork(() => {
        this.soon();
      }),
      vscode.window.onDidChangeActiveTextEditor(() => {
        this.soon();
      }),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document === vscode.window.activeTextEditor?.document && isRunbook(document)) {
          this.soon();
        }
      }),
    );
    this.soon();
  }

  dispose(): void {
    this.subscriptions.dispose();
  }

  /** Reads and shows it again, once for a burst of changes. */
  soon(): void {
    clearTimeout(this.due);
    this.due = setTimeout(() => {
      void this.refresh();
    }, SETTLE);
  }

  async menu(): Promise<void> {
    const { state } = this.server;
    if (state !== "running") {
      await vscode.commands.executeCommand(
        state === "missing" ? "cloudops-ui.setUpServer" : "cloudops-ui.restart",
      );
      return;
    }
    const run = (command: string) => () => vscode.commands.executeCommand(command);
    const choices: Choice[] = [
      {
        label: vscode.l10n.t("$(account) Change the Profile…"),
        description: this.known?.profile ?? "",
        act: () => this.changeProfile(),
      },
      {
        label: vscode.l10n.t("$(globe) Change the Region…"),
        description: this.known?.region ?? "",
        act: () => this.changeRegion(),
      },
      { label: "", kind: vscode.QuickPickItemKind.Separator },
      {
        label: vscode.l10n.t("$(sync) Synchronise What Changed"),
        description: this.age(),
        act: run("cloudops-ui.sync"),
      },
      { label: vscode.l10n.t("$(cloud-download) Scan the Estate"), act: run("cloudops-ui.scan") },
      { label: vscode.l10n.t("$(key) Sign In…"), act: run("cloudops-ui.signIn") },
      { label: "", kind: vscode.QuickPickItemKind.Separator },
      {
        label: vscode.l10n.t("$(organization) Show the Accounts"),
        act: run("cloudops.accounts.focus"),
      },
      { label: vscode.l10n.t("$(output) Show Logs"), act: run("cloudops-ui.showLogs") },
      ...(this.server.stage === undefined
        ? []
        : [{ label: vscode.l10n.t("$(close) Leave the Demo"), act: run("cloudops-ui.leaveDemo") }]),
    ];
    const chosen = await vscode.window.showQuickPick(choices, {
      title: vscode.l10n.t("CloudOps: {0}", this.place()),
    });
    await chosen?.act?.();
    this.soon();
  }

  /** Writes a profile into the runbook's front matter; without a runbook, selects it. */
  async changeProfile(): Promise<void> {
    const uri = runbookUri();
    const profile = await this.accounts.pick(
      uri === undefined
        ? vscode.l10n.t("Profile of Runbooks That Name None")
        : vscode.l10n.t("Profile of This Runbook"),
    );
    if (profile === undefined) {
      return;
    }
    if (uri === undefined) {
      await this.accounts.select(profile);
      return;
    }
    await this.server.execute("cloudops.setRunbookContext", { uri, profile: profile.name });
    this.soon();
  }

  async changeRegion(): Promise<void> {
    const uri = runbookUri();
    const region = await this.pickRegion();
    if (region === undefined) {
      return;
    }
    if (uri === undefined) {
      await vscode.workspace
        .getConfiguration("cloudops")
        .update("region", region, vscode.ConfigurationTarget.Global);
    } else {
      await this.server.execute("cloudops.setRunbookContext", { uri, region });
    }
    this.soon();
  }

  private async pickRegion(): Promise<string | undefined> {
    const status = await this.server.query<{ scopes?: { region: string; count: number }[] }>(
      "cloudops.scanStatus",
    );
    const known = new Map<string, number>();
    for (const { region, count } of status?.scopes ?? []) {
      if (REGION.test(region)) {
        known.set(region, (known.get(region) ?? 0) + count);
      }
    }
    const other = vscode.l10n.t("Another region…");
    const items = [...known]
      .sort(([one], [two]) => one.localeCompare(two))
      .map(([label, count]) => ({
        label,
        description: vscode.l10n.t("{0} resources", count.toLocaleString()),
      }));
    const picked =
      items.length === 0
        ? { label: other }
        : await vscode.window.showQuickPick([...items, { label: other }], {
            title: vscode.l10n.t("Region"),
          });
    if (picked?.label !== other) {
      return picked?.label;
    }
    return await vscode.window.showInputBox({
      title: vscode.l10n.t("Region"),
      placeHolder: "us-west-2",
      validateInput: (value) =>
        REGION.test(value) ? undefined : vscode.l10n.t("A region, such as us-west-2."),
    });
  }

  private async refresh(): Promise<void> {
    const uri = runbookUri();
    if (this.server.state === "starting") {
      // Who is asked below answers when it has started.
      this.show(uri !== undefined);
    }
    const argument = uri === undefined ? {} : { uri };
    const known = await this.server.query<RunbookContext>("cloudops.runbookContext", argument);
    this.known = typeof known?.profile === "string" ? known : undefined;
    this.firstRun.knows(this.known?.resources ?? 0);
    this.show(uri !== undefined);
  }

  private show(inRunbook: boolean): void {
    const { item } = this;
    item.backgroundColor = undefined;
    switch (this.server.state) {
      case "starting":
        item.text = vscode.l10n.t("$(loading~spin) CloudOps");
        item.tooltip = vscode.l10n.t("The language server is starting.");
        break;
      case "missing":
      case "failed":
        item.text = vscode.l10n.t("$(error) CloudOps");
        item.tooltip = vscode.l10n.t("The language server is not running. Click to mend that.");
        item.backgroundColor = new vscode.ThemeColor("statusBarItem.errorBackground");
        break;
      case "running":
        this.showContext();
        break;
      case "off":
        break;
    }
    item.accessibilityInformation = {
      label: vscode.l10n.t("CloudOps: {0}", item.text.replace(/\$\([^)]*\)\s*/g, "")),
      role: "button",
    };
    const matters = inRunbook || this.server.stage !== undefined;
    if (matters && this.server.state !== "off") {
      item.show();
    } else {
      item.hide();
    }
  }

  private showContext(): void {
    const { item, known } = this;
    const demo = this.server.stage === undefined ? [] : [vscode.l10n.t("demo")];
    if (known === undefined) {
      item.text = ["$(cloud) CloudOps", ...demo].join(" · ");
      item.tooltip = vscode.l10n.t("Click for what can be done.");
      return;
    }
    const icon = known.syncing ? "$(sync~spin)" : known.production ? "$(warning)" : "$(cloud)";
    item.text = `${icon} ${[...demo, this.place(), this.age()].filter(Boolean).join(" · ")}`;
    if (known.production) {
      item.backgroundColor = new vscode.ThemeColor("statusBarItem.warningBackground");
    }
    const lines = [
      known.production ? vscode.l10n.t("This runbook works in production.") : null,
      vscode.l10n.t("Profile: {0}", known.profile),
      known.account_id === null
        ? vscode.l10n.t("Account: not known before the first scan")
        : vscode.l10n.t("Account: {0}", [known.alias, known.account_id].filter(Boolean).join(", ")),
      vscode.l10n.t("Region: {0}", known.region ?? vscode.l10n.t("the profile's own")),
      known.synced_at === null
        ? vscode.l10n.t("Never synchronised")
        : vscode.l10n.t(
            "{0} resources, synchronised {1}",
            known.resources.toLocaleString(),
            new Date(known.synced_at).toLocaleString(),
          ),
      vscode.l10n.t("Click to change it."),
    ];
    item.tooltip = lines.filter((line) => line !== null).join("\n");
  }

  private place(): string {
    const { known } = this;
    return [known?.profile, known?.alias, known?.region]
      .filter((part, place, all) => Boolean(part) && all.indexOf(part) === place)
      .join(" · ");
  }

  private age(): string {
    const at = this.known?.synced_at ?? null;
    if (at === null) {
      return "";
    }
    const minutes = Math.max(0, Math.round((Date.now() - Date.parse(at)) / MINUTE));
    const told = new Intl.RelativeTimeFormat(vscode.env.language, { style: "narrow" });
    if (minutes < 1) {
      return vscode.l10n.t("just now");
    }
    if (minutes < 60) {
      return told.format(-minutes, "minute");
    }
    const hours = Math.round(minutes / 60);
    return hours < 48 ? told.format(-hours, "hour") : told.format(-Math.round(hours / 24), "day");
  }
}

function runbookUri(): string | undefined {
  const document = vscode.window.activeTextEditor?.document;
  return document !== undefined && isRunbook(document) ? document.uri.toString() : undefined;
}
