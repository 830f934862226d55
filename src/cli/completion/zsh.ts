// Completion for zsh, by its _arguments.

import { OFFERED_WORDS, WORDS_BY_TABLE } from '../command.ts'
import type { Flag, FlagArgument } from '../flag.ts'
import { FLAG_TABLES } from '../flags.ts'
import type { FlagTableName } from '../settings.ts'
import { briefHelp, LIST_CONTAINERS, LIST_FINDINGS, LIST_INTERFACES } from './sources.ts'

export function zshCompletion(): string {
  const tables = [...WORDS_BY_TABLE]
  return `#compdef tcpflow
# zsh completion for tcpflow. To use it: source <(tcpflow --completion zsh)

_tcpflow_interfaces() {
  local -a names
  names=($(${LIST_INTERFACES}))
  compadd -a names
}

_tcpflow_containers() {
  local -a names
  names=($(${LIST_CONTAINERS}))
  compadd -a names
}

_tcpflow_findings() {
  local -a ids
  ids=($(${LIST_FINDINGS}))
  compadd -a ids
}

_tcpflow() {
  if (( CURRENT > 2 )); then
    case $words[2] in
${tables.map(([table, words]) => `      ${words.join('|')}) _tcpflow_${table}; return ;;\n`).join('')}    esac
  fi
  _arguments -s -S \\
${argumentLines(FLAG_TABLES.dump, '    ')}    '1:command or filter:(${OFFERED_WORDS.join(' ')})' \\
    '*:filter or file: _files'
}

${tables.map(([table]) => functionOf(table)).join('\n')}
if [ "\${funcstack[1]}" = _tcpflow ]; then _tcpflow "$@"; else compdef _tcpflow tcpflow; fi
`
}

function functionOf(table: FlagTableName): string {
  return `_tcpflow_${table}() {
  shift words
  (( CURRENT-- ))
  _arguments -s -S \\
${argumentLines(FLAG_TABLES[table], '    ')}    '*:filter: '
}
`
}

function argumentLines(flags: readonly Flag[], indent: string): string {
  return flags
    .flatMap(specifications)
    .map((specification) => `${indent}${quoted(specification)} \\\n`)
    .join('')
}

/** One for each form of the flag; \`*\` because most may be repeated. */
function specifications(flag: Flag): string[] {
  const text = `[${briefHelp(flag).replace(/[[\]\\:]/g, '\\$&')}]`
  const value = flag.argument === undefined ? '' : argumentOf(flag.argument)
  const shorts = [...flag.shorts].map((letter) => `*-${letter}${value === '' ? '' : '+'}${text}${value}`)
  if (flag.name === '') return shorts
  const joint = flag.argument === undefined ? '' : flag.argument.whenLeftOut === undefined ? '=' : '=-'
  return [...shorts, `*--${flag.name}${joint}${text}${value}`]
}

function argumentOf({ label, kind, choices, whenLeftOut }: FlagArgument): string {
  const actions = {
    file: '_files',
    folder: '_files -/',
    interface: '_tcpflow_interfaces',
    user: '_users',
    container: '_tcpflow_containers',
    finding: '_tcpflow_findings',
    none: '',
  }
  const action = choices === undefined ? actions[kind] : `(${choices.join(' ')})`
  return `${whenLeftOut === undefined ? ':' : '::'}${label.toLowerCase()}:${action}`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
