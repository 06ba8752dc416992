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
 * Enter answers with the first button. The server puts a refusal there where a Yes has
 * consequences; where a warning offers nothing but a Yes, we do.
 */
export async function confirm(params: ShowMessageRequestParams): Promise<MessageActionItem | null> {
  const actions = params.actions ?? [];
  const [message = "", ...rest] = params.message.split(/\r\n|\r|\n/);
  const options = { modal: true, detail: rest.join("\n").trim() };
  if (params.type === MessageType.Info) {
    return (await vscode.window.showInformationMessage(message, options, ...actions)) ?? null;
  }
  const offered = actions.length === 1 ? [NO, ...actions] : actions;
  const answer = await vscode.window.showWarningMessage(message, options, ...offered);
  return answer === undefined || answer === NO ? null : answer;
}
