import * as vscode from "vscode";
import {
  type Executable,
  ExecuteCommandRequest,
  LanguageClient,
  type LanguageClientOptions,
  type Middleware,
} from "vscode-languageclient/node";
import { confirm } from "./confirmation";
import { findExecutable } from "./executable";
import { CancellableProgress } from "./progress";

let client: LanguageClient | undefined;
let output: vscode.LogOutputChannel;
/** Starts and stops wait for each other, so that there is one server per window. */
let queue: Promise<void> = Promise.resolve();

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  output = vscode.window.createOutputChannel("CloudOps", { log: true });
  context.subscriptions.push(
    output,
    vscode.commands.registerCommand("cloudops-ui.ask", () => runAtCursor("cloudops.sendParagraph")),
    vscode.commands.registerCommand("cloudops-ui.run", () =>
      runAtCursor("cloudops.executeCommand"),
    ),
    vscode.commands.registerCommand("cloudops-ui.scan", () => run("cloudops.scanEstate", {})),
    vscode.commands.registerCommand("cloudops-ui.restart", restart),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration("cloudops.server")) {
        await restart();
      }
    }),
  );
  await inTurn(start);
}

export function deactivate(): Promise<void> {
  return inTurn(stop);
}

function inTurn(step: () => Promise<void>): Promise<void> {
  const done = queue.then(step);
  queue = done.catch((error: unknown) => {
    output.error(String(error));
  });
  return done;
}

async function restart(): Promise<void> {
  await inTurn(stop);
  await inTurn(start);
}

async function start(): Promise<void> {
  const [program, ...args] = vscode.workspace
    .getConfiguration("cloudops")
    .get<string[]>("server.command", []);
  const path = program === undefined ? undefined : await findExecutable(program);
  if (path === undefined) {
    reportMissing(program ?? "");
    return;
  }
  const server: Executable = { command: path, args };
  const progress = new CancellableProgress();
  const options: LanguageClientOptions = {
    documentSelector: ["file", "untitled"].map((scheme) => ({
      scheme,
      language: "markdown",
      pattern: "**/*.cloudops.md",
    })),
    outputChannel: output,
    middleware: {
      handleWorkDoneProgress: progress.handle,
      executeCommand,
      workspace: {
        // The change that replaces this server is not for it any more.
        didChangeConfiguration: async (sections, next) => {
          await queue;
          if (client === started) {
            await next(sections);
          }
        },
      },
    },
  };
  // The id is also the prefix of the setting `cloudops.trace.server`.
  const started = new LanguageClient("cloudops", "CloudOps", server, options);
  progress.connect(started);
  started.onRequest("window/showMessageRequest", confirm);
  client = started;
  try {
    await started.start();
  } catch {
    // The client has shown why and written it to the output.
    client = undefined;
  }
}

async function stop(): Promise<void> {
  const stopped = client;
  client = undefined;
  try {
    await stopped?.dispose();
  } catch (error) {
    // A server that has died, or does not answer, is gone either way.
    output.warn(`The server did not stop in order: ${String(error)}`);
  }
}

/** Carries out what is the editor's to do; a server has no clipboard. */
const executeCommand: NonNullable<Middleware["executeCommand"]> = (command, args, next) =>
  command === "cloudops.copyCommand"
    ? vscode.env.clipboard.writeText((args[0] as { text: string }).text)
    : (next(command, args) as unknown);

function reportMissing(program: string): void {
  const message =
    program === ""
      ? "CloudOps: the setting cloudops.server.command is empty."
      : `CloudOps: the language server "${program}" was not found. Install cloudops-ls, ` +
        "or give its full path in the setting cloudops.server.command.";
  output.error(message);
  output.info(`PATH of this window: ${process.env["PATH"] ?? ""}`);
  void vscode.window
    .showErrorMessage(message, "Show Logs", "Open Settings")
    .then(async (choice) => {
      if (choice === "Show Logs") {
        output.show();
      } else if (choice === "Open Settings") {
        await vscode.commands.executeCommand(
          "workbench.action.openSettings",
          "cloudops.server.command",
        );
      }
    });
}

async function runAtCursor(command: string): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.uri.path.endsWith(".cloudops.md") !== true) {
    void vscode.window.showInformationMessage("CloudOps: open a runbook (*.cloudops.md) first.");
    return;
  }
  const { line, character } = editor.selection.active;
  await run(command, { uri: editor.document.uri.toString(), position: { line, character } });
}

async function run(command: string, argument: object): Promise<void> {
  await queue;
  if (client === undefined || client.needsStart()) {
    reportStopped();
    return;
  }
  // The server shows its own failures; what is thrown here is a broken connection.
  await client.sendRequest(ExecuteCommandRequest.type, { command, arguments: [argument] });
}

function reportStopped(): void {
  void vscode.window
    .showErrorMessage("CloudOps: the language server is not running.", "Restart", "Show Logs")
    .then(async (choice) => {
      if (choice === "Restart") {
        await restart();
      } else if (choice === "Show Logs") {
        output.show();
      }
    });
}
