// The parts of its process that a run may use: descriptors, terminal, environment, signals. program.ts makes the real Io from
// `process`; tests make their own.

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** Exit codes, as in a shell, of a run that a signal ended before its input did: 128 and the signal's number. */
export const STOPPED_EXIT_CODES: Readonly<Record<StopSignal, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

export interface Io {
  /** File descriptors. Not to be written through process.stdout, which queues without bound and makes pipes non-blocking. */
  readonly stdin: number
  readonly stdout: number
  readonly stderr: number
  readonly stdinIsTerminal: boolean
  readonly stdoutIsTerminal: boolean
  readonly stderrIsTerminal: boolean
  /** Width of the terminal now; 80 where there is none. */
  columns(): number
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the operator typed, for the report. */
  readonly commandLine?: readonly string[]
  /** Current folder when the run began. */
  readonly cwd: string
  /** The Node binary, and the folder in which tcpflow.js, capture-child.js and capture-broker.js lie. */
  readonly execPath: string
  readonly programFolder: string
  /**
   * Calls `handler` at the first such signal: the run then stops reading, writes everything and returns. A second signal ends
   * the process at once with 128 + its number, and so does the first when nobody has asked for it.
   */
  onSignal(handler: (signal: StopSignal) => void): void
  /** The operator's own ES module (a script). */
  readonly importModule?: ((url: string) => Promise<unknown>) | undefined
  /** Calls `handler` at each SIGUSR2, which asks for an interim report. Without a handler the signal has its usual effect. */
  onReportSignal?(handler: () => void): void
  /** Set when this program has replaced one with more rights: what that one granted. */
  readonly granted?: Granted | undefined
  /**
   * Starts this program anew in its own process, behind `wrapper`, with what it is granted. Never returns. Absent where Node
   * cannot do that.
   */
  readonly replaceProgram?: ((wrapper: readonly string[], granted: Granted) => never) | undefined
}

/** Plain data. */
export interface Granted {
  /** Where the broker listens (BrokerAddress), if there is one. */
  readonly broker: unknown
}
