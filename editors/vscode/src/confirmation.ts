import * as vscode from "vscode";
import {
  type CancellationToken,
  type MessageActionItem,
  MessageType,
  type ShowMessageRequestParams,
} from "vscode-languageclient/node";

const NO: MessageActionItem = { title: "No" };
/** The server's words for the way out of its questions. */
const REFUSAL = "Don't ";

/**
 * Asks the server's question and returns the chosen action, or null for No.
 *
 * Questions are modal: a notification hides itself while the server still waits for the answer.
 * Enter answers with the first button. The server puts a refusal there where a Yes has
 * consequences; where a warning offers nothing but a Yes, we do. A refusal at the end takes the
 * place of VS Code's own Cancel.
 */
export async function confirmMessage(
  params: ShowMessageRequestParams,
): Promise<MessageActionItem | null> {
  const actions = params.actions ?? [];
  const isWarning = params.type !== MessageType.Info;
  const offered = isWarning && actions.length === 1 ? [NO, ...actions] : actions;
  const buttons = offered.map((action, place) => ({
    title: action.title,
    isCloseAffordance:
      place > 0 && place === offered.length - 1 && action.title.startsWith(REFUSAL),
    action,
  }));
  const [message = "", ...rest] = params.message.split(/\r\n|\r|\n/);
  const options = { modal: true, detail: rest.join("\n").trim() };
  const answer = isWarning
    ? await vscode.window.showWarningMessage(message, options, ...buttons)
    : await vscode.window.showInformationMessage(message, options, ...buttons);
  return answer === undefined || answer.action === NO ? null : answer.action;
}

type Answer = "run" | "refuse" | "dryRun" | "stopPlan";

/** Parameters of `cloudops/confirm`: the whole preview of one command (docs/safety.md). */
export interface ConfirmParams {
  title: string;
  lines: string[];
  risk: "low" | "medium" | "high";
  subject: string;
  place: string;
  typeToConfirm: string | null;
  choices: Answer[];
  seconds: number;
}

export interface ConfirmResult {
  answer: Answer;
  typed?: string;
  reason?: string;
}

interface Button extends vscode.MessageItem {
  answer: Answer | "explain";
}

/**
 * Asks whether exactly one command may run; null for a closed dialog.
 *
 * Escape is a No. So is Enter where a Yes has consequences. VS Code adds a *Cancel* of its own
 * unless one button is the close affordance; that one is always the last, and Enter presses the
 * first of the others. So *Don't Run* closes, and what Enter presses asks why not.
 */
export async function confirmCommand(
  params: ConfirmParams,
  expired: CancellationToken,
): Promise<ConfirmResult | null> {
  const button = await ask(params);
  if (button === undefined || expired.isCancellationRequested) {
    return null;
  }
  switch (button.answer) {
    case "explain":
      return { answer: "refuse", ...(await reason()) };
    case "run":
      return params.typeToConfirm === null
        ? { answer: "run" }
        : await typedBack(params, params.typeToConfirm);
    default:
      return { answer: button.answer };
  }
}

async function ask(params: ConfirmParams): Promise<Button | undefined> {
  const isTyped = params.typeToConfirm !== null;
  const run: Button = {
    title: isTyped ? vscode.l10n.t("Run…") : vscode.l10n.t("Run"),
    answer: "run",
  };
  const explain: Button = { title: vscode.l10n.t("Don't Run, and Say Why…"), answer: "explain" };
  const low = params.risk === "low";
  const buttons = low ? [run, explain] : [explain, run];
  if (params.choices.includes("dryRun")) {
    buttons.push({ title: vscode.l10n.t("Dry Run First"), answer: "dryRun" });
  }
  if (params.choices.includes("stopPlan")) {
    buttons.push({ title: vscode.l10n.t("Stop the Plan"), answer: "stopPlan" });
  }
  buttons.push({ title: vscode.l10n.t("Don't Run"), answer: "refuse", isCloseAffordance: true });
  const options = { modal: true, detail: params.lines.join("\n") };
  const title = `${params.title}?`;
  return low
    ? await vscode.window.showInformationMessage(title, options, ...buttons)
    : await vscode.window.showWarningMessage(title, options, ...buttons);
}

/** High risk: the name of what is touched has to be typed, not clicked. Nothing typed is a No. */
async function typedBack(params: ConfirmParams, name: string): Promise<ConfirmResult | null> {
  const typed = await vscode.window.showInputBox({
    title: vscode.l10n.t("High risk: {0}", params.title),
    prompt: vscode.l10n.t('Type "{0}" to run this in {1}.', name, params.place),
    placeHolder: name,
    ignoreFocusOut: true,
    validateInput: (value) =>
      value === name || value === "" ? undefined : vscode.l10n.t("This is not the name: {0}", name),
  });
  return typed === undefined || typed === "" ? null : { answer: "run", typed };
}

async function reason(): Promise<{ reason?: string }> {
  const given = await vscode.window.showInputBox({
    title: vscode.l10n.t("Why not?"),
    prompt: vscode.l10n.t(
      "It was not run. A reason is recorded, and sent to the assistant as your next turn; none needs none.",
    ),
    ignoreFocusOut: true,
  });
  return given === undefined || given.trim() === "" ? {} : { reason: given };
}

/** Parameters of `cloudops/input`: one line of text, such as the code of an MFA device. */
export interface InputParams {
  title: string;
  prompt: string;
  secret: boolean;
}

/** Asks for one line; null when the box was closed. Nothing of it is kept. */
export async function askForInput(
  params: InputParams,
  expired: CancellationToken,
): Promise<{ value: string } | null> {
  const { title, prompt, secret } = params;
  const options = { title, prompt, password: secret, ignoreFocusOut: true };
  const value = await vscode.window.showInputBox(options, expired);
  return value === undefined ? null : { value };
}
