// `--help`, made from the flag table.

import { bold, $ as colors, cyan, underline } from 'kleur/colors'
import { type Flag, GROUPS } from './flag.ts'
import { FLAG_TABLES } from './flags.ts'
import type { FlagTableName } from './settings.ts'
import { wrap } from './wrap.ts'

const WIDTH = 80
/** The column where the help text of a flag begins. */
const TEXT_COLUMN = 26

/** What help says about a command, apart from its flags. */
export interface Topic {
  readonly usage: readonly string[]
  readonly about: readonly string[]
  readonly examples: readonly (readonly [command: string, what: string])[]
}

const DUMP: Topic = {
  usage: [
    'tcpflow [flags] [filter]',
    'tcpflow diagnose [flags] [filter]  (see tcpflow help diagnose)',
    'tcpflow latency [flags] [filter]   (see tcpflow help latency)',
    'tcpflow containers [-q] [--json]',
  ],
  about: [
    'Shows what is really said over TCP. It captures packets or reads capture files, puts the bytes of every connection back in order, and prints them or writes a file for each direction.',
    'The filter is written as for tcpdump: "port 80", "host 10.0.0.1 and not port 22" (see man pcap-filter). Flags and filter may stand in any order; -- ends the flags.',
  ],
  examples: [
    ["tcpflow -c -J -i docker0 'port 80'", 'web traffic of the containers, in colour, as it happens'],
    ['tcpflow -c --container web', 'what the container "web" says and hears, across restarts'],
    ["tcpflow -c --service api 'port 5432'", 'what all containers of a Compose service ask the database'],
    ['tcpflow diagnose --container web', 'why "web" cannot reach something, or is slow'],
    ['tcpflow containers', 'which containers run, and where they would be captured'],
    ['tcpflow -r trace.pcap -o out', 'a file for each flow, in the folder "out"'],
    ['tcpflow -a -r trace.pcap -o out', 'the same, and HTTP bodies as files of their own'],
    ["tcpflow -c --decode --time -r a.pcap 'port 80' | less -R", 'HTTP bodies made readable, a page at a time'],
    ['ssh host tcpdump -U -w - tcp port 80 | tcpflow -c -r -', 'what another machine sees'],
    ["tcpflow --json 'port 6379' | jq .", 'JSON events for other programs'],
    ['tcpflow -c -w all.pcapng --rotate-size 100M --keep 5', 'look on, and keep the newest 500 MB of packets'],
  ],
}

const LATENCY: Topic = {
  usage: ['tcpflow latency [flags] [filter]'],
  about: [
    'Times every request: which are slow, and was it the client, the network or the server? It prints a line for each request, with its latency (from the first byte of the request to the last byte of the response), and a table at the end.',
    'Sources, filters and saving work as in tcpflow itself. Requests are paired with their responses by the rules of the protocol, also in pipelines. Where bytes are missing from the capture, it prints no latency that could be wrong.',
  ],
  examples: [
    ["tcpflow latency -i any 'port 6379'", 'every Redis command, and a table on Ctrl-C'],
    ['tcpflow latency --container db -t 10', 'requests to the container "db" that took 10 ms or more'],
    ['tcpflow latency -r trace.pcap --top 20', 'the 20 slowest requests of a capture'],
    ['tcpflow latency -r trace.pcap --table --by server,route', 'only the table, on standard output'],
    [
      "tcpflow latency --json -t p99 'port 80' | jq .serverMicros",
      'the slowest 1% as JSON, with the parts of each latency',
    ],
    ['tcpflow latency --compare client.pcap server.pcap', 'was it the network or the server, from both sides'],
    ['tcpflow latency -q --metrics 0.0.0.0:9478', 'metrics for Prometheus'],
  ],
}

const DIAGNOSE: Topic = {
  usage: ['tcpflow diagnose [flags] [filter]', 'tcpflow diagnose --explain [ID]'],
  about: [
    'Tells why a connection failed, is slow or was cut: the cause in a sentence, what to do next, and the packets that prove it. Healthy traffic gives no error and no warning.',
    'Sources, filters and saving work as in tcpflow itself. Live, a finding is printed as soon as there is evidence enough; the report comes at the end: errors first, then what touches most connections. The same cause on many connections is one finding that counts.',
    'A filter also hides what explains a fault: ARP, ICMP errors and DNS. "host 10.0.0.1" or no filter at all tells more than "port 80".',
  ],
  examples: [
    ['tcpflow diagnose --container web', 'what goes wrong around the container "web", until Ctrl-C'],
    ['tcpflow diagnose -r trace.pcap', 'what went wrong in a capture'],
    ['tcpflow diagnose --min-severity error --exit-code -r trace.pcap', 'exit code 3 if there was an error'],
    ['tcpflow diagnose -i docker0 -w all.pcapng --slow 200ms', 'what takes 200 ms is slow; all packets are kept'],
    ['tcpflow diagnose -w trace.pcapng --keep-around errors', 'for weeks: save only what led to an error'],
    ['tcpflow diagnose --json -r trace.pcap | jq -r .id', 'findings for other programs'],
    ['tcpflow diagnose --explain refused', 'what a finding means, and what it cannot tell'],
  ],
}

const CONTAINERS: Topic = {
  usage: ['tcpflow containers [flags]'],
  about: ['Lists the containers that run, and where each would be captured.'],
  examples: [
    ['tcpflow containers', 'a table'],
    ['tcpflow containers -q', 'only the names'],
    ['tcpflow containers --json | jq -r .name', 'for other programs'],
  ],
}

const TCPKIT: Topic = {
  usage: ['tcpkit [flags] [filter]'],
  about: [
    "Takes tcpkit's flags and prints what tcpkit prints. tcpflow latency can do more: JSON, tables, containers, metrics.",
  ],
  examples: [
    ['tcpkit -i eth0 -p redis tcp port 6379', 'a line for each command'],
    ['tcpkit -r trace.pcap -p http -t 100', 'requests that took 100 ms or more'],
    ['tcpkit -i any -A port 11211', 'each packet as text'],
  ],
}

export const TOPICS: Readonly<Record<FlagTableName, Topic>> = {
  dump: DUMP,
  latency: LATENCY,
  diagnose: DIAGNOSE,
  containers: CONTAINERS,
  tcpkit: TCPKIT,
}

export const NOTES =
  'SIZE is bytes, or a number with k, M or G (64k is 65536). TIME is a number with ms, s, m, h or d. Exit code: 0 done, 1 failed, 2 flags not understood.'

export const DIAGNOSE_NOTES = `${NOTES.slice(0, -1)}; with --exit-code 3 if there was an error.`

/** The whole text, at most 80 columns wide, ending with a newline. */
export function formatHelp(color: boolean, table: FlagTableName = 'dump'): string {
  colors.enabled = color
  const { usage, about, examples } = TOPICS[table]
  const groups = GROUPS.map((group) => ({ group, flags: FLAG_TABLES[table].filter((flag) => flag.group === group) }))
  const parts = [
    `${usage.map((line, i) => `${i === 0 ? bold('Usage:') : '      '} ${line}\n`).join('')}`,
    ...about.map((paragraph) => `${wrap(paragraph, WIDTH).join('\n')}\n`),
    ...groups
      .filter(({ flags }) => flags.length > 0)
      .map(({ group, flags }) => `${heading(group)}\n${flags.map(formatFlag).join('')}`),
    `${wrap(table === 'diagnose' ? DIAGNOSE_NOTES : NOTES, WIDTH).join('\n')}\n`,
    `${heading('Examples')}\n${examples.map(formatExample).join('')}`,
  ]
  return parts.join('\n')
}

function heading(text: string): string {
  return underline(`${text}:`)
}

/** The forms of a flag in one column and its text beside them, or below if the forms are too long. */
function formatFlag(flag: Flag): string {
  const shorts = [...flag.shorts].map((letter) => `-${letter}`)
  const long = flag.name === '' ? [] : [`--${flag.name}`]
  const forms = `  ${shorts.length === 0 ? '    ' : ''}${[...shorts, ...long].join(', ')}`
  const argument = formatArgument(flag)
  const text = wrap(flag.help, WIDTH - TEXT_COLUMN)
  const shown = `${cyan(forms)}${argument}`
  const length = forms.length + argument.length
  const indent = ' '.repeat(TEXT_COLUMN)
  const fits = length + 2 <= TEXT_COLUMN
  const first = fits ? `${shown}${' '.repeat(TEXT_COLUMN - length)}${text.shift() ?? ''}` : shown
  return [first, ...text.map((line) => indent + line)].map((line) => `${line}\n`).join('')
}

/** The argument as help shows it behind the flag, with the separator before it. */
export function formatArgument(flag: Flag): string {
  if (flag.argument === undefined) return ''
  return flag.argument.whenLeftOut === undefined ? ` ${flag.argument.label}` : `[=${flag.argument.label}]`
}

function formatExample([command, what]: readonly [string, string]): string {
  return `  ${cyan(command)}\n      ${what}\n`
}
