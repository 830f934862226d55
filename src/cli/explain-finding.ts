// `tcpflow diagnose --explain`: the rules' own texts.

import { bold, $ as colors } from 'kleur/colors'
import { EXPLAINED_KINDS, type FindingKind, findingKindsOf } from './finding-ids.ts'
import { wrap } from './wrap.ts'

const WIDTH = 80
const SECTIONS: readonly (readonly [title: string, text: (kind: FindingKind) => string])[] = [
  ['What it means', ({ meaning }) => meaning],
  ['How it is told', ({ told }) => told],
  ['What it cannot tell', ({ limits }) => limits],
  ['What to do', ({ advice }) => advice],
]

/** `id` '': a list of all. Ends with a newline. Throws UsageError for an id that does not exist. */
export function explainFinding(id: string, color: boolean): string {
  colors.enabled = color
  if (id === '') return listOfAll()
  return findingKindsOf(id, '--explain').map(explain).join('\n')
}

function explain(kind: FindingKind): string {
  const sections = SECTIONS.map(([title, text]) => [title, text(kind)] as const)
    .filter(([, text]) => text !== '')
    .map(
      ([title, text]) =>
        `${title}:\n${wrap(text, WIDTH - 2)
          .map((line) => `  ${line}\n`)
          .join('')}`,
    )
  const heading = wrap(`${kind.id} (${kind.severity}): ${kind.title}`, WIDTH).join('\n  ')
  return [`${bold(kind.id)}${heading.slice(kind.id.length)}\n`, ...sections].join('\n')
}

function listOfAll(): string {
  const longest = Math.max(...EXPLAINED_KINDS.map(({ id }) => id.length))
  return EXPLAINED_KINDS.map(
    ({ id, severity, title }) => `${bold(id)}${' '.repeat(longest - id.length)}  ${severity.padEnd(7)}  ${title}\n`,
  ).join('')
}
