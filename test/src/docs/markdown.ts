// The code blocks of a Markdown document, with what the document says of them where readers do not look: an HTML comment
// straight before a block may hold code that goes before it ("setup"), or say why it is compiled but not run.

export interface CodeBlock {
  readonly language: string;
  /** The line of the document on which the code begins, counted from 1. */
  readonly line: number;
  readonly code: string;
  /** Code that the reader is not shown: `<!-- setup` … `-->`. */
  readonly setup: string;
  /** Why the block is compiled but not run: `<!-- compiled only: needs a GPU -->`. */
  readonly compiledOnly?: string;
}

/** The fenced blocks of a document in the given languages, in order. */
export function codeBlocks(markdown: string, languages: readonly string[]): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const fence = /(<!--((?:(?!-->)[\s\S])*)-->\n+)?^```(\w+)\n([\s\S]*?)^```$/gm;
  for (const match of markdown.matchAll(fence)) {
    const [, comment = '', note = '', language = '', code = ''] = match;
    if (!languages.includes(language)) continue;
    const begin = match.index + comment.length;
    const line = markdown.slice(0, begin).split('\n').length + 1;
    const setup = /^\s*setup\n([\s\S]*)$/.exec(note)?.[1] ?? '';
    const compiledOnly = /^\s*compiled only: (.*?)\s*$/.exec(note)?.[1];
    blocks.push({ language, line, code, setup, ...(compiledOnly ? { compiledOnly } : {}) });
  }
  return blocks;
}
