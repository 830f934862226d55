// Arguments → command → exit code. Every error of an operator ends here and is printed in the same form.

import { COMMANDS } from './cli/commands.ts'
import { flagTableOf } from './cli/flags.ts'
import { parseArguments } from './cli/parse-arguments.ts'
import type { FlagTableName } from './cli/settings.ts'
import { harmless, writeText } from './cli/write-text.ts'
import { OperatorError, UsageError } from './core/errors.ts'
import type { Io } from './core/io.ts'
import type { ProgramName } from './plan.ts'

const EXIT_FAILED = 1
const HELP_HINTS: Readonly<Record<FlagTableName, string>> = {
  dump: "try 'tcpflow --help'",
  latency: "try 'tcpflow latency --help'",
  diagnose: "try 'tcpflow diagnose --help'",
  containers: "try 'tcpflow containers --help'",
  tcpkit: "try 'tcpkit -h'",
}

/** `argv` without node and script. Resolves to the exit code (0 done, 1 failed, 2 usage) when all output is out. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    const { settings, words } = parseArguments(argv)
    const command = await COMMANDS[settings.command]()
    return await command(settings, words, io)
  } catch (error) {
    return reportError(error, io.stderr, programOf(argv), flagTableOf(argv))
  }
}

/** What the program was started as: bin/tcpkit hands its name on. */
export function programOf(argv: readonly string[]): ProgramName {
  return argv[0] === 'tcpkit' ? 'tcpkit' : 'tcpflow'
}

/** Says what went wrong and what to do; a bug gets its stack. `table`: whose help to name. Returns the exit code. */
export function reportError(
  error: unknown,
  descriptor: number,
  program: ProgramName = 'tcpflow',
  table: FlagTableName = 'dump',
): number {
  if (!(error instanceof OperatorError)) {
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error)
    writeText(
      descriptor,
      `${program}: this is a bug in tcpflow, please report it with the lines below\n${harmless(trace)}\n`,
    )
    return EXIT_FAILED
  }
  const hints = [error.hint, error instanceof UsageError ? HELP_HINTS[table] : undefined]
  const lines = hints.filter((hint) => hint !== undefined).map((hint) => `  ${hint.replaceAll('\n', '\n  ')}\n`)
  writeText(descriptor, harmless(`${program}: ${error.message}\n${lines.join('')}`))
  return error.exitCode
}
