import * as vscode from "vscode";

/** A tree whose rows are fetched when they are first seen, and again when told to. */
export abstract class Tree<T> implements vscode.TreeDataProvider<T> {
  private readonly changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.changed.event;

  refresh(): void {
    this.changed.fire(undefined);
  }

  abstract getTreeItem(row: T): vscode.TreeItem;

  abstract getChildren(row?: T): Promise<T[]>;
}

/** Where a hovering reader sees everything, as plain text: rows come from AWS and from files. */
export function tooltip(...lines: (string | null | undefined)[]): string {
  return lines.filter((line) => typeof line === "string" && line !== "").join("\n");
}

/** A moment as the user writes it. */
export function when(iso: string | null): string {
  return iso === null ? "" : new Date(iso).toLocaleString();
}
