import * as vscode from "vscode";
import { activeRunbook, newRunbook, placeOf } from "./runbook";
import { Server } from "./server";
import { type Conversation, Conversations } from "./views/conversations";
import { type Execution, Executions } from "./views/executions";
import { type Resource, Resources } from "./views/resources";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const started = (server = new Server());
  context.subscriptions.push(
    started,
    ...commands(started),
    ...views(started),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration("cloudops.server")) {
        await started.restart();
      }
    }),
  );
  await started.start();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}

function commands(server: Server): vscode.Disposable[] {
  const atCursor =
    (command: string, more: object = {}) =>
    async (): Promise<void> => {
      const editor = activeRunbook();
      if (editor !== undefined) {
        await server.execute(command, { ...placeOf(editor), ...more });
      }
    };
  return [
    vscode.commands.registerCommand("cloudops-ui.ask", atCursor("cloudops.sendParagraph")),
    vscode.commands.registerCommand("cloudops-ui.run", atCursor("cloudops.executeCommand")),
    vscode.commands.registerCommand("cloudops-ui.runAll", atCursor("cloudops.runPlan")),
    vscode.commands.registerCommand("cloudops-ui.scan", () =>
      server.execute("cloudops.scanEstate"),
    ),
    vscode.commands.registerCommand("cloudops-ui.sync", () =>
      server.execute("cloudops.triggerSync", { kind: "incremental" }),
    ),
    vscode.commands.registerCommand("cloudops-ui.restart", () => server.restart()),
    vscode.commands.registerCommand("cloudops-ui.showLogs", () => {
      server.output.show();
    }),
    vscode.commands.registerCommand("cloudops-ui.newRunbook", newRunbook),
  ];
}

function views(server: Server): vscode.Disposable[] {
  const resources = new Resources(server);
  const executions = new Executions(server);
  const conversations = new Conversations(server);
  const options = { showCollapseAll: true };
  resources.view = vscode.window.createTreeView("cloudops.resources", {
    treeDataProvider: resources,
    ...options,
  });
  executions.view = vscode.window.createTreeView("cloudops.executions", {
    treeDataProvider: executions,
  });
  conversations.view = vscode.window.createTreeView("cloudops.conversations", {
    treeDataProvider: conversations,
  });
  const refresh = (): void => {
    resources.refresh();
    executions.refresh();
    conversations.refresh();
  };
  const on = (id: string, action: (row: never) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(`cloudops-ui.${id}`, action);
  return [
    resources.view,
    executions.view,
    conversations.view,
    server.onDidWork(refresh),
    vscode.workspace.registerTextDocumentContentProvider(Executions.scheme, executions),
    on("refreshViews", refresh),
    on("searchResources", () => resources.search()),
    on("mentionResource", (row: Resource) => resources.mention(row)),
    on("resourceDetails", (row: Resource) => resources.details(row)),
    on("copyArn", (row: Resource) => vscode.env.clipboard.writeText(row.arn)),
    on("showOutput", (row: Execution) => executions.show(row)),
    on("cancelExecution", (row: Execution) => executions.cancel(row)),
    on("searchConversations", () => conversations.search()),
    on("openConversation", (row: Conversation) => conversations.open(row)),
    on("renameConversation", (row: Conversation) => conversations.rename(row)),
    on("labelConversation", (row: Conversation) => conversations.label(row)),
    on("exportConversation", (row: Conversation) => conversations.export(row)),
    on("deleteConversation", (row: Conversation) => conversations.delete(row)),
  ];
}
