// Completion for fish.

import { OFFERED_WORDS, WORDS_BY_TABLE } from '../command.ts'
import type { Flag } from '../flag.ts'
import { FLAG_TABLES } from '../flags.ts'
import { briefHelp, LIST_CONTAINERS, LIST_FINDINGS, LIST_INTERFACES } from './sources.ts'

export function fishCompletion(): string {
  const tables = [...WORDS_BY_TABLE]
  const words = tables.flatMap(([, each]) => each).join(' ')
  return `# fish completion for tcpflow. To use it: tcpflow --completion fish | source

complete -c tcpflow -f
complete -c tcpflow -n '__fish_use_subcommand' -a '${OFFERED_WORDS.join(' ')}'
complete -c tcpflow -n '__fish_contains_opt -s l files' -F
${lines(FLAG_TABLES.dump, `-n 'not __fish_seen_subcommand_from ${words}'`)}${tables
  .map(([table, own]) => lines(FLAG_TABLES[table], `-n '__fish_seen_subcommand_from ${own.join(' ')}'`))
  .join('')}`
}

function lines(flags: readonly Flag[], condition: string): string {
  return flags.map((flag) => line(flag, condition)).join('')
}

function line(flag: Flag, condition: string): string {
  const forms = [...flag.shorts].map((letter) => `-s ${letter}`)
  if (flag.name !== '') forms.push(`-l ${flag.name}`)
  const parts = ['complete -c tcpflow', condition, ...forms, argumentOf(flag), `-d ${quoted(briefHelp(flag))}`]
  return `${parts.filter((part) => part !== '').join(' ')}\n`
}

/** -r: a value must follow; -x: a value must follow, and it is not a file. */
function argumentOf(flag: Flag): string {
  if (flag.argument === undefined) return ''
  const { kind, choices, whenLeftOut } = flag.argument
  if (choices !== undefined) return `${whenLeftOut === undefined ? '-x ' : ''}-a ${quoted(choices.join(' '))}`
  if (kind === 'file') return '-r -F'
  if (kind === 'finding') return `${whenLeftOut === undefined ? '-x ' : ''}-a ${quoted(`(${LIST_FINDINGS})`)}`
  if (kind === 'folder') return `-x -a '(__fish_complete_directories)'`
  if (kind === 'interface') return `-x -a ${quoted(`(sh -c "${LIST_INTERFACES}")`)}`
  if (kind === 'container') return `-x -a ${quoted(`(${LIST_CONTAINERS})`)}`
  return kind === 'user' ? `-x -a '(__fish_complete_users)'` : '-x'
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
