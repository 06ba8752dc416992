import * as vscode from "vscode";
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  type ErrorHandler,
  type Executable,
  ExecuteCommandRequest,
  LanguageClient,
  type LanguageClientOptions,
  type Middleware,
} from "vscode-languageclient/node";
import { askForInput, confirmCommand, confirmMessage } from "./confirmation";
import { LensCommands } from "./lenses";
import type { Location, Program } from "./location";
import { Notices } from "./notices";
import { CancellableProgress } from "./progress";
import { RequestPreviews, type ShownRequest } from "./requestPreview";
import { explicitSettings } from "./settings";
import { SuggestWhileTyping } from "./typing";

/** Where the server works instead of in the user's own home: the demo's estate. */
export interface Stage {
  environment: Record<string, string>;
  settings: Record<string, unknown>;
}

export type ServerState = "off" | "starting" | "running" | "missing" | "failed";

const RESTARTS = 4;
const RESTARTS_WITHIN = 180_000;

/** The one language server of this window: started when first needed, stopped, and asked. */
export class Server implements vscode.Disposable {
  private readonly worked = new vscode.EventEmitter<void>();
  /** Work of the server has begun or ended, or the server itself: what is shown may be old. */
  readonly onDidWork = this.worked.event;
  /** Instead of the user's own estate, while it is set; counts from the next start on. */
  stage: Stage | undefined;
  private client: LanguageClient | undefined;
  private current: ServerState = "off";
  /** Starts and stops wait for each other, so that there is one server per window. */
  private queue: Promise<void> = Promise.resolve();
  private readonly notices: Notices;
  private readonly typing = new SuggestWhileTyping();
  private readonly previews = new RequestPreviews();
  private readonly lenses = new LensCommands();

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly output: vscode.LogOutputChannel,
    private readonly location: Location,
  ) {
    this.notices = new Notices(output);
  }

  get state(): ServerState {
    return this.current;
  }

  /** Starts the server unless that was done, or tried, before. */
  wake(): Promise<void> {
    return this.inTurn(async () => {
      if (this.current === "off") {
        await this.launch();
      }
    });
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.end());
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.wake();
  }

  dispose(): void {
    this.worked.dispose();
    this.typing.dispose();
    this.previews.dispose();
    this.lenses.dispose();
  }

  /**
   * Has the server carry out one of its commands, starting it if need be.
   *
   * The server shows its own failures and answers them with `status: "failed"`; undefined means
   * that it is not running.
   */
  async execute<T>(command: string, argument: object = {}): Promise<T | undefined> {
    await this.wake();
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
    try {
      return await this.execute<T>(command, argument);
    } catch (error) {
      // It died meanwhile; whoever asked will ask again when it is back.
      this.output.debug(`${command}: ${String(error)}`);
      return undefined;
    }
  }

  private inTurn(step: () => Promise<void>): Promise<void> {
    const done = this.queue.then(step);
    this.queue = done.catch((error: unknown) => {
      this.output.error(String(error));
    });
    return this.queue;
  }

  private become(state: ServerState): void {
    this.current = state;
    const set = (key: string, value: unknown): void => {
      void vscode.commands.executeCommand("setContext", key, value);
    };
    set("cloudops.state", state);
    // Views say that there is nothing only when there is a server to know it.
    set("cloudops.running", state === "running");
    this.worked.fire();
  }

  private async launch(): Promise<void> {
    this.become("starting");
    const program = await this.location.find();
    if (program === undefined) {
      this.become("missing");
      return;
    }
    const started = this.made(program);
    this.client = started;
    try {
      await started.start();
      this.checkVersion(started, program);
    } catch (error) {
      this.output.error(`${program.command}: ${String(error)}`);
      this.client = undefined;
      this.become("failed");
      this.notices.failure(
        vscode.l10n.t("CloudOps: the language server did not start ({0}).", program.command),
        program.origin === "environment" ? ["setUp"] : [],
      );
    }
  }

  private made(program: Program): LanguageClient {
    const server: Executable = {
      command: program.command,
      args: program.args,
      ...(this.stage === undefined ? {} : { options: { env: withoutAws(this.stage) } }),
    };
    const progress = new CancellableProgress(() => {
      this.worked.fire();
    });
    let initialized = false;
    const client: LanguageClientOptions = {
      documentSelector: ["file", "untitled"].map((scheme) => ({
        scheme,
        language: "markdown",
        pattern: "**/*.cloudops.md",
      })),
      outputChannel: this.output,
      initializationOptions: {
        client: {
          confirm: true,
          input: true,
          requestPreview: true,
          trusted: vscode.workspace.isTrusted,
        },
      },
      initializationFailedHandler: () => false,
      errorHandler: this.errorHandler(() => initialized),
      middleware: {
        ...this.typing.middleware,
        ...this.lenses.middleware,
        handleWorkDoneProgress: progress.handle,
        executeCommand,
        workspace: {
          configuration: async (params, cancelled, next) => {
            const asked = await next(params, cancelled);
            return Array.isArray(asked)
              ? params.items.map((item, place): unknown =>
                  item.section === "cloudops" ? this.settings() : asked[place],
                )
              : asked;
          },
          didChangeConfiguration: async () => {
            await this.queue;
            // The change that replaces this server is not for it any more, and what has
            // changed it asks for: then it hears only what was set.
            if (this.client === started && started.isRunning()) {
              await started.sendNotification(DidChangeConfigurationNotification.type, {
                settings: null,
              });
            }
          },
        },
      },
    };
    // The id is also the prefix of the setting `cloudops.trace.server`.
    const started = new LanguageClient("cloudops", "CloudOps", server, client);
    this.typing.connect(started);
    progress.connect(started);
    started.onRequest("window/showMessageRequest", confirmMessage);
    started.onRequest("cloudops/confirm", confirmCommand);
    started.onRequest("cloudops/input", askForInput);
    started.onNotification("cloudops/requestPreview", (shown: ShownRequest) =>
      this.previews.show(shown),
    );
    started.onDidChangeState(() => {
      if (started.isRunning()) {
        initialized = true;
        this.become("running");
      } else if (this.client === started && initialized) {
        this.become(started.needsStart() ? "failed" : "starting");
      }
    });
    return started;
  }

  private settings(): Record<string, unknown> {
    return this.stage?.settings ?? explicitSettings(this.context.extension.packageJSON);
  }

  /** Restarts a server that died, but not one that dies again and again. */
  private errorHandler(initialized: () => boolean): ErrorHandler {
    const deaths: number[] = [];
    return {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => {
        if (!initialized()) {
          return { action: CloseAction.DoNotRestart, handled: true };
        }
        const now = Date.now();
        deaths.push(now);
        if (deaths.filter((death) => now - death < RESTARTS_WITHIN).length <= RESTARTS) {
          return {
            action: CloseAction.Restart,
            handled: true,
            message: "The language server ended unexpectedly and is started again.",
          };
        }
        this.notices.failure(
          vscode.l10n.t("CloudOps: the language server ended again and again."),
          ["restart"],
        );
        return { action: CloseAction.DoNotRestart, handled: true };
      },
    };
  }

  private checkVersion(started: LanguageClient, program: Program): void {
    const { version: ours } = this.context.extension.packageJSON as { version: string };
    const theirs = started.initializeResult?.serverInfo?.version;
    this.output.info(`cloudops-ls ${theirs ?? "?"}: ${program.command}`);
    if (theirs === undefined || minor(theirs) === minor(ours)) {
      return;
    }
    this.notices.warning(
      vscode.l10n.t(
        "CloudOps: this extension is version {0}, the language server ({1}) is {2}. They may not understand each other.",
        ours,
        program.command,
        theirs,
      ),
      ["setUp"],
    );
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
    this.become("off");
  }

  private reportStopped(): void {
    this.notices.failure(vscode.l10n.t("CloudOps: the language server is not running."), [
      this.current === "missing" ? "setUp" : "restart",
    ]);
  }
}

function minor(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

/** Nothing of the user's own accounts is left where the demo's count. */
function withoutAws(stage: Stage): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^(AWS|BOTO|CLOUDOPS)_/i.test(entry[0]),
  );
  return { ...Object.fromEntries(kept), ...stage.environment };
}

/** Carries out what is the editor's to do; a server has no clipboard. */
const executeCommand: NonNullable<Middleware["executeCommand"]> = (command, args, next) =>
  command === "cloudops.copyCommand"
    ? vscode.env.clipboard.writeText((args[0] as { text: string }).text)
    : (next(command, args) as unknown);
