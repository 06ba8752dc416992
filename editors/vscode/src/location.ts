import * as vscode from "vscode";
import type { OwnEnvironment } from "./environment";
import { findExecutable } from "./executable";
import { Notices } from "./notices";

const NAME = "cloudops-ls";

export interface Program {
  command: string;
  args: string[];
  origin: "setting" | "environment" | "path";
}

/** Where the server's program is: the setting, else the extension's own environment, else PATH. */
export class Location {
  private readonly notices: Notices;

  constructor(
    private readonly environment: OwnEnvironment,
    private readonly output: vscode.LogOutputChannel,
  ) {
    this.notices = new Notices(output);
  }

  /** Returns the program; says what to do, and returns undefined, where there is none. */
  async find(): Promise<Program | undefined> {
    const configured = vscode.workspace
      .getConfiguration("cloudops")
      .get<string[] | null>("server.command", null);
    if (configured !== null && configured.length > 0) {
      return await this.configured(configured);
    }
    const own = await this.environment.program();
    if (own !== undefined) {
      return { command: own, args: [], origin: "environment" };
    }
    if (await this.environment.isOutdated()) {
      // The user has agreed to it once; a new version of the extension needs a new server.
      const renewed = await this.environment.install();
      if (renewed !== undefined) {
        return { command: renewed, args: [], origin: "environment" };
      }
    }
    const path = await findExecutable(NAME);
    if (path !== undefined) {
      return { command: path, args: [], origin: "path" };
    }
    this.reportMissing();
    return undefined;
  }

  private async configured(command: string[]): Promise<Program | undefined> {
    const [program = "", ...args] = command;
    const path = await findExecutable(program);
    if (path !== undefined) {
      return { command: path, args, origin: "setting" };
    }
    this.tellPath();
    this.notices.failure(
      vscode.l10n.t(
        'CloudOps: there is no program "{0}", which the setting cloudops.server.command names.',
        program,
      ),
      ["settings"],
    );
    return undefined;
  }

  private reportMissing(): void {
    this.tellPath();
    this.notices.failure(
      vscode.l10n.t("CloudOps: its language server, cloudops-ls, is not installed yet."),
      ["setUp"],
    );
  }

  private tellPath(): void {
    this.output.info(`PATH of this window: ${process.env["PATH"] ?? ""}`);
  }
}
