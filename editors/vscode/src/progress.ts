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

type Step = Pick<WorkDoneProgressReport, "message" | "percentage">;

interface Running {
  report: (step: Step) => void;
  end: (nothing: undefined) => void;
}

/**
 * Shows the server's cancellable work with a Cancel button.
 *
 * The client shows work-done progress in the status bar, where it cannot be cancelled.
 */
export class CancellableProgress {
  private readonly running = new Map<ProgressToken, Running>();
  private client: LanguageClient | undefined;

  /** `changed` is called when work begins and when it has ended. */
  constructor(private readonly changed: () => void) {}

  connect(client: LanguageClient): void {
    this.client = client;
    client.onDidChangeState(() => {
      // A server that is gone ends nothing any more.
      if (!client.isRunning()) {
        for (const work of this.running.values()) {
          work.end(undefined);
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
      work.end(undefined);
      this.running.delete(token);
    }
    if (value.kind === "end") {
      this.changed();
    }
    next(token, value);
  };

  private begin(token: ProgressToken, begin: WorkDoneProgressBegin): void {
    // The task starts later than this returns: what is reported until then must not be lost.
    const { promise: ended, resolve: end } = Promise.withResolvers<undefined>();
    let latest: Step = begin;
    let show: ((step: Step) => void) | undefined;
    const report = (step: Step): void => {
      latest = step;
      show?.(step);
    };
    this.running.set(token, { report, end });
    this.changed();
    void vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title: begin.title, cancellable: true },
      (progress, cancellation) => {
        let shown = 0;
        show = ({ message, percentage }) => {
          const increment = Math.max(0, (percentage ?? 0) - shown);
          shown += increment;
          progress.report({ increment, ...(message === undefined ? {} : { message }) });
        };
        cancellation.onCancellationRequested(() =>
          this.client?.sendNotification(WorkDoneProgressCancelNotification.type, { token }),
        );
        show(latest);
        return ended;
      },
    );
  }
}
