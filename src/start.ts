// Where the program begins: makes an Io of the process and ends the process with the run's exit code.

import * as nodeModule from 'node:module'
import { constants } from 'node:os'
import { join } from 'node:path'
import { isatty } from 'node:tty'
import type { Io, StopSignal } from './core/io.ts'

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
const DEFAULT_COLUMNS = 80

const programFolder = import.meta.dirname

// Compiled code is kept beside the program, where only its owner can write; elsewhere (a read-only image) not at all.
// Node 20 has no such thing.
const { enableCompileCache } = nodeModule as { enableCompileCache?: (folder: string) => unknown }
enableCompileCache?.(join(programFolder, '.compile-cache'))

const { reportError, run } = await import('./main.ts')

const handlers: ((signal: StopSignal) => void)[] = []
let stopping = false

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
  stdinIsTerminal: isatty(STDIN),
  stdoutIsTerminal: isatty(STDOUT),
  stderrIsTerminal: isatty(STDERR),
  columns,
  env: process.env,
  cwd: currentFolder(),
  execPath: process.execPath,
  programFolder,
  onSignal,
}

process.on('uncaughtException', (error) => process.exit(reportError(error, STDERR)))

// All output is out by now, and what may still be open (standard input, a child that is ending) must not hold us.
process.exit(await run(process.argv.slice(2), io))
