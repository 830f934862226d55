// The program in its process: makes an Io of the process, runs, and ends the process with the run's exit code.

import { constants } from 'node:os'
import type { Granted, Io, StopSignal } from './core/io.ts'
import { programOf, reportError, run } from './main.ts'
import { isTerminal } from './terminal.ts'

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
const DEFAULT_COLUMNS = 80
/** A parent that hands on what the terminal sent to both, as npm and timeout do: so soon it is the same wish once more. */
const SAME_WISH_MILLIS = 250

const programFolder = import.meta.dirname
const handlers: ((signal: StopSignal) => void)[] = []
/** When the first signal came (performance.now). */
let stoppingSince: number | undefined

/** Until a handler is there, signals have their usual effect. A second one, later than at once, ends the process. */
function onSignal(handler: (signal: StopSignal) => void): void {
  handlers.push(handler)
  if (handlers.length > 1) return
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (stoppingSince !== undefined) {
        if (performance.now() - stoppingSince < SAME_WISH_MILLIS) return
        process.exit(128 + constants.signals[signal])
      }
      stoppingSince = performance.now()
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

/** Left by replaceProgram. Children do not get it. */
function takeGranted(): Granted | undefined {
  const text = process.env.TCPFLOW_GRANTED
  delete process.env.TCPFLOW_GRANTED
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Granted)
  } catch {
    return undefined
  }
}

type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never
/** From Node 22.15 on; on an error it ends the process. */
const { execve } = process as { execve?: Execve }
const ENV = '/usr/bin/env' // finds the command in PATH

function replaceProgram(wrapper: readonly string[], granted: Granted): never {
  const args = ['env', ...wrapper, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  return execve!(ENV, args, { ...process.env, TCPFLOW_GRANTED: JSON.stringify(granted) })
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
  granted: takeGranted(),
  replaceProgram: execve === undefined || process.platform !== 'linux' ? undefined : replaceProgram,
  onReportSignal: (handler) => process.on('SIGUSR2', handler),
}

/**
 * `importModule`: for the operator's scripts, by whoever loaded this: code that was compiled ahead has no loader of its own.
 * Never returns: all output is out when a run ends, and what may still be open (standard input, a child) must not hold us. */
export async function runProgram(importModule?: Io['importModule']): Promise<never> {
  const argv = process.argv.slice(2)
  process.on('uncaughtException', (error) => process.exit(reportError(error, STDERR, programOf(argv))))
  process.exit(await run(argv, Object.assign(io, { importModule })))
}
