// What the engine and /proc add to findings, with real containers: the port that is open, who listens to itself, localhost that
// is the wrong one, networks that are apart, a container that is paused or out of memory.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, type TestContext, test } from 'node:test'
import { addressOf, afterwards, BASE_IMAGE, docker, makeNetwork, uniqueName, whyNoDocker } from '../support/docker.ts'
import { type Running, skipped, start } from '../support/program.ts'

/** Listens as the arguments say, `0.0.0.0:80`, and answers; takes all the memory that there is when asked for /grow. */
const SERVER = `const http = require('http')
for (const each of process.argv.slice(1)) {
  const [address, port] = each.split(':')
  http.createServer((q, r) => {
    if (q.url !== '/grow') return r.end('ok')
    const all = []
    setTimeout(() => { for (;;) all.push(Buffer.alloc(1e6, 1)) }, 200)
  }).listen(Number(port), address, () => console.log('listening'))
}`

/** Asks for a URL, and does not wait for ever. */
const FETCH = 'fetch(process.argv[1], { signal: AbortSignal.timeout(Number(process.argv[2])) }).catch(() => {})'

interface Stage {
  readonly network: string
  readonly web: string
  readonly db: string
  fetch(url: string, millis?: number): void
}

function runServer(t: TestContext, name: string, flags: readonly string[], ...listens: string[]): void {
  afterwards(t, () => spawnSync('docker', ['rm', '-f', name]))
  const options = ['-d', '--stop-signal', 'KILL', '--name', name, ...flags]
  docker('run', ...options, BASE_IMAGE, 'node', '-e', SERVER, '--', ...listens)
  const wait = `for _ in $(seq 100); do docker logs ${name} | grep -q listening && exit 0; sleep 0.1; done; exit 1`
  if (listens.length > 0) assert.equal(spawnSync('sh', ['-c', wait]).status, 0, `${name} listens`)
}

function makeStage(t: TestContext, flags: readonly string[], ...listens: string[]): Stage {
  const [network, web, db] = [uniqueName('net'), uniqueName('web'), uniqueName('db')]
  makeNetwork(t, network)
  runServer(t, db, ['--network', network, ...flags], ...listens)
  afterwards(t, () => spawnSync('docker', ['rm', '-f', web]))
  docker('run', '-d', '--stop-signal', 'KILL', '--name', web, '--network', network, BASE_IMAGE, 'sleep', '300')
  const fetch = (url: string, millis = 2000): void => {
    docker('exec', web, 'node', '-e', FETCH, '--', url, `${millis}`)
  }
  return { network, web, db, fetch }
}

async function listen(t: TestContext, name: string, ...flags: string[]): Promise<Running> {
  const live = start(t, ['diagnose', '--json', ...flags, '--container', name])
  await live.until(({ stderr }) => /: veth/.test(stderr) && /: lo in/.test(stderr), 'it captured')
  return live
}

interface Told {
  id: string
  state: string
  severity: string
  certainty: string
  cause: string
  next: string
}

async function toldBy(live: Running, ...ids: string[]): Promise<Told[]> {
  const found = (run: Running): boolean =>
    ids.every((id) => run.stdout.toString().includes(`"id":"${id}","state":"open"`))
  await live.until(found, `it had found ${ids.join(', ')}`)
  const { stdout } = await live.signal('SIGINT')
  return stdout
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Told)
    .filter(({ state, severity }) => state === 'final' && severity === 'error')
}

describe('with the engine', () => {
  test('the port that is open, a server that listens to itself, and the wrong localhost', async (t) => {
    if (skipped(t, whyNoDocker())) return
    const { web, db, fetch } = makeStage(t, [], '0.0.0.0:5432', '127.0.0.1:5433')
    const live = await listen(t, web)
    fetch(`http://${db}:5999`)
    fetch(`http://${db}:5433`)
    fetch('http://127.0.0.1:5432')
    const told = await toldBy(live, 'refused', 'wrong-bind', 'localhost-misuse')
    const by = (id: string): Told => told.find((each) => each.id === id)!
    assert.deepEqual(told.map(({ id }) => id).sort(), ['localhost-misuse', 'refused', 'wrong-bind'])
    assert.ok(told.every(({ certainty }) => certainty === 'certain'))
    assert.equal(by('refused').cause, `Nothing listens on port 5999 of ${db}. ${db} listens on 0.0.0.0:5432 (node).`)
    assert.equal(by('refused').next, 'use port 5432')
    assert.equal(by('wrong-bind').next, `let node in ${db} listen on 0.0.0.0:5433`)
    assert.match(by('localhost-misuse').next, new RegExp(`^in ${web} use ${db}:5432 in place of localhost:5432`))
  })

  test('two networks that are apart', async (t) => {
    if (skipped(t, whyNoDocker())) return
    const { web, network, fetch } = makeStage(t, [])
    const [far, other] = [uniqueName('far'), uniqueName('other')]
    makeNetwork(t, far)
    runServer(t, other, ['--network', far], '0.0.0.0:80')
    const live = await listen(t, web)
    fetch(`http://${addressOf(other, far)}`, 6000)
    const [told, ...more] = await toldBy(live, 'wrong-network')
    assert.deepEqual(more, [])
    assert.equal(told!.cause, `${web} (on ${network}) and ${other} (on ${far}) share no network.`)
  })

  test('paused: it hangs for certain', async (t) => {
    if (skipped(t, whyNoDocker())) return
    const { web, db, network, fetch } = makeStage(t, [], '0.0.0.0:80')
    const live = await listen(t, web, '--hung-after', '1s')
    docker('pause', db)
    fetch(`http://${addressOf(db, network)}`, 3000)
    const [told] = await toldBy(live, 'hung-peer')
    assert.deepEqual([told!.id, told!.certainty, told!.next], ['hung-peer', 'certain', `docker unpause ${db}`])
  })

  test('out of memory in the moment in which the connection ends', async (t) => {
    if (skipped(t, whyNoDocker())) return
    const { web, db, fetch } = makeStage(t, ['-m', '64m', '--memory-swap', '64m'], '0.0.0.0:80')
    const live = await listen(t, web)
    fetch(`http://${db}/grow`, 8000)
    const [told] = await toldBy(live, 'aborted-transfer')
    assert.equal(told!.certainty, 'certain')
    assert.match(told!.cause, new RegExp(`^${db} was killed, because it wanted more memory than it may have`))
  })
})
