import type MarkdownIt from "markdown-it";
import * as vscode from "vscode";
import { Demo } from "./demo";
import { OwnEnvironment } from "./environment";
import { FirstRun } from "./firstRun";
import { Location } from "./location";
import { styleRunbooks } from "./preview";
import { activeRunbook, isRunbook, newRunbook, openSample, placeOf } from "./runbook";
import { Server } from "./server";
import { provideSnippets } from "./snippets";
import { StatusItem } from "./statusItem";
import { type Account, Accounts, type Problem, type Profile } from "./views/accounts";
import { type Conversation, Conversations } from "./views/conversations";
import { type Execution, Executions, statusOf } from "./views/executions";
import { type Resource, Resources } from "./views/resources";

let server: Server | undefined;

type Command = (...args: never[]) => unknown;

/** What VS Code's Markdown preview asks of an extension. */
interface MarkdownExtension {
  extendMarkdownIt: (md: MarkdownIt) => MarkdownIt;
}

export function activate(context: vscode.ExtensionContext): MarkdownExtension {
  const output = vscode.window.createOutputChannel("CloudOps", { log: true });
  const environment = new OwnEnvironment(context, output);
  const location = new Location(environment, output);
  const started = (server = new Server(context, output, location));
  const firstRun = new FirstRun(context, started);
  const demo = new Demo(started, location, firstRun);
  const accounts = new Accounts(started, firstRun);
  const status = new StatusItem(started, accounts, firstRun);
  const register = (commands: Record<string, Command>): void => {
    for (const [id, action] of Object.entries(commands)) {
      context.subscriptions.push(vscode.commands.registerCommand(`cloudops-ui.${id}`, action));
    }
  };
  context.subscriptions.push(output, started, status, demo, firstRun);
  register({
    ...runbookCommands(started),
    ...serverCommands(started, environment, context),
    ...estateCommands(started, firstRun, accounts),
    status: () => status.menu(),
    changeProfile: () => status.changeProfile(),
    changeRegion: () => status.changeRegion(),
    tryDemo: () => demo.start(),
    leaveDemo: () => demo.leave(),
    openSample: () => openSample(context, demo),
    firstSteps: () => firstRun.open(),
  });
  register(views(context, started, accounts));
  context.subscriptions.push(
    firstRun.onDidChangeAllowed(() => {
      accounts.refresh();
    }),
  );
  context.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (started.state !== "off" && event.affectsConfiguration("cloudops.server")) {
        await started.restart();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => started.restart()),
    vscode.workspace.onDidOpenTextDocument(async (document) => {
      if (isRunbook(document)) {
        await started.wake();
      }
    }),
  );
  context.subscriptions.push(provideSnippets());
  if (vscode.workspace.textDocuments.some(isRunbook)) {
    void started.wake();
  }
  return { extendMarkdownIt: (md) => styleRunbooks(md, statusOf) };
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}

function runbookCommands(server: Server): Record<string, Command> {
  const atCursor =
    (command: string, more: object = {}) =>
    async (): Promise<void> => {
      const editor = activeRunbook();
      if (editor !== undefined) {
        await server.execute(command, { ...placeOf(editor), ...more });
      }
    };
  return {
    ask: atCursor("cloudops.sendParagraph"),
    previewRequest: atCursor("cloudops.previewRequest"),
    run: atCursor("cloudops.executeCommand"),
    runAll: atCursor("cloudops.runPlan"),
    newRunbook,
  };
}

function serverCommands(
  server: Server,
  environment: OwnEnvironment,
  context: vscode.ExtensionContext,
): Record<string, Command> {
  return {
    restart: () => server.restart(),
    showLogs: () => {
      server.output.show();
    },
    setUpServer: async () => {
      if ((await environment.install()) !== undefined) {
        await server.restart();
      }
    },
    howToFix: () =>
      vscode.commands.executeCommand(
        "markdown.showLockedPreviewToSide",
        vscode.Uri.joinPath(context.extensionUri, "dist", "troubleshooting.md"),
      ),
  };
}

function estateCommands(
  server: Server,
  firstRun: FirstRun,
  accounts: Accounts,
): Record<string, Command> {
  const allowed = (action: () => unknown) => async (): Promise<void> => {
    if (await firstRun.allow()) {
      await server.wake();
      await action();
    }
  };
  return {
    scan: allowed(() => server.execute("cloudops.scanEstate")),
    sync: allowed(() => server.execute("cloudops.triggerSync", { kind: "incremental" })),
    allowAccounts: allowed(() => undefined),
    chooseProfiles: allowed(() => accounts.chooseScanned()),
    signIn: (row?: Profile) => accounts.signIn(row),
    signOut: () => accounts.signOut(),
    selectProfile: (row?: Profile) => accounts.select(row),
    scanProfile: (row: Profile) => accounts.scan(row),
    openProblem: (row: Problem) => accounts.openProblem(row),
  };
}

function views(
  context: vscode.ExtensionContext,
  server: Server,
  accounts: Accounts,
): Record<string, Command> {
  const resources = new Resources(server);
  const executions = new Executions(server);
  const conversations = new Conversations(server);
  resources.view = vscode.window.createTreeView("cloudops.resources", {
    treeDataProvider: resources,
    showCollapseAll: true,
    canSelectMany: true,
  });
  executions.view = vscode.window.createTreeView("cloudops.executions", {
    treeDataProvider: executions,
  });
  conversations.view = vscode.window.createTreeView("cloudops.conversations", {
    treeDataProvider: conversations,
    canSelectMany: true,
  });
  accounts.view = vscode.window.createTreeView<Account>("cloudops.accounts", {
    treeDataProvider: accounts,
    manageCheckboxStateManually: true,
  });
  const refresh = (): void => {
    for (const tree of [resources, executions, conversations, accounts]) {
      tree.refresh();
    }
  };
  for (const view of [resources.view, executions.view, conversations.view, accounts.view]) {
    context.subscriptions.push(
      view,
      view.onDidChangeVisibility(async ({ visible }) => {
        if (visible) {
          await server.wake();
        }
      }),
    );
  }
  context.subscriptions.push(
    accounts.view.onDidChangeCheckboxState((event) => accounts.checked(event)),
    server.onDidWork(refresh),
    vscode.workspace.registerTextDocumentContentProvider(Executions.scheme, executions),
  );
  return {
    refreshViews: refresh,
    searchResources: () => resources.search(),
    clearSearch: () => {
      resources.filter("");
    },
    mentionResource: (row: Resource, all?: Resource[]) => resources.mention(all ?? [row]),
    resourceDetails: (row: Resource) => resources.details(row),
    refreshResource: (row: Resource) => resources.ask(row),
    openConsole: (row: Resource) => resources.openConsole(row),
    copyArn: (row: Resource, all?: Resource[]) => resources.copyArns(all ?? [row]),
    showOutput: (row: Execution) => executions.show(row),
    cancelExecution: (row: Execution) => executions.cancel(row),
    cancelRunning: () => executions.cancelRunning(),
    rerunExecution: (row: Execution) => executions.rerun(row),
    copyExecuted: (row: Execution) => vscode.env.clipboard.writeText(row.command),
    searchConversations: () => conversations.search(),
    openConversation: (row: Conversation) => conversations.open(row),
    renameConversation: (row: Conversation) => conversations.rename(row),
    labelConversation: (row: Conversation) => conversations.label(row),
    exportConversation: (row: Conversation) => conversations.export(row),
    deleteConversation: (row: Conversation, all?: Conversation[]) =>
      conversations.delete(all ?? [row]),
  };
}
