// Completion for bash 4 and later, without the bash-completion package.

import { OFFERED_WORDS, WORDS_BY_TABLE } from '../command.ts'
import type { ArgumentKind, Flag } from '../flag.ts'
import { FLAG_TABLES } from '../flags.ts'
import type { FlagTableName } from '../settings.ts'
import { LIST_CONTAINERS, LIST_FINDINGS, LIST_INTERFACES } from './sources.ts'

const OFFERS: Readonly<Record<ArgumentKind, string>> = {
  file: 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")',
  folder: 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")',
  interface: `mapfile -t COMPREPLY < <(compgen -W "$(${LIST_INTERFACES})" -- "$cur")`,
  user: 'mapfile -t COMPREPLY < <(compgen -u -- "$cur")',
  container: `mapfile -t COMPREPLY < <(compgen -W "$(${LIST_CONTAINERS})" -- "$cur")`,
  finding: `mapfile -t COMPREPLY < <(compgen -W "$(${LIST_FINDINGS})" -- "$cur")`,
  none: 'COMPREPLY=()',
}

export function bashCompletion(): string {
  const { dump } = FLAG_TABLES
  const tables = [...WORDS_BY_TABLE]
  return `# bash completion for tcpflow. To use it: source <(tcpflow --completion bash)

_tcpflow() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} joined=
  local IFS=$' \\t\\n'
  COMPREPLY=()
  # bash takes --flag=value for three words
  if [[ $cur == = ]]; then
    cur= joined=1
  elif [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD-2]} joined=1
  fi
  if [[ $COMP_CWORD -gt 1 ]]; then
    case \${COMP_WORDS[1]} in
${tables.map(([table, words]) => `      ${words.join('|')}) _tcpflow_${table}; return ;;\n`).join('')}    esac
  fi
  case $prev in
${dump.map(caseOf).join('')}  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${all(dump)}' -- "$cur")
    return
  fi
  if [[ $COMP_CWORD == 1 ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${OFFERED_WORDS.join(' ')}' -- "$cur")
  fi
  # with -l, words are files
  if [[ " \${COMP_WORDS[*]} " == *" -l "* || " \${COMP_WORDS[*]} " == *" --files "* ]]; then
    ${OFFERS.file}
  fi
}

${tables.map(([table]) => functionOf(table)).join('\n')}
complete -F _tcpflow tcpflow
`
}

function functionOf(table: FlagTableName): string {
  const flags = FLAG_TABLES[table]
  return `_tcpflow_${table}() {
  case $prev in
${flags.map(caseOf).join('')}  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${all(flags)}' -- "$cur")
  fi
}
`
}

function all(flags: readonly Flag[]): string {
  return flags.flatMap((flag) => forms(flag)).join(' ')
}

function forms(flag: Flag): string[] {
  return [...[...flag.shorts].map((letter) => `-${letter}`), ...(flag.name === '' ? [] : [`--${flag.name}`])]
}

/**
 * What follows a flag that takes a value, also where the flag stands at the end of others (-cr). Where the value may be
 * left out, it is offered only after "=" or in place of a word.
 */
function caseOf(flag: Flag): string {
  if (flag.argument === undefined) return ''
  const { choices, kind, whenLeftOut } = flag.argument
  const patterns = forms(flag).flatMap((form) => (form.startsWith('--') ? [form] : [form, `-[!-]*${form[1]}`]))
  const offer =
    choices === undefined ? OFFERS[kind] : `mapfile -t COMPREPLY < <(compgen -W '${choices.join(' ')}' -- "$cur")`
  const condition = whenLeftOut === undefined ? '' : '[[ $joined || $cur != -* ]] && '
  const body = condition === '' ? `${offer}; return` : `${condition}{ ${offer}; return; }`
  return `    ${patterns.join('|')}) ${body} ;;\n`
}
