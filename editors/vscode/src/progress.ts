import * as vscode from "vscode";
import {
  type LanguageClient,
  type ProgressToken,
  type WorkDoneProgressBegin,
  WorkDoneProgressCancelNotification,
  type WorkDoneProgressEnd,
  type WorkDoneProgressReport,
} from "vscode-languageclient/node";

type WorkDone = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

type ShowInStatusBar = (token: ProgressToken, value: WorkDone) => void;

interface Running {
  report(value: WorkDoneProgressReport): void;
  end(): void;
}

/**
 * Shows the server's cancellable work with a Cancel button.
 *
 * The client shows work-done progress in the status bar, where it cannot be cancelled.
 */
export class CancellableProgress {
  private readonly running = new Map<ProgressToken, Running>();
  private client: LanguageClient | undefined;

  connect(client: LanguageClient): void {
    this.client = client;
    client.onDidChangeState(() => {
      // A server that is gone ends nothing any more.
      if (!client.isRunning()) {
        for (const work of this.running.values()) {
          work.end();
        }
        this.running.clear();
      }
    });
  }

  readonly handle = (token: ProgressToken, value: WorkDone, next: ShowInStatusBar): void => {
    if (value.kind === "begin" && value.cancellable === true) {
      this.begin(token, value);
      return;
    }
    const work = this.running.get(token);
    if (work !== undefined && value.kind === "report") {
      work.report(value);
      return;
    }
    if (work !== undefined && value.kind === "end") {
      work.end();
      this.running.delete(token);
    }
    next(token, value);
  };

  private begin(token: ProgressToken, begin: WorkDoneProgressBegin): void {
    void vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: begin.title, cancellable: true },
      (progress, cancellation) =>
        new Promise<void>((resolve) => {
          let done = 0;
          const report = ({ message, percentage }: Omit<WorkDoneProgressReport, "kind">): void => {
            const increment = Math.max(0, (percentage ?? 0) - done);
            done += increment;
            progress.report({ increment, ...(message === undefined ? {} : { message }) });
          };
          cancellation.onCancellationRequested(() =>
            this.client?.sendNotification(WorkDoneProgressCancelNotification.type, { token }),
          );
          this.running.set(token, { report, end: resolve });
          report(begin);
        }),
    );
  }
}
