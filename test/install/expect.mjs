/** Throws unless the text matches. */
export function expectMatch(text, pattern) {
  if (!pattern.test(text)) throw new Error(`expected ${pattern}, got:\n${text}`);
}
