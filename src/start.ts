// Where the program begins: makes an Io of the process and ends the process with the run's exit code.

import { fstatSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { constants } from 'node:os'
import { join } from 'node:path'
import { OperatorError } from './core/errors.ts'
import type { Io, StopSignal } from './core/io.ts'
import { reportError, run } from './main.ts'

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
const DEFAULT_COLUMNS = 80
/** Major 1, minor 3. */
const LINUX_DEV_NULL = 0x103

const programFolder = import.meta.dirname
const handlers: ((signal: StopSignal) => void)[] = []
let stopping = false

/**
 * Whether a descriptor is a terminal. node:tty brings node:net along, a tenth of what a start costs, so it is asked only
 * where it can say yes: not about files, pipes, sockets and /dev/null.
 */
function isTerminal(descriptor: number): boolean {
  try {
    const status = fstatSync(descriptor)
    if (!status.isCharacterDevice() || status.rdev === LINUX_DEV_NULL) return false
  } catch {
    return false
  }
  return process.getBuiltinModule('node:tty').isatty(descriptor)
}

/** Until a handler is there, signals have their usual effect. */
function onSignal(handler: (signal: StopSignal) => void): void {
  handlers.push(handler)
  if (handlers.length > 1) return
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (stopping) process.exit(128 + constants.signals[signal])
      stopping = true
      for (const each of handlers) each(signal)
    })
  }
}

/** process.stdout and process.stderr are touched only where they are terminals: they make pipes non-blocking. */
function columns(): number {
  const fromTerminal = io.stderrIsTerminal
    ? process.stderr.columns
    : io.stdoutIsTerminal
      ? process.stdout.columns
      : undefined
  return fromTerminal || Number(process.env.COLUMNS) || DEFAULT_COLUMNS
}

/** The folder that we are in may have been deleted meanwhile. */
function currentFolder(): string {
  try {
    return process.cwd()
  } catch {
    return '/'
  }
}

const io: Io = {
  stdin: STDIN,
  stdout: STDOUT,
  stderr: STDERR,
  get stdinIsTerminal() {
    return isTerminal(STDIN)
  },
  get stdoutIsTerminal() {
    return isTerminal(STDOUT)
  },
  get stderrIsTerminal() {
    return isTerminal(STDERR)
  },
  columns,
  env: process.env,
  commandLine: ['tcpflow', ...process.argv.slice(2)],
  cwd: currentFolder(),
  execPath: process.execPath,
  programFolder,
  onSignal,
}

process.on('uncaughtException', (error) => process.exit(reportError(error, STDERR)))

/** Otherwise the first thing that is missing there would be reported as a bug. */
function refuseOldNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  const found = `Node.js 20.19 or newer is needed, this is ${process.version}`
  process.exit(reportError(new OperatorError(found, process.execPath), STDERR))
}

/**
 * Compiled code is kept beside the program, where only its owner can write; elsewhere (a read-only image) not at all.
 * Node 20 has no such thing.
 */
function keepCompiledCode(): void {
  const { enableCompileCache } = nodeModule as { enableCompileCache?: (folder: string) => unknown }
  enableCompileCache?.(join(programFolder, '.compile-cache'))
}

refuseOldNode()
keepCompiledCode()
// All output is out by now, and what may still be open (standard input, a child that is ending) must not hold us.
process.exit(await run(process.argv.slice(2), io))
