import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import * as vscode from "vscode";
import type { FirstRun } from "./firstRun";
import type { Location, Program } from "./location";
import { Notices } from "./notices";
import type { Server, Stage } from "./server";

/** What `cloudops-ls demo --serve` writes, one line of JSON each. */
interface Told {
  progress?: string;
  error?: string;
  ready?: Stage & { folder: string; runbook: string };
}

/** The demo estate: a stand-in AWS on this machine, which goes away with the window. */
export class Demo implements vscode.Disposable {
  private process: ChildProcessWithoutNullStreams | undefined;
  private runbook: string | undefined;
  private folder: string | undefined;
  private readonly notices: Notices;

  constructor(
    private readonly server: Server,
    private readonly location: Location,
    private readonly firstRun: FirstRun,
  ) {
    this.notices = new Notices(server.output);
  }

  /** Starts it, opens its runbook, and scans it. */
  async start(): Promise<void> {
    const runbook = await this.begin();
    if (runbook === undefined) {
      return;
    }
    this.runbook = runbook;
    this.firstRun.tell();
    await this.server.restart();
    await this.open();
    await this.server.execute("cloudops.scanEstate");
    this.firstRun.tell();
  }

  /** Opens its runbook. */
  async open(): Promise<boolean> {
    if (this.runbook === undefined) {
      return false;
    }
    await vscode.window.showTextDocument(vscode.Uri.file(this.runbook), { preview: false });
    return true;
  }

  /** Goes back to the user's own estate; nothing of the demo is left. */
  async leave(): Promise<void> {
    const folder = this.folder;
    const tabs = vscode.window.tabGroups.all
      .flatMap((group) => group.tabs)
      .filter(({ input }) => {
        const shown = input instanceof vscode.TabInputText ? input.uri.fsPath : undefined;
        return folder !== undefined && shown?.startsWith(folder) === true;
      });
    // Whoever has written something into its runbook is asked whether to keep it.
    if (tabs.length > 0 && !(await vscode.window.tabGroups.close(tabs))) {
      return;
    }
    this.server.stage = undefined;
    await this.server.stop();
    await this.end();
    this.firstRun.knows(0);
    await this.server.wake();
  }

  /** Ends it with the window. */
  dispose(): void {
    this.process?.stdin.end();
  }

  private async begin(): Promise<string | undefined> {
    if (this.process !== undefined) {
      return this.runbook;
    }
    const program = await this.location.find();
    if (program === undefined) {
      return undefined;
    }
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t("Starting the demo estate"),
    };
    try {
      const ready = await vscode.window.withProgress(options, (progress) =>
        this.served(program, (message) => {
          progress.report({ message });
        }),
      );
      this.server.stage = { environment: ready.environment, settings: ready.settings };
      this.folder = ready.folder;
      return ready.runbook;
    } catch (error) {
      await this.end();
      this.notices.failure(
        vscode.l10n.t(
          "CloudOps: the demo could not be started. {0}",
          error instanceof Error ? error.message : String(error),
        ),
        program.origin === "path" ? ["setUp"] : [],
      );
      return undefined;
    }
  }

  private served(
    program: Program,
    report: (message: string) => void,
  ): Promise<NonNullable<Told["ready"]>> {
    return new Promise((resolve, reject) => {
      const child = spawn(program.command, [...program.args, "demo", "--serve"]);
      this.process = child;
      let complaint = "";
      child.stderr.on("data", (text: Buffer) => {
        complaint = `${complaint}${text.toString()}`.slice(-500);
        this.server.output.debug(text.toString());
      });
      createInterface({ input: child.stdout }).on("line", (line) => {
        const told = JSON.parse(line) as Told;
        if (told.progress !== undefined) {
          report(told.progress);
        } else if (told.ready !== undefined) {
          resolve(told.ready);
        } else {
          reject(new Error(told.error ?? line));
        }
      });
      child.on("error", reject);
      child.on("close", (status) => {
        const reason = complaint.trim().split("\n").at(-1) ?? "";
        reject(new Error(reason === "" ? `cloudops-ls demo: ${String(status)}` : reason));
        this.lost(child);
      });
    });
  }

  /** Says so where the demo ends by itself, and goes back. */
  private lost(child: ChildProcessWithoutNullStreams): void {
    if (this.process === child && this.server.stage !== undefined) {
      this.notices.warning(vscode.l10n.t("CloudOps: the demo estate has ended."));
      this.process = this.folder = undefined;
      void this.leave();
    }
  }

  private async end(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    this.runbook = this.folder = undefined;
    if (child?.exitCode !== null) {
      return;
    }
    const ended = new Promise<void>((resolve) => {
      child.once("close", () => {
        resolve();
      });
    });
    child.stdin.end();
    await ended;
  }
}
