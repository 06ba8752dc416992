import * as vscode from "vscode";
import type { FirstRun } from "../firstRun";
import type { Server } from "../server";
import { Tree, tooltip, when } from "./tree";

type CredentialState = "ready" | "expiring" | "expired" | "sign-in" | "unknown";

export interface Profile {
  name: string;
  kind: string;
  region: string | null;
  account_id: string | null;
  account_alias: string | null;
  in_keychain: boolean;
  state: CredentialState;
  expires: string | null;
  way: "mfa" | "sso" | null;
  warning: string | null;
}

/** A line of ~/.aws that cannot be used. */
export interface Problem {
  file: string;
  line: number | null;
  message: string;
}

export interface Credentials {
  profiles: Profile[];
  problems: Problem[];
  /** The profile of runbooks that name none. */
  selected: string;
  /** The profiles that a scan covers; `*` for all. */
  scanned: string[];
}

export type Account = Profile | Problem;

const ICONS: Record<CredentialState, vscode.ThemeIcon> = {
  ready: new vscode.ThemeIcon("pass", new vscode.ThemeColor("testing.iconPassed")),
  expiring: new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground")),
  expired: new vscode.ThemeIcon("error", new vscode.ThemeColor("testing.iconFailed")),
  "sign-in": new vscode.ThemeIcon("key", new vscode.ThemeColor("list.warningForeground")),
  unknown: new vscode.ThemeIcon("question"),
};

/** The profiles of ~/.aws: how their credentials are, which count, which are scanned. */
export class Accounts extends Tree<Account> {
  view: vscode.TreeView<Account> | undefined;
  private known: Credentials | undefined;

  constructor(
    private readonly server: Server,
    private readonly firstRun: FirstRun,
  ) {
    super();
  }

  /** Reads the profiles; undefined without permission, or without a server. */
  async read(): Promise<Credentials | undefined> {
    if (!this.firstRun.isAllowed) {
      return undefined;
    }
    const found = await this.server.query<Credentials>("cloudops.readCredentials");
    this.known = Array.isArray(found?.profiles) ? found : undefined;
    return this.known;
  }

  async getChildren(row?: Account): Promise<Account[]> {
    if (row !== undefined) {
      return [];
    }
    const known = await this.read();
    const rows = known === undefined ? [] : [...known.profiles, ...known.problems];
    const isEmpty = known !== undefined && rows.length === 0;
    void vscode.commands.executeCommand("setContext", "cloudops.noProfiles", isEmpty);
    return rows;
  }

  getTreeItem(row: Account): vscode.TreeItem {
    return "name" in row ? this.profile(row) : problem(row);
  }

  async signIn(row?: Profile): Promise<void> {
    const profile = row ?? (await this.pick(vscode.l10n.t("Sign In"), (one) => one.way !== null));
    if (profile !== undefined) {
      await this.server.execute("cloudops.signIn", { profile: profile.name });
      this.refresh();
    }
  }

  async signOut(): Promise<void> {
    await this.server.execute("cloudops.signOut");
    this.refresh();
  }

  /** Makes a profile the one of runbooks that name none, in this window and from now on. */
  async select(row?: Profile): Promise<void> {
    const profile = row ?? (await this.pick(vscode.l10n.t("Profile of Runbooks That Name None")));
    if (profile === undefined) {
      return;
    }
    const done = await this.server.execute<{ status?: string }>("cloudops.selectProfile", {
      profile: profile.name,
    });
    if (done?.status !== "failed" && this.server.stage === undefined) {
      await vscode.workspace
        .getConfiguration("cloudops")
        .update("profile", profile.name, vscode.ConfigurationTarget.Global);
    }
    this.refresh();
  }

  async scan(row: Profile): Promise<void> {
    await this.server.execute("cloudops.scanEstate", { profiles: [row.name] });
  }

  /** Has the user choose which profiles a scan covers; false when they did not. */
  async chooseScanned(): Promise<boolean> {
    const known = await this.read();
    if (known === undefined) {
      return false;
    }
    if (known.profiles.length === 0) {
      void vscode.window.showWarningMessage(
        vscode.l10n.t(
          "CloudOps: there is no profile in ~/.aws. 'aws configure' or 'aws configure sso' makes one.",
        ),
      );
      return false;
    }
    const items = known.profiles.map((profile) => ({
      label: profile.name,
      description: described(profile),
      picked: isScanned(known, profile.name),
    }));
    const picked = await vscode.window.showQuickPick(items, {
      title: vscode.l10n.t("Profiles to Scan"),
      placeHolder: vscode.l10n.t("Reading changes nothing in AWS."),
      canPickMany: true,
      ignoreFocusOut: true,
    });
    if (picked === undefined || picked.length === 0) {
      return false;
    }
    await this.setScanned(picked.map((item) => item.label));
    await this.firstRun.chosen();
    return true;
  }

  async checked(event: vscode.TreeCheckboxChangeEvent<Account>): Promise<void> {
    const known = this.known;
    if (known === undefined) {
      return;
    }
    const scanned = new Set(
      known.profiles.map(({ name }) => name).filter((name) => isScanned(known, name)),
    );
    for (const [row, state] of event.items) {
      if ("name" in row) {
        if (state === vscode.TreeItemCheckboxState.Checked) {
          scanned.add(row.name);
        } else {
          scanned.delete(row.name);
        }
      }
    }
    // None would mean the selected one: so that is what is shown again.
    await this.setScanned([...scanned]);
  }

  async openProblem(row: Problem): Promise<void> {
    const line = Math.max((row.line ?? 1) - 1, 0);
    await vscode.window.showTextDocument(vscode.Uri.file(row.file), {
      selection: new vscode.Range(line, 0, line, 0),
    });
  }

  /** Has the user pick a profile. */
  async pick(
    title: string,
    fits: (profile: Profile) => boolean = () => true,
  ): Promise<Profile | undefined> {
    if (!(await this.firstRun.allow())) {
      return undefined;
    }
    await this.server.wake();
    const known = await this.read();
    const items = (known?.profiles ?? []).filter(fits).map((profile) => ({
      label: profile.name,
      description: described(profile),
      profile,
    }));
    if (items.length === 0) {
      void vscode.window.showInformationMessage(
        vscode.l10n.t("CloudOps: there is no such profile in ~/.aws."),
      );
      return undefined;
    }
    const picked = await vscode.window.showQuickPick(items, { title, matchOnDescription: true });
    return picked?.profile;
  }

  private async setScanned(profiles: string[]): Promise<void> {
    if (this.server.stage !== undefined) {
      // The demo's settings are not the user's.
      this.refresh();
      return;
    }
    await vscode.workspace
      .getConfiguration("cloudops")
      .update("estate.profiles", profiles, vscode.ConfigurationTarget.Global);
    this.refresh();
  }

  private profile(row: Profile): vscode.TreeItem {
    const item = new vscode.TreeItem(row.name);
    const selected = row.name === this.known?.selected;
    item.id = `profile:${row.name}`;
    item.iconPath = ICONS[row.state];
    item.description = [
      described(row),
      ...(selected ? [vscode.l10n.t("default")] : []),
      ...(row.state === "ready" ? [] : [stateOf(row)]),
    ]
      .filter((part) => part !== "")
      .join(" · ");
    item.tooltip = tooltip(
      row.name,
      row.account_alias,
      row.account_id,
      row.region,
      stateOf(row),
      row.warning,
      row.in_keychain ? vscode.l10n.t("Its keys are in the keychain.") : null,
      vscode.l10n.t("Checked: a scan covers it."),
    );
    item.contextValue = [
      "profile",
      row.way === null ? "" : "SignIn",
      selected ? "" : "Selectable",
    ].join("");
    item.checkboxState = {
      state:
        this.known !== undefined && isScanned(this.known, row.name)
          ? vscode.TreeItemCheckboxState.Checked
          : vscode.TreeItemCheckboxState.Unchecked,
      tooltip: vscode.l10n.t("Scan this profile"),
      accessibilityInformation: { label: vscode.l10n.t("Scan the profile {0}", row.name) },
    };
    item.accessibilityInformation = {
      label: vscode.l10n.t("Profile {0}, {1}, {2}", row.name, described(row), stateOf(row)),
    };
    return item;
  }
}

function described(profile: Profile): string {
  return profile.account_alias ?? profile.account_id ?? "";
}

function isScanned(known: Credentials, name: string): boolean {
  return known.scanned.includes("*") || known.scanned.includes(name);
}

function stateOf(profile: Profile): string {
  switch (profile.state) {
    case "ready":
      return vscode.l10n.t("ready");
    case "expiring":
      return vscode.l10n.t("ends {0}", when(profile.expires));
    case "expired":
      return vscode.l10n.t("expired");
    case "sign-in":
      return vscode.l10n.t("needs a sign-in");
    case "unknown":
      return vscode.l10n.t("cannot be used");
  }
}

function problem(row: Problem): vscode.TreeItem {
  const item = new vscode.TreeItem(row.message);
  item.iconPath = new vscode.ThemeIcon("warning", new vscode.ThemeColor("list.warningForeground"));
  item.description = row.line === null ? row.file : `${row.file}:${String(row.line)}`;
  item.tooltip = tooltip(row.message, item.description);
  item.contextValue = "problem";
  item.accessibilityInformation = { label: `${row.message}, ${item.description}` };
  item.command = {
    command: "cloudops-ui.openProblem",
    title: vscode.l10n.t("Open"),
    arguments: [row],
  };
  return item;
}
