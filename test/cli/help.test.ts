// `--help` shows the flag table and nothing else, and fits a terminal.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FLAGS } from '../../src/cli/flags.ts'
import { formatHelp } from '../../src/cli/help.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'
import { planFromFlags } from '../../src/cli/plan-from-flags.ts'
import { flagForms } from '../support/flag-forms.ts'
import { assertGolden } from '../support/golden.ts'

const PIPED = { env: {}, cwd: '/work', stdoutIsTerminal: false, stderrIsTerminal: false }
const help = formatHelp(false)

/** The flags that stand at the beginning of a line of help, as written there. */
function flagLines(): string[] {
  return help.match(/^ {2,6}-[^ ,]+(?:, -[^ ,]+)*/gm) ?? []
}

test('help as people see it', () => {
  assertGolden('cli/help.txt', help)
  assertGolden('cli/help-color.txt', formatHelp(true))
})

test('colour adds nothing but colour', () => {
  const plain = formatHelp(true).replace(/\x1b\[\d+m/g, '')
  assert.equal(plain, help)
  assert.equal(formatHelp(false), help)
})

test('help fits 80 columns, has no tabs and no blanks at line ends', () => {
  for (const line of help.split('\n')) {
    assert.ok(line.length <= 80, line)
    assert.doesNotMatch(line, /\s$|\t/)
  }
})

test('every flag of the table is in help', () => {
  const lines = flagLines().map((line) => line.trim().replace(/[[=].*/, ''))
  for (const flag of FLAGS) assert.ok(lines.includes(flagForms(flag)), `${flagForms(flag)} is missing`)
  assert.equal(lines.length, FLAGS.length)
})

test('every flag that help speaks of is in the table', () => {
  const known = new Set(FLAGS.flatMap((flag) => flagForms(flag).split(', ')))
  const ours = help.replace(/ssh host tcpdump.*?\|/, '').replace(/wireshark .*|less -R/g, '')
  for (const mentioned of ours.match(/(?<![\w-])--?[a-zA-Z0][\w-]*/g) ?? []) {
    const isCluster = /^-[a-zA-Z]{2,}$/.test(mentioned)
    assert.ok(isCluster || known.has(mentioned), `help speaks of ${mentioned}`)
  }
})

test('no two flags share a name or a letter', () => {
  const forms = FLAGS.flatMap((flag) => flagForms(flag).split(', '))
  assert.equal(new Set(forms).size, forms.length)
  for (const flag of FLAGS) assert.ok(flag.name !== '' || flag.shorts !== '')
})

test('every example is understood, and nothing in it is without effect', () => {
  const examples = help.slice(help.indexOf('Examples:')).match(/(?<=^ {2}(?! ).*)tcpflow -.*?(?= \||$)/gm) ?? []
  assert.ok(examples.length >= 6)
  for (const example of examples) {
    const argv = (example.match(/(?:'[^']*'|[^\s'])+/g) ?? []).map((word) => word.replaceAll("'", '')).slice(1)
    const { settings, words } = parseArguments(argv)
    assert.deepEqual(planFromFlags(settings, words, PIPED).remarks, [], example)
  }
})
