// Every command of the README and of docs/ in a block marked `sh` is run as it stands there. Live ones are ended by Ctrl-C once
// they listen. Names of captures, containers and programs are those of the documentation.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterwards, BASE_IMAGE, docker, uniqueName, whyNoDocker } from '../support/docker.ts'
import { buildImage, IMAGE, removeImage } from '../support/image.ts'
import { PROGRAM, skipped, temporaryFolder, whyNot } from '../support/program.ts'
import { captureOf, Talk } from '../support/talk.ts'

const ROOT = join(import.meta.dirname, '../..')
const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))].map((name, i) =>
  i === 0 ? name : join('docs', name),
)
/** How long a command may take, or a live one until it listens. */
const PATIENCE_MILLIS = 60_000
/** A live command that is told to be quiet says nothing when it listens. */
const QUIET_MILLIS = 3000
const AGAIN_MILLIS = 10_000
const LISTENING = /listening on|tcpflow: \S+: \S+ (?:on|in) |metrics on/

/** The lines of all blocks marked `sh`, with the page that they stand on. */
function commands(): { page: string; command: string }[] {
  return PAGES.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^```sh\n(.*?)^```/gms)].flatMap((match) =>
      match[1]!
        .trimEnd()
        .split('\n')
        .map((command) => ({ page, command })),
    ),
  )
}

function obstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may capture'
  return whyNoDocker() ?? whyNot('jq', 'man')
}

/** Programs that the commands name and that are not here as such, in a folder for PATH. */
function makePrograms(folder: string): void {
  const programs: Readonly<Record<string, string>> = {
    tcpflow: `exec ${process.execPath} ${PROGRAM} "$@"`,
    sudo: 'exec "$@"',
    // what another machine would send: the filter and all that are its business
    ssh: 'exec cat trace.pcap',
    // it goes on when Ctrl-C ends the one before it
    wireshark: 'trap "" INT; exec cat >/dev/null',
    docker: `case $1 in
build) exec ${realDocker()} image inspect ${IMAGE} ;;
run) shift; set -- "$@"; args=; for each; do [ "$each" != tcpflow ] || each=${IMAGE}; args="$args '$(printf %s "$each" | sed "s/'/'\\\\\\\\''/g")'"; done; eval "exec ${realDocker()} run $args" ;;
esac`,
  }
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(folder, name), 0o755)
  }
}

function realDocker(): string {
  return spawnSync('sh', ['-c', 'command -v docker'], { encoding: 'utf8' }).stdout.trim()
}

function makeCaptures(folder: string): void {
  const shop = new Talk({ serverPort: 80 }).open()
  for (let i = 0; i < 5; i++) {
    shop.client(`GET /orders/${i} HTTP/1.1\r\nHost: web\r\n\r\n`).wait(i === 3 ? 200 : 2)
    shop.server('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  }
  shop.lose(1, 100).close()
  const capture = captureOf(shop)
  for (const name of ['trace.pcap', 'shop.pcap', 'client.pcap', 'server.pcap'])
    writeFileSync(join(folder, name), capture)
  writeFileSync(join(folder, 'trace.pcap.gz'), gzipSync(capture))
}

/** Runs it in a shell of its own process group, as a terminal does. */
async function runCommand(command: string, folder: string, path: string): Promise<{ code: number; said: string }> {
  const child = spawn('bash', ['-c', command], {
    cwd: folder,
    detached: true,
    env: { ...process.env, PATH: `${path}:${process.env.PATH}`, TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stdout.resume()
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = new Promise<number>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? (signal ? 128 : 1))),
  )
  const interrupted = interruptOnceItListens(child, () => said)
  const late = setTimeout(() => kill(child, 'SIGKILL'), 2 * PATIENCE_MILLIS)
  const code = await ended
  clearTimeout(late)
  interrupted.abort()
  return { code, said }
}

function interruptOnceItListens(child: ChildProcess, said: () => string): AbortController {
  const over = new AbortController()
  const watch = async (): Promise<void> => {
    const began = Date.now()
    const { signal } = over
    while (!LISTENING.test(said()) && Date.now() - began < (said() === '' ? QUIET_MILLIS : PATIENCE_MILLIS)) {
      await sleep(50, undefined, { signal })
    }
    await sleep(300, undefined, { signal })
    // again where the first came too early: the client of an engine hands it on only once the container runs
    for (;;) {
      kill(child, 'SIGINT')
      await sleep(AGAIN_MILLIS, undefined, { signal })
    }
  }
  watch().catch(() => {})
  return over
}

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal)
  } catch {
    // it has ended
  }
}

/** Another run of these tests on this machine may have a container of that name; it goes when that run ends. */
async function untilFree(name: string): Promise<void> {
  const taken = (): boolean => spawnSync('docker', ['container', 'inspect', name]).status === 0
  const end = Date.now() + 180_000
  while (taken()) {
    assert.ok(Date.now() < end, `a container ${name} is there already, which these commands would capture`)
    await sleep(1000)
  }
}

const all = commands()
const why = obstacle()
let removeNeeded = false
before(() => {
  if (why !== undefined) return
  buildImage()
  removeNeeded = true
})
after(() => {
  if (removeNeeded) removeImage()
})

test('there are commands', () => {
  assert.ok(all.length >= 30, String(all.length))
})

test('every documented command runs as it stands', async (t) => {
  if (skipped(t, why)) return
  const folder = temporaryFolder(t)
  const path = join(folder, '.programs')
  mkdirSync(path)
  makePrograms(path)
  makeCaptures(folder)
  for (const name of ['bin', 'dist', 'deploy', 'docs']) symlinkSync(join(ROOT, name), join(folder, name))
  for (const name of ['web', 'db']) {
    await untilFree(name)
    docker('run', '-d', '--rm', '--name', name, '--label', uniqueName('docs'), BASE_IMAGE, 'sleep', '600')
    afterwards(t, () => docker('rm', '-f', name))
  }
  for (const { page, command } of all) {
    await t.test(`${page}: ${command}`, async () => {
      const { code, said } = await runCommand(command, folder, path)
      assert.equal(code, 0, said)
      assert.doesNotMatch(said, /is a bug|Error:/)
    })
  }
})
