// The table of findings in docs/diagnosis.md, made of the rules' own texts, which --explain prints.

import { EXPLAINED_KINDS } from '../../src/cli/finding-ids.ts'

const BEGIN = '<!-- made by npm run docs: do not edit -->'
const END = '<!-- end of what is made -->'

/** The page with its table as the rules are now. */
export function withDiagnosisTable(page: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`docs/diagnosis.md has no ${BEGIN} … ${END}`)
  return `${page.slice(0, begin)}${BEGIN}\n\n${table()}\n${page.slice(end)}`
}

function table(): string {
  const rows = EXPLAINED_KINDS.map(({ id, severity, title, meaning, told, limits, advice }) =>
    [`\`${id}\` (${severity}): ${title}`, meaning, told, limits, advice].map(cell).join(' | '),
  )
  return `${[
    '| finding | what it means | how it is told | what it cannot tell | what to do |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n')}\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ').trim()
}
