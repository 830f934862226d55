// The Docker image: built from this checkout, capturing what two containers really say to each other on docker0.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, readdirSync } from 'node:fs'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { docker, whyNoDocker } from '../support/docker.ts'
import { buildImage, IMAGE, removeImage } from '../support/image.ts'
import { readFlows, temporaryFolder } from '../support/program.ts'
import { exactly, NET_RAW, rightsOfRun, sets } from '../support/rights.ts'

/** Longer than any one segment, and nowhere the same. */
const PAGE = Array.from({ length: 4000 }, (_, i) => `line ${i}\n`).join('')
const SERVER = `const page = Array.from({ length: 4000 }, (_, i) => 'line ' + i + '\\n').join('')
require('http').createServer((q, r) => r.end(page + 'Grüße for ' + q.url + '\\n')).listen(80)`

const why = whyNoDocker()
if (why !== undefined) console.error(`the image is not tested: ${why}`)
const skip = why ?? false
let server = ''
let serverAddress = ''

before(() => {
  if (why !== undefined) return
  buildImage()
  server = docker('run', '-d', '--rm', '--entrypoint', 'node', IMAGE, '-e', SERVER)
  serverAddress = docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', server)
})

after(() => {
  if (server !== '') spawnSync('docker', ['rm', '-f', server])
  if (why === undefined) removeImage()
})

/** Our image at work; `stop` ends it as Ctrl-C or `docker stop` would. */
class Capture {
  readonly name: string
  readonly child: ChildProcess
  stderr = ''
  readonly #stdout: Buffer[] = []
  readonly #closed: Promise<number | null>

  constructor(name: string, dockerFlags: readonly string[], flags: readonly string[]) {
    this.name = `${IMAGE}-${name}`
    const args = ['run', '--rm', '--name', this.name, '--net', 'host', ...dockerFlags, IMAGE, ...flags]
    this.child = spawn('docker', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout!.on('data', (bytes: Buffer) => this.#stdout.push(bytes))
    this.child.stderr!.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    this.#closed = new Promise((resolve) => this.child.on('close', resolve))
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#stdout)
  }

  get stdout(): string {
    return this.bytes.toString()
  }

  async until(what: () => boolean): Promise<void> {
    for (let tries = 0; tries < 300 && !what(); tries++) {
      if (this.child.exitCode !== null) break
      await sleep(50)
    }
    assert.ok(what(), `stdout: ${this.stdout}\nstderr: ${this.stderr}`)
  }

  async stop(signal: string): Promise<number | null> {
    docker('kill', '-s', signal, this.name)
    return await this.#closed
  }
}

/** A client in a container of its own asks for `path`. */
function ask(path: string): void {
  docker(
    'run',
    '--rm',
    '--entrypoint',
    'node',
    IMAGE,
    '-e',
    `fetch('http://${serverAddress}${path}').then((r) => r.text())`,
  )
}

/** Nothing of what others may say on docker0 meanwhile. */
function filter(): string[] {
  return ['tcp', 'port', '80', 'and', 'host', serverAddress]
}

function withoutColor(text: string): string {
  return text.replaceAll(/\x1b\[[\d;]*m/g, '')
}

async function seesConversation(name: string, dockerFlags: readonly string[], signal: string): Promise<void> {
  const capture = new Capture(name, dockerFlags, ['-c', '-J', '-i', 'docker0', ...filter()])
  try {
    await capture.until(() => capture.stderr.includes('listening on docker0'))
    ask(`/${name}`)
    await capture.until(() => capture.stdout.includes(`Grüße for /${name}`))
    assert.equal(await capture.stop(signal), 0)
    assert.match(capture.stdout, new RegExp(`\\x1b\\[38;5;32mGET /${name} HTTP/1\\.1`))
    assert.match(capture.stdout, /\x1b\[38;5;166mHTTP\/1\.1 200 OK/)
    assert.ok(withoutColor(capture.stdout).includes(`\r\n\r\n${PAGE}Grüße for /${name}\n`), 'the page in full')
    assert.match(capture.stderr, /\d+ packets, 1 connection/)
  } finally {
    spawnSync('docker', ['rm', '-f', capture.name])
  }
}

test('plain --net host: a request between two containers, in colour', { skip }, () =>
  seesConversation('plain', [], 'SIGINT'),
)

test('a read-only root file system, ended as docker stop does', { skip }, () =>
  seesConversation('readonly', ['--read-only'], 'SIGTERM'),
)

test('a user who is not root, with NET_RAW and nothing else', { skip }, () =>
  seesConversation('user', ['--user', '1000', '--cap-drop', 'ALL', '--cap-add', 'NET_RAW', '--read-only'], 'SIGINT'),
)

test('a user who is not root, with NET_RAW beside the usual capabilities', { skip }, () =>
  seesConversation('usual', ['--user', '1000', '--cap-add', 'NET_RAW'], 'SIGTERM'),
)

test('a file for each flow, in a mounted folder', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  const capture = new Capture('files', ['-v', `${folder}:/out`], ['-o', '/out', '-i', 'docker0', ...filter()])
  t.after(() => spawnSync('docker', ['rm', '-f', capture.name]))
  await capture.until(() => capture.stderr.includes('listening on docker0'))
  ask('/files')
  assert.equal(await capture.stop('SIGTERM'), 0)
  const flows = [...readFlows(folder)].map(([name, bytes]) => [name.slice(0, 15), bytes.toString()] as const)
  const [request, response] = flows.sort(([, a], [, b]) => a.length - b.length).map(([, text]) => text)
  assert.equal(flows.length, 2)
  assert.match(request!, /^GET \/files HTTP\/1\.1\r\n/)
  assert.ok(response!.endsWith(`\r\n\r\n${PAGE}Grüße for /files\n`))
})

test('packets to a pipe, and from a pipe what was said, with a filter', { skip }, async (t) => {
  const capture = new Capture('pipe', [], ['-w', '-', '-i', 'docker0', ...filter()])
  t.after(() => spawnSync('docker', ['rm', '-f', capture.name]))
  await capture.until(() => capture.stderr.includes('listening on docker0'))
  ask('/pipe')
  await capture.until(() => capture.stdout.includes('Grüße for /pipe'))
  assert.equal(await capture.stop('SIGINT'), 0)
  const shown = spawnSync('docker', ['run', '--rm', '-i', IMAGE, '-q', '-C', '-r', '-', 'src port 80'], {
    input: capture.bytes,
    encoding: 'utf8',
  })
  assert.equal(shown.stderr, '')
  assert.equal(shown.status, 0)
  assert.ok(shown.stdout.endsWith(`${PAGE}Grüße for /pipe\n\n`), shown.stdout.slice(-100))
})

/** Rights of the processes of a capture that listens, after `use` of it. */
async function rightsIn(t: TestContext, name: string, dockerFlags: readonly string[], flags: readonly string[]) {
  const capture = new Capture(name, dockerFlags, ['-i', 'lo', ...flags])
  t.after(() => spawnSync('docker', ['rm', '-f', capture.name]))
  await capture.until(() => capture.stderr.includes('listening on lo'))
  const rights = rightsOfRun(Number(docker('inspect', '-f', '{{.State.Pid}}', capture.name)))
  assert.equal(await capture.stop('SIGTERM'), 0, capture.stderr)
  assert.deepEqual(Object.keys(rights).sort(), ['broker', 'child', 'parser'])
  return { parser: sets(rights.parser!), broker: sets(rights.broker!), child: sets(rights.child!) }
}

test('root: the parser holds nothing, broker and child NET_RAW alone, and nobody can gain more', {
  skip,
}, async (t) => {
  for (const [name, dockerFlags] of [
    ['rights', []],
    ['rights-readonly', ['--read-only']],
    ['rights-nnp', ['--security-opt', 'no-new-privileges']],
  ] as const) {
    const { parser, broker, child } = await rightsIn(t, name, dockerFlags, ['-c'])
    assert.deepEqual([parser, broker, child], [exactly(0n), exactly(NET_RAW), exactly(NET_RAW)], name)
  }
})

test('root without SETPCAP: the same, but that the bounding set stays', { skip }, async (t) => {
  const rights = await rightsIn(t, 'rights-few', ['--cap-drop', 'ALL', '--cap-add', 'NET_RAW'], ['-c'])
  assert.deepEqual(rights.parser, { ...exactly(0n), bounding: NET_RAW })
  assert.deepEqual([rights.broker, rights.child], [exactly(NET_RAW), exactly(NET_RAW)])
})

test('root that writes: nothing for its own folder, DAC_OVERRIDE for that of another user', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  for (const [name, owner, kept] of [
    ['rights-own', 0, 0n],
    ['rights-theirs', 1000, 1n << 1n],
  ] as const) {
    chownSync(folder, owner, owner)
    const { parser } = await rightsIn(t, name, ['-v', `${folder}:/out`], ['-o', '/out', '-w', `/out/${name}.pcapng`])
    assert.deepEqual(parser, exactly(kept), name)
    assert.ok(readdirSync(folder).includes(`${name}.pcapng`))
  }
})

test('-U, and a user who is not root: the parser holds nothing, broker and child NET_RAW', { skip }, async (t) => {
  const dropped = await rightsIn(t, 'rights-U', [], ['-c', '-U', 'nobody'])
  const { effective, permitted, inheritable, ambient, noNewPrivileges } = dropped.parser
  assert.deepEqual([effective, permitted, inheritable, ambient, noNewPrivileges], [0n, 0n, 0n, 0n, true])
  assert.deepEqual([dropped.broker, dropped.child], [exactly(NET_RAW), exactly(NET_RAW)])
  const flags = ['--user', '1000', '--cap-drop', 'ALL', '--cap-add', 'NET_RAW', '--read-only']
  const { parser, broker, child } = await rightsIn(t, 'rights-user', flags, ['-c'])
  assert.deepEqual(parser, { ...exactly(0n), bounding: NET_RAW })
  const ofNetRaw = { ...exactly(NET_RAW), inheritable: NET_RAW, ambient: NET_RAW }
  assert.deepEqual([broker, child], [ofNetRaw, ofNetRaw])
})

test('a user who is not root, and may not capture, is told so', { skip }, () => {
  for (const flags of [
    ['--cap-drop', 'ALL'],
    ['--security-opt', 'no-new-privileges'],
  ]) {
    const args = ['run', '--rm', '--net', 'host', '--user', '1000', ...flags, IMAGE, '-c', '-i', 'lo']
    const run = spawnSync('docker', args, { encoding: 'utf8' })
    assert.equal(run.status, 1)
    assert.match(run.stderr, /^tcpflow: no permission to capture on lo .*\n {2}.*--cap-add NET_RAW/)
  }
})

test('what reads files holds nothing either', { skip }, async (t) => {
  const name = `${IMAGE}-reads`
  const args = ['run', '--rm', '-i', '--name', name, IMAGE, '-c', '-r', '-']
  const child = spawn('docker', args, { stdio: ['pipe', 'ignore', 'ignore'] })
  t.after(() => spawnSync('docker', ['rm', '-f', name]))
  child.stdin.write(Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex'))
  for (let tries = 0; ; tries++) {
    await sleep(100)
    const pid = Number(spawnSync('docker', ['inspect', '-f', '{{.State.Pid}}', name], { encoding: 'utf8' }).stdout)
    const { parser } = pid > 0 ? rightsOfRun(pid) : {}
    if (parser?.noNewPrivileges !== true && tries < 100) continue
    assert.deepEqual(sets(parser!), exactly(0n))
    break
  }
  child.stdin.end()
})

test('the list of interfaces', { skip }, () => {
  assert.match(docker('run', '--rm', '--net', 'host', '--read-only', IMAGE, '--list'), /docker0 +up +bridge +172\./)
})

test('without NET_RAW it says what is missing', { skip }, () => {
  const run = spawnSync('docker', ['run', '--rm', '--net', 'host', '--cap-drop', 'ALL', IMAGE, '-c', '-i', 'docker0'], {
    encoding: 'utf8',
  })
  assert.equal(run.status, 1)
  assert.match(run.stderr, /no permission to capture on docker0/)
  assert.match(run.stderr, /NET_RAW/)
})

test('the image stays under 250 MB', { skip }, () => {
  assert.ok(Number(docker('image', 'inspect', '-f', '{{.Size}}', IMAGE)) < 250e6)
})
