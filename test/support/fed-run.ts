// The built program while it reads a capture from a pipe. Tests look at its memory (after garbage collection) and its metrics.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PROGRAM, temporaryFolder } from './program.ts'

/** Runs in the program's process. */
const REPORT_MEMORY = `import { appendFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
process.on('SIGURG', () => {
  collect()
  collect()
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  appendFileSync(process.env.MEMORY_FILE, JSON.stringify({ resident: rss, used: heapUsed + arrayBuffers }) + '\\n')
})`

/** Bytes. */
export interface Memory {
  readonly resident: number
  /** Of the heap and of buffers. */
  readonly used: number
}

export class FedRun {
  stdout = ''
  stderr = ''
  readonly #child: ChildProcess
  readonly #memoryFile: string
  readonly #closed: Promise<unknown>
  #code: number | null | undefined = undefined
  #measured = 0

  /** `tcpflow ARGS…`, with so many megabytes for the heap at most. */
  constructor(t: TestContext, args: readonly string[], heapMegabytes: number) {
    this.#memoryFile = join(temporaryFolder(t), 'memory')
    this.#child = spawn(process.execPath, [`--max-old-space-size=${heapMegabytes}`, PROGRAM, ...args], {
      env: {
        ...process.env,
        TZ: 'UTC',
        MEMORY_FILE: this.#memoryFile,
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(REPORT_MEMORY)}`,
      },
    })
    t.after(() => this.#child.kill('SIGKILL'))
    this.#child.stdin!.on('error', () => {})
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.#closed = once(this.#child, 'close').then(([code]) => {
      this.#code = code as number | null
    })
  }

  /** Resolves when the pipe has room for more. */
  async feed(bytes: Buffer): Promise<void> {
    this.#mustRun()
    if (this.#child.stdin!.write(bytes)) return
    // When the program ends early, the pipe's error says nothing: how it ended does.
    const drained = once(this.#child.stdin!, 'drain').catch(() => this.#closed)
    await Promise.race([drained, this.#closed])
    this.#mustRun()
  }

  async memory(): Promise<Memory> {
    this.#child.kill('SIGURG')
    const lines = (): string[] =>
      existsSync(this.#memoryFile) ? readFileSync(this.#memoryFile, 'utf8').split('\n').slice(0, -1) : []
    while (lines().length <= this.#measured) {
      this.#mustRun()
      await sleep(10)
    }
    this.#measured++
    return JSON.parse(lines().at(-1)!) as Memory
  }

  /** The page `/metrics`, once it counts all `packets`; other pages are as recent then. */
  async metricsAfter(packets: number): Promise<string> {
    for (;;) {
      const text = await this.page('/metrics')
      if (text.includes(`\ntcpflow_packets_total ${packets}\n`)) return text
      await sleep(300)
    }
  }

  async page(path: string): Promise<string> {
    this.#mustRun()
    const [, address] = /metrics on (http:\S+)\/metrics/.exec(this.stderr) ?? assert.fail(this.stderr)
    return await (await fetch(`${address}${path}`)).text()
  }

  /** The capture has ended. Resolves when the program has, too. */
  async end(): Promise<void> {
    this.#child.stdin!.end()
    await this.#closed
    assert.equal(this.#code, 0, this.stderr)
  }

  #mustRun(): void {
    if (this.#code !== undefined) assert.fail(`it ended with ${this.#code}: ${this.stderr.slice(-2000)}`)
  }
}
