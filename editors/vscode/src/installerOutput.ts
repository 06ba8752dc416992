/** The last attempt of pip, and what uv says of a request that was never answered. */
const UNREACHABLE = /Retry\(total=0,|Could not fetch URL|error sending request|dns error/;
const ERROR = /^(?:ERROR|error|×):? +(?<what>\S.*)$/;
const FETCHED =
  /^(?:Collecting|Downloading) (?:\S*\/)?(?<name>[A-Za-z0-9][\w.]*(?:-[A-Za-z_]\w*)*)/;

/** What an installer complains of: its first error, which the others follow from. */
export class Complaint {
  private first: string | undefined;
  private last = "";
  private unreachable = false;

  /** Takes in one line of what it says. */
  hear(line: string): void {
    const said = line.trim();
    if (said === "") {
      return;
    }
    this.last = said;
    this.first ??= ERROR.exec(said)?.groups?.["what"];
    this.unreachable ||= UNREACHABLE.test(said);
  }

  /** Whether the package index was not reached; then whatever it names as missing is not. */
  get isUnreachable(): boolean {
    return this.unreachable;
  }

  get text(): string {
    return this.first ?? this.last;
  }
}

/** Returns the name of the package that an installer says it fetches. */
export function fetched(line: string): string | undefined {
  return FETCHED.exec(line.trim())?.groups?.["name"];
}
