// Makes one template of file names from `-T` and `-F`.

import { UsageError } from '../core/errors.ts'

export const DEFAULT_TEMPLATE = '%A.%a-%B.%b%V%v%C%c'
/** The letters of `-F`. `M` and `X` do not change names. */
export const NAME_LETTERS = 'ctTkmgMX'

/** What `t`, `T`, `k`, `m` and `g` put in front; folders are named as tcpflow names them. */
const PREFIXES: Readonly<Record<string, string>> = {
  t: '%tT',
  T: '%T',
  k: '%K/',
  m: '%M000-%M999/%M%K/',
  g: '%G000000-%G999999/%G%M000-%G%M999/%G%M%K/',
}

/**
 * One template from `-T` (or its default) and the letters of `-F`. Each letter is put in front of what is there
 * already; times go inside folders. A template without a counter gets one, because later connections need a name too.
 * Throws UsageError if the template ends in a folder.
 */
export function joinNameTemplate(template: string | undefined, letters: string): string {
  let joined = template ?? DEFAULT_TEMPLATE
  // Checked here, before the counter is added: with a counter it would seem to name a file.
  if (joined.endsWith('/')) {
    throw new UsageError(
      `file name template '${joined}' names no file`,
      'put something after the last /, such as %A.%a-%B.%b',
    )
  }
  if (letters.includes('c')) joined = withCounterAlways(joined)
  else if (!hasCounter(joined)) joined += '%C%c'
  const times = [...letters].filter((letter) => letter === 't' || letter === 'T')
  const folders = [...letters].filter((letter) => 'kmg'.includes(letter)).slice(-1)
  for (const letter of [...times, ...folders]) joined = PREFIXES[letter]! + joined
  return joined
}

/** %c or %#, but not a letter after %%. */
function hasCounter(template: string): boolean {
  return directives(template).some((directive) => directive === '%c' || directive === '%#')
}

function withCounterAlways(template: string): string {
  if (directives(template).includes('%#')) return template
  const replaced = template.replace(/%%|%C%c|%c/g, (match) => (match === '%%' ? match : match === '%c' ? '%#' : 'c%#'))
  return replaced === template ? `${template}c%#` : replaced
}

function directives(template: string): string[] {
  return template.match(/%./gs) ?? []
}
