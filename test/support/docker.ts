// A real engine for end-to-end tests: containers and networks that are removed after the test.

import { execFile, spawnSync } from 'node:child_process'
import { type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Cleanup } from './netns.ts'

export const BASE_IMAGE = 'node:24-trixie-slim'

export function docker(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('docker', args, {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    timeout: 60_000,
  })
  if (status !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

/** Runs docker without blocking this process, so that its clients keep asking. */
export async function dockerMeanwhile(...args: string[]): Promise<void> {
  await promisify(execFile)('docker', args, { timeout: 60_000 })
}

/** Why nothing here can be tested; undefined when it can. */
export function whyNoDocker(): string | undefined {
  if (spawnSync('docker', ['info']).status !== 0) return 'no Docker engine answers'
  if (spawnSync('docker', ['image', 'inspect', BASE_IMAGE]).status !== 0) return `there is no image ${BASE_IMAGE} here`
  return undefined
}

const cleanups = new WeakMap<Cleanup, (() => void)[]>()
/** Runs after the test, the last added first: a network can only be removed after its containers. */
export function afterwards(t: Cleanup, clean: () => void): void {
  const list = cleanups.get(t)
  if (list !== undefined) {
    list.push(clean)
    return
  }
  const first = [clean]
  cleanups.set(t, first)
  t.after(() => {
    for (const each of first.reverse()) each()
  })
}

let made = 0
/** A name that no other container or network has. */
export function uniqueName(what: string): string {
  made++
  return `tcpflow-test-${process.pid}-${what}${made}`
}

/** Answers `ID` and its own path; with `self`, it also asks itself by 127.0.0.1 all the time. */
const SERVER = `const http = require('http')
const id = process.argv[1]
http.createServer((q, r) => r.end('answer of ' + id + ' to ' + q.url + '\\n')).on('error', () => {}).listen(80)
if (process.argv[2] === 'self') setInterval(() => http.get('http://127.0.0.1/self').on('error', () => {}), 100)`

export interface ServerOptions {
  readonly flags?: readonly string[]
  readonly self?: boolean
  readonly id?: string
}

/** A web server in a container; returns when it runs (not yet when it listens). */
export function startServer(
  t: Cleanup,
  name: string,
  { flags = [], self = false, id = name }: ServerOptions = {},
): void {
  afterwards(t, () => spawnSync('docker', ['rm', '-f', name]))
  const command = ['node', '-e', SERVER, '--', id, self ? 'self' : 'quiet']
  docker('run', '-d', '--stop-signal', 'KILL', '--name', name, ...flags, BASE_IMAGE, ...command)
}

export function makeNetwork(t: Cleanup, name: string, ...flags: string[]): void {
  docker('network', 'create', ...flags, name)
  afterwards(t, () => spawnSync('docker', ['network', 'rm', name]))
}

/** On the network, or the only one. */
export function addressOf(name: string, network = 'bridge'): string {
  return docker('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name)
}

/** The body; undefined when the server could not be reached or went away. Each call makes a new connection. */
export function ask(address: string, path: string, port = 80): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host: address, port, path, agent: false, timeout: 1000 }, (response: IncomingMessage) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.on('end', () => resolve(response.complete ? body : undefined))
      response.on('error', () => resolve(undefined))
    })
    asked.on('error', () => resolve(undefined))
    asked.on('timeout', () => asked.destroy())
    asked.end()
  })
}

/** Asks until there is an answer. */
export async function askUntilAnswered(address: string, path: string): Promise<string> {
  for (let tries = 0; tries < 300; tries++) {
    const body = await ask(address, path)
    if (body !== undefined) return body
    await sleep(20)
  }
  throw new Error(`no answer from ${address}${path}`)
}

/** Asks one request after the other, and remembers what was answered in full. */
export class SteadyClient {
  readonly answered: { readonly path: string; readonly body: string }[] = []
  #stopped = false
  readonly #done: Promise<void>

  /** `addressNow` may change while it asks. */
  constructor(addressNow: () => string, prefix: string) {
    this.#done = this.#ask(addressNow, prefix)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #ask(addressNow: () => string, prefix: string): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const path = `/${prefix}/${i}`
      const address = addressNow()
      const body = address === '' ? undefined : await ask(address, path)
      if (body !== undefined) this.answered.push({ path, body })
      await sleep(body === undefined ? 5 : 15)
    }
  }
}
