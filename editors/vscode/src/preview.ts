import type MarkdownIt from "markdown-it";
import type { StateCore, Token } from "markdown-it";

const ANSWER = "CloudOps:";
const COMMAND = /^(?:aws|sh|bash|shell|console)(?:\s|$)/;
const OUTPUT = /\boutput=\S+(?:.*?\bstatus=(\w+))?/;

interface Environment {
  currentDocument?: { path: string };
}

/**
 * Lets the preview of a runbook say who said what: questions, answers, commands and outputs get
 * classes, which media/runbook.css gives a look. Other Markdown files are left alone.
 *
 * Parameters
 * ----------
 * captions: what stands over an output, by its status.
 */
export function styleRunbooks(md: MarkdownIt, captions: (status: string) => string): MarkdownIt {
  md.core.ruler.push("cloudops", (state) => {
    const { currentDocument } = state.env as Environment;
    if (currentDocument?.path.endsWith(".cloudops.md") === true) {
      state.tokens = marked(state, captions);
    }
  });
  return md;
}

function marked(state: StateCore, captions: (status: string) => string): Token[] {
  const { tokens } = state;
  const result: Token[] = [];
  let turn: Token | undefined;
  tokens.forEach((token, place) => {
    if (token.level === 0 && token.type === "blockquote_open") {
      if (isAnswer(tokens[place + 2])) {
        token.attrJoin("class", "cloudops-answer");
        turn?.attrJoin("class", "cloudops-turn");
      }
      turn = undefined;
    } else if (token.level === 0 && token.nesting === 1) {
      turn = token;
    } else if (token.level === 0 && token.nesting === 0) {
      turn = undefined;
    }
    const wrapped = token.type === "fence" ? wrapper(state, token, captions) : undefined;
    result.push(...(wrapped?.[0] ?? []), token, ...(wrapped?.[1] ?? []));
  });
  return result;
}

function isAnswer(inline: Token | undefined): boolean {
  const [first, second, third] = inline?.children ?? [];
  const strong = first?.type === "text" && first.content === "" ? third : second;
  return strong?.content === ANSWER;
}

function wrapper(
  state: StateCore,
  fence: Token,
  captions: (status: string) => string,
): [Token[], Token[]] | undefined {
  const output = OUTPUT.exec(fence.info);
  const open = new state.Token("cloudops_open", "div", 1);
  const close = new state.Token("cloudops_close", "div", -1);
  open.block = close.block = true;
  if (output !== null) {
    const status = output[1] ?? "unknown";
    open.attrJoin("class", `cloudops-output cloudops-${status}`);
    const caption = new state.Token("text", "", 0);
    caption.content = captions(status);
    const begin = new state.Token("cloudops_open", "p", 1);
    begin.attrJoin("class", "cloudops-caption");
    return [[open, begin, caption, new state.Token("cloudops_close", "p", -1)], [close]];
  }
  if (COMMAND.test(fence.info)) {
    open.attrJoin("class", "cloudops-command");
    return [[open], [close]];
  }
  return undefined;
}
