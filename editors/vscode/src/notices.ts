import * as vscode from "vscode";

export type Remedy = "setUp" | "restart" | "settings";

/** Failures of the extension itself: each with its log, and with what can be done about it. */
export class Notices {
  constructor(private readonly output: vscode.LogOutputChannel) {}

  failure(message: string, remedies: Remedy[] = []): void {
    this.output.error(message);
    void this.offer(vscode.window.showErrorMessage, message, remedies);
  }

  warning(message: string, remedies: Remedy[] = []): void {
    this.output.warn(message);
    void this.offer(vscode.window.showWarningMessage, message, remedies);
  }

  private async offer(
    show: (message: string, ...choices: string[]) => Thenable<string | undefined>,
    message: string,
    remedies: Remedy[],
  ): Promise<void> {
    const commands: Record<Remedy, [string, string, ...unknown[]]> = {
      setUp: [vscode.l10n.t("Set Up the Server"), "cloudops-ui.setUpServer"],
      restart: [vscode.l10n.t("Restart"), "cloudops-ui.restart"],
      settings: [
        vscode.l10n.t("Open Settings"),
        "workbench.action.openSettings",
        "cloudops.server",
      ],
    };
    const offered: [string, string, ...unknown[]][] = [
      ...remedies.map((remedy) => commands[remedy]),
      [vscode.l10n.t("Show Logs"), "cloudops-ui.showLogs"],
      [vscode.l10n.t("How to Fix"), "cloudops-ui.howToFix"],
    ];
    const chosen = await show(message, ...offered.map(([title]) => title));
    const action = offered.find(([title]) => title === chosen);
    if (action !== undefined) {
      const [, command, ...rest] = action;
      await vscode.commands.executeCommand(command, ...rest);
    }
  }
}
