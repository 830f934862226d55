// Starts a capture child and speaks to it. Used by whoever holds the privilege: the program itself, or the broker.

import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { type Capability, narrowingWrapper } from './capabilities.ts'
import { type CaptureRequest, COMMAND_GO, COMMAND_STOP, isNetfilterName } from './capture-request.ts'

/** How to run the child: plain data, so that it can be handed to the broker. */
export interface CaptureProgram {
  /** The Node binary. */
  readonly execPath: string
  /** Where capture-child.js lies. */
  readonly childPath: string
  /** A command that runs the one given behind it, with more rights or elsewhere; [] for none. It must `exec`. */
  readonly wrapper: readonly string[]
  /** Whether children and broker are started with no more capabilities than they need, as far as that can be done. */
  readonly narrow?: boolean
}

/** How a child ended. */
export interface CaptureExit {
  readonly exitCode: number | null
  readonly signal: string | null
  /** The last of what it wrote to stderr, see parseCaptureEnd. */
  readonly stderrTail: string
}

const STDERR_TAIL_CHARACTERS = 8192

export class CaptureProcess {
  /** The child's standard output, unless it was started with another. It stays empty until `begin`. */
  readonly data: Socket
  /** Never rejects. */
  readonly exited: Promise<CaptureExit>
  readonly #child: ReturnType<typeof spawnChild>

  /** `output`: where the child's standard output goes; it is still open here. Default: to this process. */
  constructor(program: CaptureProgram, request: CaptureRequest, output?: Socket) {
    const child = spawnChild(program, request, output)
    this.#child = child
    // Node makes a socket of every pipe to a child; its types do not say so.
    this.data = output ?? (child.stdout as Readable as Socket)
    child.stdin?.on('error', () => {}) // it ended before it was told to
    this.exited = waitForExit(child)
  }

  /** Lets the child open the interface. */
  begin(): void {
    this.#child.stdin?.write(Buffer.of(COMMAND_GO))
  }

  /** Asks it to end, with its last packets and statistics. */
  stop(): void {
    this.#child.stdin?.end(Buffer.of(COMMAND_STOP))
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

function spawnChild(program: CaptureProgram, request: CaptureRequest, output?: Socket) {
  const { execPath, childPath, wrapper, narrow } = program
  const enter = request.namespace === undefined ? [] : ['nsenter', `--net=/proc/${request.namespace.pid}/ns/net`, '--']
  const narrowing = narrow ? narrowingWrapper(capabilitiesOfChild(request)) : []
  const command = [...enter, ...wrapper, ...narrowing, execPath, childPath, JSON.stringify(request)]
  return spawn(command[0]!, command.slice(1), {
    stdio: ['pipe', output ?? 'pipe', 'pipe'],
    // A process group of its own: the terminal's Ctrl-C must not end it before its last statistics.
    detached: true,
    env: environmentOfChildren(),
  })
}

/** These are what is left to it after it has entered its namespace. */
function capabilitiesOfChild({ interfaceName }: CaptureRequest): Capability[] {
  return isNetfilterName(interfaceName) ? ['net_raw', 'net_admin'] : ['net_raw']
}

/** Options meant for the program itself (a debugger, a loader) would slow the child down or break it. */
export function environmentOfChildren(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|TCPFLOW_)/.test(name)))
}

function waitForExit(child: ReturnType<typeof spawnChild>): Promise<CaptureExit> {
  let stderrTail = ''
  child.stderr?.setEncoding('utf8')
  child.stderr?.on('data', (text: string) => {
    stderrTail = (stderrTail + text).slice(-STDERR_TAIL_CHARACTERS)
  })
  const stderrClosed = new Promise((resolve) => child.stderr?.once('close', resolve))
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ exitCode: null, signal: null, stderrTail: error.message }))
    child.once('exit', async (exitCode, signal) => {
      await stderrClosed
      resolve({ exitCode, signal, stderrTail })
    })
  })
}
