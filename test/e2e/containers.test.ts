// Containers by name on a real engine: every network mode, and whatever happens to them while we look.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  addressOf,
  afterwards,
  ask,
  askUntilAnswered,
  BASE_IMAGE,
  docker,
  dockerMeanwhile,
  makeNetwork,
  SteadyClient,
  startServer,
  uniqueName,
  whyNoDocker,
} from '../support/docker.ts'
import { type Running, start, tcpflow, temporaryFolder } from '../support/program.ts'

const why = whyNoDocker()
if (why !== undefined) console.error(`containers are not tested: ${why}`)
const skip = why ?? false

/** A capture of containers; resolves once the first of them is being captured. */
async function capture(t: TestContext, args: string[], ready = /: (veth|any|lo)|network .*: /): Promise<Running> {
  const run = start(t, args)
  await run.until(({ stderr }) => ready.test(stderr), 'it captured')
  return run
}

async function until(run: Running, text: string): Promise<void> {
  await run.until(({ stdout }) => stdout.includes(text), `it showed ${text}: ${run.stdout.toString().slice(-500)}`)
}

async function stop(run: Running): Promise<string> {
  const { code, stderr } = await run.signal('SIGINT')
  assert.equal(code, 0, stderr)
  return run.stdout.toString()
}

/** Every answer that a client got in full was seen in full, byte for byte and once. */
function assertAllSeen(stdout: string, client: SteadyClient): void {
  assert.ok(client.answered.length > 20, `only ${client.answered.length} answers`)
  const missing = client.answered.filter(({ body }) => stdout.split(body).length !== 2)
  assert.deepEqual(
    missing.map(({ path }) => path),
    [],
  )
}

/** Payload bytes by the JSON events: what was sent by servers on connections that ended well. */
function responses(json: string): Map<string, string> {
  const bodies = new Map<number, string>()
  for (const line of json.split('\n').filter((each) => each !== '')) {
    const event = JSON.parse(line) as { event: string; connection: number; direction?: string; text?: string }
    if (event.event !== 'data' || event.direction !== 'server') continue
    bodies.set(event.connection, (bodies.get(event.connection) ?? '') + event.text)
  }
  return new Map([...bodies.values()].map((text) => [text.slice(text.indexOf('\r\n\r\n') + 4), text]))
}

test('the default bridge: the veth, with names instead of addresses', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  const address = addressOf(web)
  await askUntilAnswered(address, '/before')
  const run = await capture(t, ['-c', '--container', web])
  assert.match(run.stderr, new RegExp(`tcpflow: ${web}: veth\\w+ on docker0\n`))
  const body = (await ask(address, '/first'))!
  await until(run, body)
  const shown = await stop(run)
  assert.match(shown, new RegExp(`host\\.\\d{5}-${web}\\.00080: GET /first HTTP/1\\.1`))
  assert.ok(!shown.includes('/before'))
})

test('by id, by the beginning of its id, by pattern; with a filter beside it; --no-names is plain tcpflow', {
  skip,
}, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  const address = addressOf(web)
  const id = docker('inspect', '-f', '{{.Id}}', web)
  await askUntilAnswered(address, '/before')
  for (const named of [id, id.slice(0, 12), `${web.slice(0, -1)}?`]) {
    const run = await capture(t, ['-c', '--no-names', '--container', named, 'dst', 'port', '80'])
    await ask(address, '/asked')
    await until(run, 'GET /asked')
    const shown = await stop(run)
    assert.match(shown, /^\d{3}\.\d{3}\.\d{3}\.\d{3}\.\d{5}-\d{3}\.\d{3}\.\d{3}\.\d{3}\.00080: GET \/asked/m)
    assert.ok(!shown.includes('answer of'), 'only what the filter says')
  }
})

test('a user-defined bridge and a second network: both are captured', { skip }, async (t) => {
  const [web, front, back] = [uniqueName('web'), uniqueName('front'), uniqueName('back')]
  makeNetwork(t, front)
  makeNetwork(t, back)
  startServer(t, web, { flags: ['--network', front, '--network-alias', 'www'] })
  docker('network', 'connect', back, web)
  const run = await capture(t, ['-c', '--container', web], /: veth[\s\S]*: veth/)
  const one = await askUntilAnswered(addressOf(web, front), '/by-front')
  const two = await askUntilAnswered(addressOf(web, back), '/by-back')
  await until(run, one)
  await until(run, two)
  await stop(run)
  // narrowed to one of them
  const narrow = await capture(t, ['-c', '--container', web, '--network', back])
  await ask(addressOf(web, front), '/not-this')
  const three = (await ask(addressOf(web, back), '/but-this'))!
  await until(narrow, three)
  assert.ok(!(await stop(narrow)).includes('/not-this'))
})

test('everything on a network', { skip }, async (t) => {
  const [one, two, net] = [uniqueName('one'), uniqueName('two'), uniqueName('net')]
  makeNetwork(t, net)
  startServer(t, one, { flags: ['--network', net] })
  const run = await capture(t, ['-c', '--network', net])
  startServer(t, two, { flags: ['--network', net] })
  const a = await askUntilAnswered(addressOf(one, net), '/a')
  const b = await askUntilAnswered(addressOf(two, net), '/b')
  await until(run, a)
  await until(run, b)
  await stop(run)
})

test('none: inside its own namespace', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web, { flags: ['--network', 'none'], self: true })
  const run = await capture(t, ['-c', '--container', web])
  await until(run, `answer of ${web} to /self`)
  await stop(run)
})

test('container: modes: what they say to each other on 127.0.0.1', { skip }, async (t) => {
  const [web, beside] = [uniqueName('web'), uniqueName('beside')]
  startServer(t, web)
  startServer(t, beside, { flags: ['--network', `container:${web}`], id: 'nobody', self: true })
  const run = await capture(t, ['-c', '--container', beside])
  // it cannot listen where the other listens already, so the other answers
  await until(run, `answer of ${web} to /self`)
  assert.match(run.stderr, new RegExp(`${beside} shares the network of ${web}`))
  await stop(run)
})

test('the host’s network: narrowed to where it listens, and said to be shared', { skip }, async (t) => {
  const web = uniqueName('web')
  const script = `require('http').createServer((q, r) => r.end('host answer to ' + q.url)).listen(0, '127.0.0.1', function () {
    console.log(this.address().port) })`
  afterwards(t, () => spawnSync('docker', ['rm', '-f', web]))
  docker('run', '-d', '--network', 'host', '--name', web, 'node:24-trixie-slim', 'node', '-e', script)
  let port = ''
  for (let tries = 0; tries < 100 && port === ''; tries++) {
    await sleep(50)
    port = docker('logs', web)
  }
  const run = await capture(t, ['-c', '--container', web])
  assert.match(run.stderr, new RegExp(`shares the host's network: only port ${port} can be told`))
  assert.equal(await ask('127.0.0.1', '/host', Number(port)), 'host answer to /host')
  await until(run, 'host answer to /host')
  await stop(run)
})

/** Interfaces that macvlan and ipvlan need to stand on, made for the test. */
function makeParent(t: TestContext): string {
  const name = `tft${process.pid % 100_000}p`
  const made = spawnSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}q`], { encoding: 'utf8' })
  assert.equal(made.status, 0, made.stderr)
  for (const end of [name, `${name}q`]) spawnSync('ip', ['link', 'set', end, 'up'])
  afterwards(t, () => spawnSync('ip', ['link', 'del', name]))
  return name
}

/** Kernels are built without ipvlan, too. */
function kernelHasIpvlan(t: TestContext): boolean {
  const parent = makeParent(t)
  const { status } = spawnSync('ip', ['link', 'add', `${parent}i`, 'link', parent, 'type', 'ipvlan'])
  spawnSync('ip', ['link', 'del', parent])
  return status === 0
}

for (const wanted of ['macvlan', 'ipvlan'] as const) {
  test(`${wanted}: two containers speak, captured inside one of them`, { skip }, async (t) => {
    // Without ipvlan here, the other driver without a bridge stands in for it: the way of capturing is the same.
    const driver = wanted === 'ipvlan' && !kernelHasIpvlan(t) ? 'macvlan' : wanted
    if (driver !== wanted) console.error('this kernel has no ipvlan: macvlan in bridge mode is tested in its place')
    const [web, client, net] = [uniqueName('web'), uniqueName('client'), uniqueName('lan')]
    const parent = makeParent(t)
    makeNetwork(t, net, '-d', driver, '-o', `parent=${parent}`, '--subnet', '10.213.7.0/24')
    startServer(t, web, { flags: ['--network', net] })
    const run = await capture(t, ['-c', '--container', web])
    const address = addressOf(web, net)
    afterwards(t, () => spawnSync('docker', ['rm', '-f', client]))
    const script = `const ask = () => fetch('http://${address}/neighbour').catch(() => setTimeout(ask, 50)); ask()`
    docker('run', '--rm', '--name', client, '--network', net, 'node:24-trixie-slim', 'node', '-e', script)
    await until(run, `answer of ${web} to /neighbour`)
    assert.match(run.stderr, /in its network namespace/)
    await stop(run)
    const refused = await tcpflow(t, ['-c', '--container', web, '--via', 'veth'])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, new RegExp(`driver ${driver}\\) has no bridge on this host`))
  })
}

test('an overlay network of a single-node swarm', { skip }, async (t) => {
  const active = docker('info', '-f', '{{.Swarm.LocalNodeState}}') === 'active'
  if (!active) {
    const bridgeWasThere = docker('network', 'ls', '-q', '-f', 'name=^docker_gwbridge$') !== ''
    docker('swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1:23770')
    // the engine makes it for the swarm, lets go of it a moment after the end, and leaves it
    const remove = 'for i in 1 2 3 4 5 6 7 8 9 10; do docker network rm docker_gwbridge && exit; sleep 0.3; done'
    if (!bridgeWasThere) afterwards(t, () => spawnSync('sh', ['-c', remove]))
    afterwards(t, () => spawnSync('docker', ['swarm', 'leave', '--force']))
  }
  const [web, net] = [uniqueName('web'), uniqueName('over')]
  makeNetwork(t, net, '-d', 'overlay', '--attachable', '--subnet', '10.214.7.0/24')
  startServer(t, web, { flags: ['--network', net], self: true })
  const run = await capture(t, ['-c', '--container', web])
  await until(run, `answer of ${web} to /self`)
  await stop(run)
})

test('a scratch image of one static binary, which holds no shell to ask', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  const [image, web] = [uniqueName('scratch'), uniqueName('web')]
  writeFileSync(
    join(folder, 'server.c'),
    `#include <netinet/in.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
  if (bind(s, (void *)&a, sizeof a) || listen(s, 9)) return 1;
  for (;;) {
    char b[4096];
    int c = accept(s, 0, 0);
    if (read(c, b, sizeof b) > 0) write(c, "HTTP/1.0 200 OK\\r\\n\\r\\nstatic answer", 32);
    close(c);
  }
}
`,
  )
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY server /server\nENTRYPOINT ["/server"]\n')
  const built = spawnSync('gcc', ['-static', '-O1', '-o', 'server', 'server.c'], { cwd: folder, encoding: 'utf8' })
  assert.equal(built.status, 0, built.stderr)
  docker('build', '-q', '-t', image, folder)
  afterwards(t, () => spawnSync('docker', ['rmi', '-f', image]))
  afterwards(t, () => spawnSync('docker', ['rm', '-f', web]))
  docker('run', '-d', '--name', web, image)
  const run = await capture(t, ['-c', '--container', web])
  assert.match(run.stderr, /veth\w+ on docker0/)
  assert.equal(await askUntilAnswered(addressOf(web), '/static'), 'static answer')
  await until(run, 'static answer')
  await stop(run)
})

test('restarted under steady traffic: nothing that a client got is missing', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  await askUntilAnswered(addressOf(web), '/before')
  const run = await capture(t, ['--json', '--container', web])
  let address = addressOf(web)
  const client = new SteadyClient(() => address, 'steady')
  await sleep(400)
  for (let i = 0; i < 2; i++) {
    await dockerMeanwhile('restart', '-t', '0', web)
    address = addressOf(web)
    await sleep(1200)
  }
  await client.stop()
  await until(run, client.answered.at(-1)!.path)
  await sleep(300)
  const json = await stop(run)
  assert.match(run.stderr, new RegExp(`${web} (has stopped|was restarted)`))
  const seen = responses(json)
  assert.ok(client.answered.length > 20)
  const missing = client.answered.filter(({ body }) => !seen.has(body)).map(({ path }) => path)
  assert.deepEqual(missing, [], run.stderr)
  const sent = client.answered.reduce((sum, { body }) => sum + body.length, 0)
  const counted = client.answered.reduce((sum, { body }) => sum + [...seen.keys()].find((b) => b === body)!.length, 0)
  assert.equal(counted, sent)
})

test('made anew under the same name: the new one from its first packet on', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web, { id: 'old' })
  const old = await askUntilAnswered(addressOf(web), '/before')
  assert.match(old, /answer of old/)
  const run = await capture(t, ['-c', '--container', web])
  docker('rm', '-f', web)
  startServer(t, web, { id: 'new' })
  const first = await askUntilAnswered(addressOf(web), '/first')
  assert.match(first, /answer of new/)
  await until(run, first)
  await stop(run)
})

test('a service is scaled up and down: each replica is captured while it runs', { skip }, async (t) => {
  const service = uniqueName('svc')
  const flags = ['--label', `com.docker.compose.service=${service}`]
  const [one, two] = [uniqueName('one'), uniqueName('two')]
  startServer(t, one, { flags })
  const run = await capture(t, ['-c', '--service', service])
  startServer(t, two, { flags })
  const fromTwo = await askUntilAnswered(addressOf(two), '/scaled')
  await until(run, fromTwo)
  docker('rm', '-f', one)
  await run.until(({ stderr }) => stderr.includes(`${one} has stopped`), 'it noticed')
  const again = (await ask(addressOf(two), '/still'))!
  await until(run, again)
  await stop(run)
})

test('a network is connected and disconnected under steady traffic', { skip }, async (t) => {
  const [web, net] = [uniqueName('web'), uniqueName('net')]
  makeNetwork(t, net)
  startServer(t, web)
  await askUntilAnswered(addressOf(web), '/before')
  const run = await capture(t, ['-c', '--container', web])
  const address = addressOf(web)
  const client = new SteadyClient(() => address, 'steady')
  await dockerMeanwhile('network', 'connect', net, web)
  await run.until(({ stderr }) => new RegExp(`${web} joined the network ${net}`).test(stderr), 'it joined')
  await run.until(({ stderr }) => /on br-/.test(stderr), 'it captured there')
  const there = (await ask(addressOf(web, net), '/joined'))!
  await until(run, there)
  await dockerMeanwhile('network', 'disconnect', net, web)
  await run.until(({ stderr }) => new RegExp(`${web} left the network ${net}`).test(stderr), 'it left')
  await sleep(500)
  await client.stop()
  await sleep(500)
  assertAllSeen(await stop(run), client)
})

test('--wait: begun before the container exists, and its very first packet is seen', { skip }, async (t) => {
  // A network of its own: on the usual one, a container that other tests have just removed may have had the same address.
  const [web, net] = [uniqueName('web'), uniqueName('net')]
  makeNetwork(t, net)
  const run = await capture(t, ['--json', '--wait', '--container', web], /waiting for/)
  const bridge = `br-${docker('network', 'inspect', '-f', '{{.Id}}', net).slice(0, 12)}`
  assert.match(run.stderr, new RegExp(`waiting for ${web}: watching .*docker0`))
  assert.match(run.stderr, new RegExp(`waiting for ${web}: watching .*${bridge}`))
  await sleep(700)
  // it speaks at once, to the host's end of the bridge, where nobody listens
  const gateway = docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', net)
  afterwards(t, () => spawnSync('docker', ['rm', '-f', web]))
  docker(
    'run',
    '-d',
    '--name',
    web,
    '--network',
    net,
    'node:24-trixie-slim',
    'node',
    '-e',
    `require('net').connect(9, '${gateway}').on('error', () => setTimeout(() => {}, 9e6))`,
  )
  await run.until(({ stderr }) => new RegExp(`${web}\\S* .*refused`).test(stderr), 'its first connection was seen')
  const opened = (await stop(run)).split('\n').find((line) => line.includes('"event":"open"'))!
  assert.equal(JSON.parse(opened).server.port, 9)
  assert.equal(JSON.parse(opened).client.name, web)
})

test('two namespaces’ 127.0.0.1 are two hosts, in a replay too', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  const [one, two] = [uniqueName('one'), uniqueName('two')]
  for (const name of [one, two]) startServer(t, name, { flags: ['--network', 'none'], self: true })
  const saved = join(folder, 'both.pcapng')
  const run = await capture(t, ['-c', '--container', one, '--container', two, '-w', saved], /namespace[\s\S]*namespace/)
  await until(run, `answer of ${one} to /self`)
  await until(run, `answer of ${two} to /self`)
  const live = await stop(run)
  assert.match(live, new RegExp(`${one}\\.\\d{5}-${one}\\.00080: GET /self`))
  assert.match(live, new RegExp(`${two}\\.\\d{5}-${two}\\.00080: GET /self`))
  const replay = await tcpflow(t, ['--json', '-r', saved])
  const answered = replay.stdout
    .toString()
    .split('\n')
    .filter((line) => line.includes('answer of'))
  assert.ok(answered.some((line) => line.includes(one)) && answered.some((line) => line.includes(two)))
})

test('what is not there is said in one line with a hint', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  const misspelt = await tcpflow(t, ['-c', '--container', web.replace('web', 'wbe')])
  assert.equal(misspelt.code, 1)
  assert.match(misspelt.stderr, new RegExp(`^tcpflow: there is no container \\S+\n {2}closest: .*${web}`))
  docker('stop', web)
  const stopped = await tcpflow(t, ['-c', '--container', web])
  assert.equal(stopped.code, 1)
  assert.match(stopped.stderr, new RegExp(`container ${web} is not running \\(exited\\)\n.*--wait --container ${web}`))
  const noSocket = await tcpflow(t, ['-c', '--container', web, '--docker-host', 'unix:///nowhere/docker.sock'])
  assert.equal(noSocket.code, 1)
  assert.match(noSocket.stderr, /^tcpflow: .*\/nowhere\/docker\.sock.*\n {2}\S/)
})

test('a sidecar image that is not ours is named, with what to do', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  const scratch = uniqueName('scratch')
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n')
  docker('build', '-q', '-t', scratch, folder)
  afterwards(t, () => spawnSync('docker', ['rmi', '-f', scratch]))
  for (const [image, lacking] of [
    [BASE_IMAGE, '/opt/tcpflow/dist/capture-child.js'],
    [scratch, 'node'],
  ] as const) {
    const args = ['-c', '--container', web, '--via', 'sidecar', '--sidecar-image', image]
    const { code, stderr } = await tcpflow(t, args)
    assert.equal(code, 1)
    const [said, hint, ...more] = stderr.trimEnd().split('\n')
    assert.equal(said, `tcpflow: the image ${image} is not tcpflow's: it has no ${lacking}`)
    assert.match(hint!, /^ {2}--sidecar-image wants .*docker build/)
    assert.deepEqual(more, [])
  }
})

test('named by its id, a container’s removal ends the run', { skip }, async (t) => {
  const web = uniqueName('web')
  startServer(t, web)
  const run = await capture(t, ['-c', '--container', docker('inspect', '-f', '{{.Id}}', web)])
  docker('rm', '-f', web)
  const { code, stderr } = await run.result
  assert.equal(code, 1)
  assert.match(stderr, /nothing is left to capture/)
})

test('tcpflow containers: what runs and where it would be captured', { skip }, async (t) => {
  const [web, own] = [uniqueName('web'), uniqueName('own')]
  const compose = ['service=api', 'project=shop'].flatMap((each) => ['--label', `com.docker.compose.${each}`])
  startServer(t, web, { flags: ['-p', '127.0.0.1:0:80', ...compose] })
  startServer(t, own, { flags: ['--network', 'none'] })
  const table = (await tcpflow(t, ['containers'])).stdout.toString()
  assert.match(table, /^NAME +SERVICE +IMAGE +NETWORK +ADDRESS +PORTS +VIA +CAPTURED AT\n/)
  assert.match(
    table,
    new RegExp(
      `^${web} +api +node:24-trixie-slim +bridge +172\\S+ +127\\.0\\.0\\.1:\\d+->80/tcp +veth +veth\\w+ on docker0$`,
      'm',
    ),
  )
  assert.match(table, new RegExp(`^${own} .* netns +any in its network namespace$`, 'm'))
  const json = (await tcpflow(t, ['ps', '--json'])).stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const { service, project, way } = json.find(({ name }) => name === web)
  assert.deepEqual({ service, project, way }, { service: 'api', project: 'shop', way: 'veth' })
  const names = (await tcpflow(t, ['ps', '-q'])).stdout.toString().split('\n')
  assert.ok(names.includes(web) && names.includes(own))
})
