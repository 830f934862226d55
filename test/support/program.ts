// The built program (dist/tcpflow.js) as tests of the whole run it: in a process of its own, with real pipes and signals.

import assert from 'node:assert/strict'
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Cleanup, whyNoNamespaces } from './netns.ts'

const ROOT = join(import.meta.dirname, '../..')
export const PROGRAM = join(ROOT, 'dist/tcpflow.js')
/** No run takes nearly this long. One that hangs is killed, and its test fails by the exit code. */
const LONGEST_RUN_MILLIS = 30_000

// test/run.mjs builds first; a file that is run alone must have something to run.
if (!existsSync(PROGRAM)) {
  const { status } = spawnSync(process.execPath, ['esbuild.config.mjs'], { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new Error('the program cannot be built')
}

export interface RunOptions {
  readonly cwd?: string
  /** Added to the environment; undefined takes a variable away. Colour variables of the tests' own run never count. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** For standard input; default: none (/dev/null). */
  readonly input?: Buffer | string
  /** Put in front of the command, such as a namespace's. */
  readonly wrapper?: readonly string[]
  /** In place of dist/tcpflow.js: a copy of it. */
  readonly program?: string
  /** Descriptors or 'pipe' in place of what `start` would use. */
  readonly stdout?: number | 'pipe'
  readonly stdin?: number | 'pipe'
}

export interface Result {
  /** As a shell has it: 128 + N where signal N ended the process. */
  readonly code: number
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: string
  /** The bytes as they came: decoding would hide bytes that a terminal acts on. */
  readonly stderrBytes: Buffer
}

/** A run under way. It is killed after the test, if it has not ended by then. */
export class Running {
  readonly child: ChildProcess
  /** Resolves when the process has ended and its output is read. */
  readonly result: Promise<Result>
  readonly #stdout: Buffer[] = []
  readonly #stderr: Buffer[] = []
  readonly #watchers = new Set<() => void>()

  constructor(child: ChildProcess) {
    this.child = child
    const late = setTimeout(() => child.kill('SIGKILL'), LONGEST_RUN_MILLIS)
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout.push(chunk)
      this.#changed()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr.push(chunk)
      this.#changed()
    })
    this.result = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        clearTimeout(late)
        this.#changed()
        resolve({
          code: code ?? -1,
          signal,
          stdout: this.stdout,
          stderr: this.stderr,
          stderrBytes: Buffer.concat(this.#stderr),
        })
      })
    })
  }

  get pid(): number {
    return this.child.pid!
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout)
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString()
  }

  /** Resolves once `condition` holds; looked at whenever output comes. Rejects when the process ends before that. */
  async until(condition: (run: Running) => boolean, what: string): Promise<void> {
    let ended = false
    this.result.then(
      () => {
        ended = true
        this.#changed()
      },
      () => {},
    )
    while (!condition(this)) {
      if (ended) assert.fail(`ended before ${what}: ${this.stderr}`)
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher)
          resolve()
        }
        this.#watchers.add(watcher)
      })
    }
  }

  /** A live run: packets are being seen from here on. */
  listening(): Promise<void> {
    return this.until((run) => run.stderr.includes('tcpflow: listening on '), 'it listened')
  }

  signal(signal: NodeJS.Signals): Promise<Result> {
    this.child.kill(signal)
    return this.result
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }
}

/** Starts `tcpflow ARGS…`. */
export function start(t: Cleanup, args: readonly string[], options: RunOptions = {}): Running {
  const [command, ...rest] = [...(options.wrapper ?? []), process.execPath, options.program ?? PROGRAM, ...args]
  const stdin = options.stdin ?? (options.input === undefined ? 'ignore' : 'pipe')
  const spawnOptions: SpawnOptions = {
    cwd: options.cwd ?? ROOT,
    env: environment(options.env ?? {}),
    stdio: [stdin, options.stdout ?? 'pipe', 'pipe'],
  }
  const child = spawn(command!, rest, spawnOptions)
  t.after(() => child.kill('SIGKILL'))
  if (options.input !== undefined) {
    child.stdin!.on('error', () => {}) // it need not read everything
    child.stdin!.end(options.input)
  }
  return new Running(child)
}

/** Runs `tcpflow ARGS…` to its end. */
export function tcpflow(t: Cleanup, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return start(t, args, options).result
}

/** The same, and asserts that it went well. */
export async function mustRun(t: Cleanup, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const result = await tcpflow(t, args, options)
  assert.equal(result.code, 0, `tcpflow ${args.join(' ')}: ${result.signal ?? ''} ${result.stderr}`)
  return result
}

/** Runs another program to its end; throws when it fails. Returns what it printed. */
export function run(command: string, args: readonly string[], input?: Buffer): Buffer {
  const options = { maxBuffer: 1 << 28, ...(input === undefined ? {} : { input }) }
  const { status, stdout, stderr, error } = spawnSync(command, args, options)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.toString()}`)
  return stdout
}

function environment(changes: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env }
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'CLICOLOR_FORCE', 'NODE_OPTIONS', 'TCPFLOW_CAPTURE_LAUNCHER']) {
    delete env[name]
  }
  return { ...env, ...changes }
}

/** Makes a folder that is removed after the test. */
export function temporaryFolder(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-e2e-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Every file below `folder`, by its path in there, in order. */
export function readFolder(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const files = names.filter((name) => statSync(join(folder, name)).isFile())
  return new Map(files.map((name) => [name, readFileSync(join(folder, name))]))
}

/** The same without the reports (`report.xml`, `report.c1.xml`), which tell of the run and not of the traffic. */
export function readFlows(folder: string): Map<string, Buffer> {
  return new Map([...readFolder(folder)].filter(([name]) => !/^report(\.c\d+)?\.xml$/.test(name)))
}

/** Asserts that two folders hold the same files; says which differ, and not their bytes. */
export function assertSameFiles(
  actual: ReadonlyMap<string, Buffer>,
  expected: ReadonlyMap<string, Buffer>,
  what = '',
): void {
  assert.deepEqual([...actual.keys()], [...expected.keys()], what)
  const different = [...expected].filter(([name, bytes]) => !actual.get(name)!.equals(bytes))
  const sizes = different.map(([name, bytes]) => `${name}: ${actual.get(name)!.length} and ${bytes.length} bytes`)
  assert.deepEqual(sizes, [], what)
}

/** True when the test has been skipped, aloud, because it cannot run here. CI lets none be skipped. */
export function skipped(t: TestContext, obstacle: string | undefined): obstacle is string {
  if (obstacle === undefined) return false
  console.error(`SKIPPED: ${t.name}: ${obstacle}`)
  t.skip(obstacle)
  return true
}

/** Why programs that a test needs cannot be had; undefined when all are there. */
export function whyNot(...programs: string[]): string | undefined {
  const missing = programs.filter((name) => spawnSync('sh', ['-c', 'command -v "$0"', name]).status !== 0)
  return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`
}

/** What real traffic needs: namespaces, nginx, curl, tcpdump. */
export function whyNoTraffic(): string | undefined {
  return whyNoNamespaces() ?? whyNot('nginx', 'curl', 'tcpdump')
}
