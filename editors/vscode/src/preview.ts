import type MarkdownIt from "markdown-it";
import type { Token } from "markdown-it";

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
  // Only the renderer is told which document it is; VS Code parses without saying.
  const render = md.renderer.render.bind(md.renderer);
  md.renderer.render = (tokens, options, env: Environment) => {
    const isRunbook = env.currentDocument?.path.endsWith(".cloudops.md") === true;
    return render(isRunbook ? marked(tokens, captions) : tokens, options, env);
  };
  return md;
}

function marked(tokens: Token[], captions: (status: string) => string): Token[] {
  const classes = new Map<Token, string>();
  let turn: Token | undefined;
  tokens.forEach((token, place) => {
    if (token.level !== 0 || isComment(token)) {
      return;
    }
    if (token.type === "blockquote_open" && isAnswer(tokens[place + 2])) {
      classes.set(token, "cloudops-answer");
      if (turn !== undefined) {
        classes.set(turn, "cloudops-turn");
      }
    }
    if (token.nesting >= 0) {
      turn = token.nesting === 1 && token.type !== "blockquote_open" ? token : undefined;
    }
  });
  return tokens.flatMap((token) => {
    const name = classes.get(token);
    const shown = name === undefined ? token : withClass(token, name);
    return token.type === "fence" ? wrapped(shown, captions) : [shown];
  });
}

/** The tokens are VS Code's, which keeps them for the next time: they are not to be changed. */
function withClass(token: Token, name: string): Token {
  const changed = Object.assign(
    Object.create(Object.getPrototypeOf(token) as object),
    token,
  ) as Token;
  changed.attrs = token.attrs?.map(([key, value]) => [key, value]) ?? null;
  changed.attrJoin("class", name);
  return changed;
}

/** What the preview does not show separates nothing. */
function isComment(token: Token): boolean {
  return token.type === "html_block" && /^\s*<!--[^]*-->\s*$/.test(token.content);
}

function isAnswer(inline: Token | undefined): boolean {
  const [first, second, third] = inline?.children ?? [];
  const strong = first?.type === "text" && first.content === "" ? third : second;
  return strong?.content === ANSWER;
}

function wrapped(fence: Token, captions: (status: string) => string): Token[] {
  const made = (tag: string, nesting: 1 | 0 | -1, name?: string): Token => {
    const token = new (fence.constructor as new (...of: unknown[]) => Token)(
      tag === "" ? "text" : `cloudops_${tag}`,
      tag,
      nesting,
    );
    token.block = nesting !== 0;
    if (name !== undefined) {
      token.attrJoin("class", name);
    }
    return token;
  };
  const output = OUTPUT.exec(fence.info);
  if (output !== null) {
    const status = output[1] ?? "unknown";
    const caption = made("", 0);
    caption.content = captions(status);
    return [
      made("div", 1, `cloudops-output cloudops-${status}`),
      made("p", 1, "cloudops-caption"),
      caption,
      made("p", -1),
      fence,
      made("div", -1),
    ];
  }
  return COMMAND.test(fence.info)
    ? [made("div", 1, "cloudops-command"), fence, made("div", -1)]
    : [fence];
}
