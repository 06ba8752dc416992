import * as vscode from "vscode";
import {
  type MessageActionItem,
  MessageType,
  type ShowMessageRequestParams,
} from "vscode-languageclient/node";

const NO: MessageActionItem = { title: "No" };

/**
 * Asks the server's question and returns the chosen action, or null for No.
 *
 * Questions are modal: a notification hides itself while the server still waits for the answer.
 * Enter answers with the first button, so that a warning puts No there.
 */
export async function confirm(params: ShowMessageRequestParams): Promise<MessageActionItem | null> {
  const actions = params.actions ?? [];
  const [message = "", ...rest] = params.message.split(/\r\n|\r|\n/);
  const options = { modal: true, detail: rest.join("\n").trim() };
  const answer =
    params.type === MessageType.Info
      ? await vscode.window.showInformationMessage(message, options, ...actions)
      : await vscode.window.showWarningMessage(message, options, NO, ...actions);
  return answer === undefined || answer === NO ? null : answer;
}
