import { createHash } from "node:crypto";
import * as vscode from "vscode";
import type { CodeLensMiddleware } from "vscode-languageclient";

/** More than any window shows at once, so that no lens on the screen is without its command. */
const MOST = 500;

/**
 * Commands of code lenses whose arguments VS Code cannot lose.
 *
 * It keeps the arguments of a lens's command only until lenses are provided anew, and shows the
 * old lens until the new one is resolved: a click meanwhile ends in "Actual command not found".
 * Here every lens has a command of its own, without arguments.
 */
export class LensCommands implements vscode.Disposable {
  private readonly known = new Map<string, vscode.Disposable>();

  readonly middleware: CodeLensMiddleware = {
    resolveCodeLens: async (lens, cancelled, next) => {
      const resolved = await next(lens, cancelled);
      if (resolved?.command?.arguments !== undefined) {
        resolved.command = this.withoutArguments(resolved.command);
      }
      return resolved;
    },
  };

  dispose(): void {
    for (const registered of this.known.values()) {
      registered.dispose();
    }
    this.known.clear();
  }

  private withoutArguments(command: vscode.Command): vscode.Command {
    const { title, command: name, tooltip } = command;
    const given = (command.arguments ?? []) as unknown[];
    const digest = createHash("sha256")
      .update(JSON.stringify([name, given]))
      .digest("hex");
    const id = `${name}.lens.${digest}`;
    const registered =
      this.known.get(id) ??
      vscode.commands.registerCommand(id, () => vscode.commands.executeCommand(name, ...given));
    // The one used last is forgotten last.
    this.known.delete(id);
    this.known.set(id, registered);
    for (const [oldest, one] of this.known) {
      if (this.known.size <= MOST) {
        break;
      }
      this.known.delete(oldest);
      one.dispose();
    }
    return { title, command: id, ...(tooltip === undefined ? {} : { tooltip }) };
  }
}
