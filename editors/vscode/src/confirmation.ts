import * as vscode from "vscode";
import {
  type MessageActionItem,
  MessageType,
  type ShowMessageRequestParams,
} from "vscode-languageclient/node";

/**
 * Asks the server's question and returns the chosen action, or null for No.
 *
 * Warnings are modal: a notification hides itself while the server still waits for the answer.
 */
export async function confirm(params: ShowMessageRequestParams): Promise<MessageActionItem | null> {
  const actions = params.actions ?? [];
  if (params.type !== MessageType.Warning) {
    const show =
      params.type === MessageType.Error
        ? vscode.window.showErrorMessage
        : vscode.window.showInformationMessage;
    return (await show<MessageActionItem>(params.message, ...actions)) ?? null;
  }
  const [message = "", ...rest] = params.message.split(/\r\n|\r|\n/);
  const options = { modal: true, detail: rest.join("\n").trim() };
  return (
    (await vscode.window.showWarningMessage<MessageActionItem>(message, options, ...actions)) ??
    null
  );
}
