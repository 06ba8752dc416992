/**
 * Returns the line of the command over the output of an execution, undefined where it is not in
 * the text any more.
 */
export function lineOfCommand(text: string, executionId: string): number | undefined {
  const lines = text.split(/\r\n|\n|\r/);
  const output = lines.findIndex(
    (line) => /^ {0,3}[`~]{3,}/.test(line) && line.split(/\s+/).includes(`output=${executionId}`),
  );
  for (let line = output - 1; line >= 0; line -= 1) {
    if (/^ {0,3}[`~]{3,}/.test(lines[line] ?? "")) {
      // The fence that ends the command's block: the command is the last line that begins one.
      let begin = line - 1;
      while (begin > 0 && !/^\s*(?:\$ )?aws\s/.test(lines[begin] ?? "")) {
        begin -= 1;
      }
      return begin;
    }
  }
  return undefined;
}
