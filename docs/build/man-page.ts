// docs/tcpflow.1, made from the flag table that --help is made from (man-pages(7), groff_man(7)).

import { type Flag, flagKey, GROUPS } from '../../src/cli/flag.ts'
import { FLAG_TABLES } from '../../src/cli/flags.ts'
import { formatArgument, NOTES, TOPICS } from '../../src/cli/help.ts'

/** The whole page, ending with a newline. `version`: of the program. */
export function formatManPage(version: string): string {
  const { dump, latency, diagnose } = FLAG_TABLES
  const known = new Set(dump.map(flagKey))
  return `${[
    `.TH TCPFLOW 1 "" "tcpflow ${version}" "User Commands"`,
    '.SH NAME',
    'tcpflow \\- see what two programs say to each other over TCP',
    '.SH SYNOPSIS',
    ...TOPICS.dump.usage.map((line) => `${escaped(line.replace(/ +\(see .*\)$/, ''))}\n.br`),
    '.SH DESCRIPTION',
    ...paragraphs(TOPICS.dump.about),
    '.SH OPTIONS',
    ...groups(dump),
    '.SH LATENCY',
    ...paragraphs(TOPICS.latency.about),
    '.PP',
    'These flags are its own; those for sources, containers and saving are as above.',
    ...groups(latency.filter((flag) => !known.has(flagKey(flag)))),
    '.SH DIAGNOSIS',
    ...paragraphs(TOPICS.diagnose.about),
    '.PP',
    'These flags are its own; those for sources, containers and saving are as above.',
    ...groups(diagnose.filter((flag) => !known.has(flagKey(flag)) || flag.name === 'json')),
    '.SH NOTES',
    escaped(NOTES),
    '.SH EXIT STATUS',
    ...status('0', 'Done. Also a live capture that was ended by Ctrl-C, and a reader that closed the pipe.'),
    ...status('1', 'Something failed. What was captured until then is written.'),
    ...status('2', 'The flags were not understood.'),
    ...status('3', 'tcpflow diagnose --exit-code found an error.'.replaceAll('-', '\\-')),
    ...status('130, 143', 'Reading a file was interrupted by SIGINT or SIGTERM.'),
    '.SH EXAMPLES',
    ...[...TOPICS.dump.examples, ...TOPICS.latency.examples, ...TOPICS.diagnose.examples].flatMap(([command, what]) => [
      '.TP',
      `.B ${escaped(command)}`,
      escaped(capitalized(what)),
    ]),
    '.SH SEE ALSO',
    '.BR tcpdump (8),',
    '.BR pcap-filter (7),',
    '.BR wireshark (1)',
  ].join('\n')}\n`
}

function groups(flags: readonly Flag[]): string[] {
  return GROUPS.map((group) => ({ group, own: flags.filter((flag) => flag.group === group) }))
    .filter(({ own }) => own.length > 0)
    .flatMap(({ group, own }) => [`.SS ${escaped(group)}`, ...own.flatMap(option)])
}

function option(flag: Flag): string[] {
  const forms = [...flag.shorts].map((letter) => `\\fB\\-${escaped(letter)}\\fR`)
  if (flag.name !== '') forms.push(`\\fB\\-\\-${escaped(flag.name)}\\fR`)
  return ['.TP', `${forms.join(', ')}${escaped(formatArgument(flag))}`, escaped(flag.help)]
}

function status(code: string, meaning: string): string[] {
  return ['.TP', `.B ${code}`, meaning]
}

function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text, i) => (i === 0 ? [escaped(text)] : ['.PP', escaped(text)]))
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Text in which nothing is a request or an escape; hyphens stay what is typed. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq').replace(/^\./, '\\&.')
}
