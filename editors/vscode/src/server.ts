import * as vscode from "vscode";
import {
  type Executable,
  ExecuteCommandRequest,
  LanguageClient,
  type LanguageClientOptions,
  type Middleware,
} from "vscode-languageclient/node";
import { askForInput, confirmCommand, confirmMessage } from "./confirmation";
import { findExecutable } from "./executable";
import { CancellableProgress } from "./progress";

/** The one language server of this window: started, stopped, and asked. */
export class Server implements vscode.Disposable {
  readonly output = vscode.window.createOutputChannel("CloudOps", { log: true });
  private readonly worked = new vscode.EventEmitter<void>();
  /** Work of the server has begun or ended, or the server itself: what is shown may be old. */
  readonly onDidWork = this.worked.event;
  private client: LanguageClient | undefined;
  /** Starts and stops wait for each other, so that there is one server per window. */
  private queue: Promise<void> = Promise.resolve();

  start(): Promise<void> {
    return this.inTurn(() => this.launch());
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.end());
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  dispose(): void {
    this.worked.dispose();
    this.output.dispose();
  }

  /**
   * Has the server carry out one of its commands.
   *
   * The server shows its own failures and answers them with `status: "failed"`; undefined means
   * that it is not running.
   */
  async execute<T>(command: string, argument: object = {}): Promise<T | undefined> {
    await this.queue;
    if (this.client === undefined || this.client.needsStart()) {
      this.reportStopped();
      return undefined;
    }
    const params = { command, arguments: [argument] };
    return (await this.client.sendRequest(ExecuteCommandRequest.type, params)) as T;
  }

  /** The same for views, which ask unasked: a server that is not running has nothing to show. */
  async query<T>(command: string, argument: object = {}): Promise<T | undefined> {
    await this.queue;
    if (this.client?.isRunning() !== true) {
      return undefined;
    }
    return await this.execute<T>(command, argument);
  }

  private inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.queue.then(step);
    this.queue = done.catch((error: unknown) => {
      this.output.error(String(error));
    });
    return done;
  }

  private async launch(): Promise<void> {
    const [program, ...args] = vscode.workspace
      .getConfiguration("cloudops")
      .get<string[]>("server.command", []);
    const path = program === undefined ? undefined : await findExecutable(program);
    if (path === undefined) {
      this.reportMissing(program ?? "");
      return;
    }
    const server: Executable = { command: path, args };
    const progress = new CancellableProgress(() => {
      this.worked.fire();
    });
    const options: LanguageClientOptions = {
      documentSelector: ["file", "untitled"].map((scheme) => ({
        scheme,
        language: "markdown",
        pattern: "**/*.cloudops.md",
      })),
      outputChannel: this.output,
      initializationOptions: { client: { confirm: true, input: true } },
      middleware: {
        handleWorkDoneProgress: progress.handle,
        executeCommand,
        workspace: {
          // The change that replaces this server is not for it any more.
          didChangeConfiguration: async (sections, next) => {
            await this.queue;
            if (this.client === started) {
              await next(sections);
            }
          },
        },
      },
    };
    // The id is also the prefix of the setting `cloudops.trace.server`.
    const started = new LanguageClient("cloudops", "CloudOps", server, options);
    progress.connect(started);
    started.onRequest("window/showMessageRequest", confirmMessage);
    started.onRequest("cloudops/confirm", confirmCommand);
    started.onRequest("cloudops/input", askForInput);
    started.onDidChangeState(() => {
      // Views say that there is nothing only when there is a server to know it.
      const running = started.isRunning();
      void vscode.commands.executeCommand("setContext", "cloudops.running", running);
      this.worked.fire();
    });
    this.client = started;
    try {
      await started.start();
    } catch {
      // The client has shown why and written it to the output.
      this.client = undefined;
    }
  }

  private async end(): Promise<void> {
    const stopped = this.client;
    this.client = undefined;
    try {
      await stopped?.dispose();
    } catch (error) {
      // A server that has died, or does not answer, is gone either way.
      this.output.warn(`The server did not stop in order: ${String(error)}`);
    }
  }

  private reportMissing(program: string): void {
    const message =
      program === ""
        ? vscode.l10n.t("CloudOps: the setting cloudops.server.command is empty.")
        : vscode.l10n.t(
            'CloudOps: the language server "{0}" was not found. Install cloudops-ls, or give its full path in the setting cloudops.server.command.',
            program,
          );
    this.output.error(message);
    this.output.info(`PATH of this window: ${process.env["PATH"] ?? ""}`);
    const logs = vscode.l10n.t("Show Logs");
    const settings = vscode.l10n.t("Open Settings");
    void vscode.window.showErrorMessage(message, logs, settings).then(async (choice) => {
      if (choice === logs) {
        this.output.show();
      } else if (choice === settings) {
        await vscode.commands.executeCommand(
          "workbench.action.openSettings",
          "cloudops.server.command",
        );
      }
    });
  }

  private reportStopped(): void {
    const message = vscode.l10n.t("CloudOps: the language server is not running.");
    const again = vscode.l10n.t("Restart");
    const logs = vscode.l10n.t("Show Logs");
    void vscode.window.showErrorMessage(message, again, logs).then(async (choice) => {
      if (choice === again) {
        await this.restart();
      } else if (choice === logs) {
        this.output.show();
      }
    });
  }
}

/** Carries out what is the editor's to do; a server has no clipboard. */
const executeCommand: NonNullable<Middleware["executeCommand"]> = (command, args, next) =>
  command === "cloudops.copyCommand"
    ? vscode.env.clipboard.writeText((args[0] as { text: string }).text)
    : (next(command, args) as unknown);
