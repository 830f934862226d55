// run(): what comes out where, and with which exit code.

import assert from 'node:assert/strict'
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import packageJson from '../../package.json' with { type: 'json' }
import { FLAGS } from '../../src/cli/flags.ts'
import { formatHelp } from '../../src/cli/help.ts'
import { quickAnswer } from '../../src/cli/quick-answer.ts'
import { OperatorError, UsageError } from '../../src/core/errors.ts'
import type { Io } from '../../src/core/io.ts'
import { reportError, run } from '../../src/main.ts'
import { flagForms } from '../support/flag-forms.ts'
import { captureOf, Talk } from '../support/talk.ts'

interface Output {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Calls `body` with an Io whose output goes to files. */
async function capture(env: Io['env'], body: (io: Io) => number | Promise<number>): Promise<Output> {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-run-'))
  const [outPath, errorPath] = [join(folder, 'stdout'), join(folder, 'stderr')]
  const [stdout, stderr] = [openSync(outPath, 'w'), openSync(errorPath, 'w')]
  const io: Io = {
    stdin: -1,
    stdout,
    stderr,
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    columns: () => 80,
    env,
    cwd: folder,
    execPath: process.execPath,
    programFolder: folder,
    onSignal: () => undefined,
  }
  try {
    const code = await body(io)
    return { code, stdout: readFileSync(outPath, 'utf8'), stderr: readFileSync(errorPath, 'utf8') }
  } finally {
    closeSync(stdout)
    closeSync(stderr)
    rmSync(folder, { recursive: true })
  }
}

const runWith = (argv: readonly string[], env: Io['env'] = {}) => capture(env, (io) => run(argv, io))

describe('run', () => {
  test('the version', async () => {
    const expected = { code: 0, stdout: `tcpflow ${packageJson.version}\n`, stderr: '' }
    assert.deepEqual(await runWith(['--version']), expected)
    assert.deepEqual(await runWith(['-V']), expected)
    assert.deepEqual(await runWith(['-cV']), expected)
  })

  test('help, plain unless colour is asked for', async () => {
    assert.deepEqual(await runWith(['-h']), { code: 0, stdout: formatHelp(false), stderr: '' })
    assert.deepEqual(await runWith(['-hh']), { code: 0, stdout: formatHelp(false), stderr: '' })
    assert.equal((await runWith(['--help', '--color'])).stdout, formatHelp(true))
    assert.equal((await runWith(['--help'], { FORCE_COLOR: '1' })).stdout, formatHelp(true))
  })

  test('the interfaces', async () => {
    const { code, stdout, stderr } = await runWith(['--list'])
    assert.equal(code, 0)
    assert.match(stdout, /\bany\b/)
    assert.equal(stderr, '')
  })

  test('a wish to stop is heard before the first line, and heeded once there is something to stop', async () => {
    let saidBefore = -1
    const { code, stdout, stderr } = await capture({}, (io) => {
      const path = join(io.cwd, 'some.pcap')
      writeFileSync(path, captureOf(new Talk().open().client('GET /hello HTTP/1.1\r\n\r\n').close()))
      const onSignal: Io['onSignal'] = (handler) => {
        saidBefore = fstatSync(io.stderr).size
        handler('SIGTERM')
      }
      return run(['latency', '--metrics', '0', '-r', path], { ...io, onSignal })
    })
    assert.equal(saidBefore, 0)
    assert.match(stderr, /metrics on /)
    assert.equal(code, 143, stderr)
    assert.ok(!stdout.includes('/hello'))
  })

  test('completion for the named shell, the login shell, or bash', async () => {
    assert.match((await runWith(['--completion', 'zsh'])).stdout, /^#compdef tcpflow/)
    assert.match((await runWith(['--completion'], { SHELL: '/usr/bin/fish' })).stdout, /^# fish completion/)
    assert.match((await runWith(['--completion'], { SHELL: '/bin/tcsh' })).stdout, /^# bash completion/)
    assert.equal((await runWith(['--completion=tcsh'])).code, 2)
  })

  test('a flag that does not exist', async () => {
    assert.deepEqual(await runWith(['-c', '--tmie', 'port', '80']), {
      code: 2,
      stdout: '',
      stderr: "tcpflow: unknown flag --tmie\n  did you mean --time?\n  try 'tcpflow --help'\n",
    })
  })

  test('the hint names the help of the command', async () => {
    const { stderr } = await runWith(['latency', '--bogus'])
    assert.equal(stderr, "tcpflow: unknown flag --bogus\n  try 'tcpflow latency --help'\n")
  })

  test('a flag that is refused says why', async () => {
    const { code, stderr } = await runWith(['-z', '/', '-c'])
    assert.equal(code, 2)
    assert.equal(
      stderr,
      "tcpflow: -z is not supported: Node cannot change its root folder\n  use -U USER, or run it in a container\n  try 'tcpflow --help'\n",
    )
  })
})

describe('errors', () => {
  const reported = (error: unknown) => capture({}, (io) => reportError(error, io.stderr))

  test("the operator's mistake: what, and what to do", async () => {
    const { code, stderr } = await reported(new OperatorError('no such interface: eth7', 'there are eth0, lo'))
    assert.equal(code, 1)
    assert.equal(stderr, 'tcpflow: no such interface: eth7\n  there are eth0, lo\n')
  })

  test('without a hint, and with one of two lines', async () => {
    assert.equal((await reported(new OperatorError('disk full'))).stderr, 'tcpflow: disk full\n')
    assert.equal((await reported(new OperatorError('x', 'a\nb'))).stderr, 'tcpflow: x\n  a\n  b\n')
    assert.equal((await reported(new UsageError('x'))).code, 2)
  })

  test('a bug shows where it happened', async () => {
    const { code, stderr } = await reported(new TypeError('x is undefined'))
    assert.equal(code, 1)
    assert.match(stderr, /^tcpflow: this is a bug/)
    assert.match(stderr, /TypeError: x is undefined\n {4}at .*main\.test\.ts/)
    assert.match((await reported('thrown string')).stderr, /thrown string/)
  })

  test('nothing in a message reaches the terminal as a control', async () => {
    const { stderr } = await reported(new OperatorError('no file \x1b]0;pwned\x07\x9b31m\u202e', 'a\rb'))
    assert.equal(stderr, 'tcpflow: no file .]0;pwned..31m.\n  a.b\n')
  })

  test('a closed standard error is no reason to fail otherwise', () => {
    assert.equal(reportError(new OperatorError('x'), 987654), 1)
  })
})

test('what is answered without loading the program is what the program answers', async () => {
  for (const flag of ['-V', '--version', '-h', '--help']) {
    for (const env of [{}, { FORCE_COLOR: '1' }, { NO_COLOR: '1' }]) {
      assert.equal(
        quickAnswer([flag], env, () => false),
        (await runWith([flag], env)).stdout,
        flag,
      )
    }
  }
  assert.equal(
    quickAnswer(['-h'], {}, () => true),
    formatHelp(true),
  )
  const forms = FLAGS.flatMap((flag) => flagForms(flag).split(', '))
  for (const form of forms.filter((f) => !['-V', '--version', '-h', '--help'].includes(f))) {
    assert.equal(
      quickAnswer([form], {}, () => false),
      undefined,
      form,
    )
  }
  for (const argv of [[], ['-hh'], ['--', '-h'], ['-c', '-h'], ['-'], ['--'], ['help'], ['--nothing'], ['-9']]) {
    assert.equal(
      quickAnswer(argv, {}, () => false),
      undefined,
      argv.join(' '),
    )
  }
})

test('tcpkit speaks in its own name', async () => {
  const expected = `tcpkit (tcpflow ${packageJson.version})\n`
  assert.deepEqual(await runWith(['tcpkit', '-v']), { code: 0, stdout: expected, stderr: '' })
  assert.equal((await runWith(['tcpkit', '-Q'])).stderr, "tcpkit: unknown flag -Q\n  try 'tcpkit -h'\n")
})
