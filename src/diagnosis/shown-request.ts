// A request as findings show it. Reports are sent on, so what usually is a secret is left out. No pattern finds every secret.

/** What stands in place of it. */
const LEFT_OUT = '…'
/** The query of a URL: tokens and sessions stand there, and it seldom matters to a fault. */
const QUERY = /\?[^\s"]+/g
/** `//user:password@host`. */
const USER = /\/\/[^\s/"@]+@/g
/** What follows such a word, in protocols that nobody here knows: `PASS secret`, `password=secret`. */
const NAMED = /\b(pass|passwd|password|pwd|token|secret|api[-_]?key|authorization|bearer)(\s*[:=]\s*|\s+)[^\s"]+/gi

/** The first `maximumCharacters` of it. */
export function shownRequest(request: string, maximumCharacters: number): string {
  return request
    .slice(0, maximumCharacters)
    .replace(QUERY, `?${LEFT_OUT}`)
    .replace(USER, `//${LEFT_OUT}@`)
    .replace(NAMED, (_, word: string, between: string) => `${word}${between}${LEFT_OUT}`)
}
