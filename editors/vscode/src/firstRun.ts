import * as vscode from "vscode";
import type { Server } from "./server";

const ALLOWED = "cloudops.allowed";
/** Milliseconds after which the walkthrough may have begun to listen. */
const OPENED = [1000, 4000];
const CHOSEN = "cloudops.profilesChosen";

/**
 * What has to be settled once before the estate is known: permission to read ~/.aws, a scan.
 *
 * Whoever has an estate already, from the command line or another editor, was asked there.
 */
export class FirstRun implements vscode.Disposable {
  private readonly allowed = new vscode.EventEmitter<void>();
  /** The profiles may be read now, or no more. */
  readonly onDidChangeAllowed = this.allowed.event;
  private hasEstate = false;
  private wasAllowed = false;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly server: Server,
  ) {
    this.tell();
  }

  dispose(): void {
    this.allowed.dispose();
  }

  get isAllowed(): boolean {
    return (
      this.hasEstate ||
      this.server.stage !== undefined ||
      this.context.globalState.get(ALLOWED) === true
    );
  }

  /** Takes in how many resources are known. */
  knows(resources: number): void {
    this.hasEstate = resources > 0;
    this.tell();
  }

  /** Asks for permission unless it was given; returns whether it is. */
  async allow(): Promise<boolean> {
    if (this.isAllowed) {
      return true;
    }
    const yes = vscode.l10n.t("Allow");
    const answer = await vscode.window.showInformationMessage(
      vscode.l10n.t("Allow CloudOps to read your AWS profiles?"),
      {
        modal: true,
        detail: vscode.l10n.t(
          "It reads the files config and credentials in ~/.aws, and uses the profiles that you choose to ask AWS about your resources. Keys stay where they are; nothing is sent anywhere but to AWS, and nothing is changed there unless you confirm exactly that command.",
        ),
      },
      yes,
    );
    if (answer !== yes) {
      return false;
    }
    await this.context.globalState.update(ALLOWED, true);
    this.tell();
    return true;
  }

  /** Takes in that the profiles to scan were chosen. */
  async chosen(): Promise<void> {
    await this.context.globalState.update(CHOSEN, true);
    this.tell();
  }

  /** Opens the walkthrough. */
  async open(): Promise<void> {
    const id = `${this.context.extension.id}#firstSteps`;
    await vscode.commands.executeCommand("workbench.action.openWalkthrough", id, false);
    for (const delay of OPENED) {
      setTimeout(() => {
        this.tell();
      }, delay);
    }
  }

  /** Lets `when` clauses and the walkthrough know. */
  tell(): void {
    const set = (key: string, value: unknown): void => {
      void vscode.commands.executeCommand("setContext", key, value);
    };
    const isChosen = this.context.globalState.get(CHOSEN) === true;
    const isDemo = this.server.stage !== undefined;
    set(ALLOWED, this.isAllowed);
    set("cloudops.demo", isDemo);
    if (this.isAllowed !== this.wasAllowed) {
      this.wasAllowed = this.isAllowed;
      this.allowed.fire();
    }
    // The walkthrough hears of changes alone, and not before it is first looked at.
    for (const [step, isDone] of Object.entries({
      server: this.server.state === "running",
      demo: isDemo,
      allow: this.isAllowed,
      profiles: isChosen || isDemo,
      scan: this.hasEstate,
    })) {
      set(`cloudops.done.${step}`, false);
      set(`cloudops.done.${step}`, isDone);
    }
  }
}
