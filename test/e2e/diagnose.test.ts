// `tcpflow diagnose` on real faults between real parts in network namespaces, live and from what was saved, and on files: what
// is printed where, and with which exit code.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { afterwards, BASE_IMAGE, docker, makeNetwork, uniqueName, whyNoDocker } from '../support/docker.ts'
import { assertHarmless } from '../support/harmless.ts'
import { type HostPair, makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { mustRun, type Running, run, skipped, start, tcpflow, temporaryFolder, whyNot } from '../support/program.ts'
import { captureOf, Talk } from '../support/talk.ts'

const UTC = { TZ: 'UTC' }
const SERVER = '10.9.0.2'

interface Row {
  event: string
  id: string
  state: string
  severity: string
  certainty: string
  client: { address: string; port: number } | null
  server: { address: string; port?: number } | null
  connections: number[]
  count: number
  cause: string
  evidence: { time: string; text: string }[]
}

function rowsOf(stdout: Buffer): Row[] {
  return stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row)
}

/** `refused 10.9.0.2:7001 x 2`, of what is final, in the order of the report. */
function finalOf(stdout: Buffer): string[] {
  return rowsOf(stdout)
    .filter(({ state, severity }) => state === 'final' && severity !== 'note')
    .map(({ id, server, count }) => `${id} ${server?.address}:${server?.port} x ${count}`)
}

/** A client that connects to each port, patient or not; how it fails does not matter here. */
const CONNECT = `
import socket, sys
for word in sys.argv[1:]:
    host, port, seconds = word.split(',')
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
    s.settimeout(float(seconds))
    try:
        s.connect((host, int(port)))
        s.sendall(b'hello')
        s.recv(10)
    except OSError:
        pass
    s.close()
`

/** An echo server on port 7000; says when it listens. */
const ECHO = `
import socket, sys
l = socket.create_server(('', 7000))
print('listening', flush=True)
while True:
    c, _ = l.accept()
    c.sendall(c.recv(10))
    c.close()
`

async function echoOn({ server }: HostPair): Promise<void> {
  const child = server.spawn('python3', ['-c', ECHO], { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise<void>((resolve) => child.stdout!.once('data', () => resolve()))
}

function countOf(run: Running, text: string): number {
  return run.stdout.toString().split(text).length - 1
}

/** Learns the neighbour's address, so that no ARP comes between. */
function acquaint({ client }: HostPair): void {
  client.run('python3', '-c', CONNECT, `${SERVER},7000,5`)
}

describe('live', () => {
  test('refused, unanswered and rejected, told at once, and the same from what was saved', async (t: TestContext) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('python3', 'iptables'))) return
    const pair = makeHostPair(t)
    const { client, server } = pair
    server.run('iptables', '-A', 'INPUT', '-p', 'tcp', '--dport', '7002', '-j', 'DROP')
    const reject = ['-j', 'REJECT', '--reject-with', 'icmp-host-prohibited']
    server.run('iptables', '-A', 'INPUT', '-p', 'tcp', '--dport', '7003', ...reject)
    await echoOn(pair)
    acquaint(pair)
    const saved = join(temporaryFolder(t), 'all.pcapng')
    const live = start(t, ['diagnose', '--json', '--exit-code', '-i', 'eth0', '-w', saved], {
      wrapper: client.wrapper,
      env: UTC,
    })
    await live.listening()
    const waiting = client.spawn('python3', ['-c', CONNECT, `${SERVER},7002,5`])
    client.run('python3', '-c', CONNECT, `${SERVER},7000,5`, `${SERVER},7001,5`, `${SERVER},7001,5`, `${SERVER},7003,5`)
    await live.until((run) => countOf(run, '"id":"rejected"') > 0, 'it had told rejected')
    await live.until((run) => countOf(run, '"id":"unanswered"') > 0, 'it had told unanswered')
    assert.equal(countOf(live, '"id":"refused"'), 1, 'one finding for two connections, told once')
    await new Promise((resolve) => waiting.once('exit', resolve))
    const { code, stdout, stderr } = await live.signal('SIGINT')
    assert.equal(code, 3)
    assert.doesNotMatch(stderr, /refused|unanswered/)
    const found = finalOf(stdout)
    assert.deepEqual(
      [...found].sort(),
      [`refused ${SERVER}:7001 x 2`, `rejected ${SERVER}:7003 x 1`, `unanswered ${SERVER}:7002 x 1`],
      stdout.toString(),
    )
    assert.equal(found[0], `refused ${SERVER}:7001 x 2`, 'what touches most comes first')
    for (const { state, evidence, cause } of rowsOf(stdout)) {
      assert.ok(['open', 'final'].includes(state))
      assert.ok(evidence.length > 0)
      assert.notEqual(cause, '')
    }
    const replayed = await tcpflow(t, ['diagnose', '--json', '--exit-code', '-r', saved], { env: UTC })
    assert.equal(replayed.code, 3)
    assert.deepEqual(finalOf(replayed.stdout), found)
  })

  test('a TLS handshake that fails, by real parts', async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('openssl'))) return
    const { server } = makeHostPair(t)
    const folder = temporaryFolder(t)
    const certificate = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert'), '-subj', '/CN=db.example']
    run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', ...certificate])
    const files = ['-cert', join(folder, 'cert'), '-key', join(folder, 'key')]
    const listener = server.spawn('openssl', ['s_server', '-accept', '7443', '-tls1_2', ...files], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    await new Promise<void>((resolve) => listener.stdout!.once('data', () => resolve()))
    const live = start(t, ['diagnose', '--json', '-i', 'lo', 'port 7443'], { wrapper: server.wrapper, env: UTC })
    await live.listening()
    const client = ['s_client', '-connect', '127.0.0.1:7443', '-servername', 'db.example', '-tls1_3']
    assert.throws(() => server.run('openssl', ...client))
    await live.until((each) => countOf(each, '"id":"tls-version"') > 0, 'it had told tls-version')
    const { stdout } = await live.signal('SIGINT')
    assert.deepEqual(finalOf(stdout), ['tls-version 127.0.0.1:7443 x 1'])
  })

  test('as text: a line at once, the report on SIGUSR2 and at the end; healthy traffic is no fault', async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot('python3'))) return
    const pair = makeHostPair(t)
    const { client } = pair
    await echoOn(pair)
    acquaint(pair)
    const live = start(t, ['diagnose', '--exit-code', '-i', 'eth0', 'tcp'], { wrapper: client.wrapper, env: UTC })
    await live.listening()
    client.run('python3', '-c', CONNECT, `${SERVER},7000,5`)
    live.child.kill('SIGUSR2')
    await live.until((run) => countOf(run, ': nothing wrong\n') > 0, 'it had reported')
    client.run('python3', '-c', CONNECT, `${SERVER},7001,5`)
    await live.until((run) => countOf(run, ` error: refused (likely), 10.9.0.1 -> ${SERVER}:7001: `) > 0, 'it told')
    const { code, stdout } = await live.signal('SIGTERM')
    assert.equal(code, 3)
    const report = stdout.toString().slice(stdout.indexOf('\n1 error\n'))
    assert.match(report, /^\n1 error\n\n1\. refused {3}10\.9\.0\.1 -> 10\.9\.0\.2:7001 {3}1 connection, \d\d:\d\d:\d\d/)
    assert.match(report, /\n {3}next: .*\n {3}seen: \d\d:\d\d:\d\d\.\d{6} SYN to 10\.9\.0\.2:7001\n/)
    assert.match(report, /\nlooked at 2 connections\ncould not be judged: what the filter leaves out \(tcp\)/)
    assertHarmless(stdout, 'standard output')
    for (const line of report.split('\n')) assert.ok(line.length <= 100, line)
  })
})

describe('a container', () => {
  /** Says hello to itself on a port where nobody listens, and goes on. */
  const TALKER = `const net = require('net')
    setInterval(() => net.connect(9999, '127.0.0.1').on('error', () => {}), 300)`

  function talker(t: TestContext): string {
    const name = uniqueName('self')
    const network = uniqueName('own')
    makeNetwork(t, network)
    afterwards(t, () => spawnSync('docker', ['rm', '-f', name]))
    docker('run', '-d', '--stop-signal', 'KILL', '--name', name, '--network', network, BASE_IMAGE, 'node', '-e', TALKER)
    return name
  }

  test('what it says to itself is seen inside its namespace, under its name', async (t) => {
    if (skipped(t, whyNoDocker())) return
    const name = talker(t)
    const live = start(t, ['diagnose', '--json', '--container', name], { env: UTC })
    await live.until((run) => countOf(run, '"id":') > 0, 'it had found something')
    const { code, stdout, stderr } = await live.signal('SIGINT')
    assert.equal(code, 0, stderr)
    assert.match(stderr, /: lo in its network namespace$/m)
    const [found] = rowsOf(stdout).filter(({ state }) => state === 'final') as (Row & { server: { name: string } })[]
    assert.equal(found!.server.address, '127.0.0.1')
    assert.equal(found!.server.port, 9999)
    assert.equal(found!.server.name, name)
    assert.equal(found!.severity, 'error')
  })

  test('where its namespace is closed to us, the report says what is not seen', async (t) => {
    if (skipped(t, whyNoDocker() ?? whyNot('setpriv'))) return
    const name = talker(t)
    const wrapper = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin']
    const args = ['diagnose', '--container', name, '--sidecar-image', uniqueName('no-such-image')]
    const live = start(t, args, { env: UTC, wrapper })
    await live.until(({ stderr }) => /: veth/.test(stderr), 'it captured')
    // that there is no such image is known a moment later
    const asking = setInterval(() => live.child.kill('SIGUSR2'), 200)
    const what = `could not be judged: connections to localhost and DNS through 127.0.0.11 in ${name}: `
    const words = (run: Running): string => run.stdout.toString().replace(/\s+/g, ' ')
    await live.until((run) => words(run).includes(what), 'it had said so').finally(() => clearInterval(asking))
    const { code, stderr } = await live.signal('SIGINT')
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stderr, /no-such-image/)
  })
})

describe('files', () => {
  function refusedBy(serverPort: number, options: object = {}): Talk {
    return new Talk({ serverPort, ...options }).syn().segment(1, { flags: 'R.', seq: 0, ack: 1001 })
  }

  function folderWith(t: TestContext, captures: Record<string, Buffer>): string {
    const folder = temporaryFolder(t)
    for (const [name, bytes] of Object.entries(captures)) writeFileSync(join(folder, name), bytes)
    return folder
  }

  test('several files are one capture; the report alone comes out', async (t) => {
    const cwd = folderWith(t, {
      'a.pcap': captureOf(refusedBy(81)),
      'b.pcap': captureOf(refusedBy(81, { clientPort: 40001, startTime: 1_700_000_100 })),
    })
    const { stdout, stderr } = await mustRun(t, ['diagnose', '-r', 'a.pcap', '-r', 'b.pcap'], { cwd, env: UTC })
    assert.match(
      stdout.toString(),
      /^1 error\n\n1\. refused {3}10\.0\.0\.1 -> 10\.0\.0\.2:81 {3}2 connections, 22:13:20 - 22:15:00/,
    )
    assert.match(stderr, /^tcpflow: 4 packets, 2 connections/)
    assert.doesNotMatch(stderr, /refused/)
  })

  test('only what is asked for', async (t) => {
    const cwd = folderWith(t, { 'a.pcap': captureOf(refusedBy(81)) })
    const report = async (...flags: string[]): Promise<string> =>
      (await mustRun(t, ['diagnose', '-q', '-r', 'a.pcap', ...flags], { cwd, env: UTC })).stdout.toString()
    assert.match(await report('--id', 'refused'), /1\. refused/)
    assert.equal(await report('--not-id', 'refused'), '1 connection: nothing found (looked only for all but refused)\n')
    assert.equal(await report('--id', 'rejected'), '1 connection: nothing found (looked only for rejected)\n')
    assert.match(await report('--min-severity', 'error'), /1\. refused/)
    assert.match(await report('port', '82'), /^0 connections: nothing wrong\ncould not be judged: what the filter/)
  })

  test('exit codes: 3 only for errors and only where it is wanted; a file that cannot be read is 1', async (t) => {
    const healthy = new Talk().open().client('GET / HTTP/1.1\r\n\r\n').server('HTTP/1.1 204 No Content\r\n\r\n').close()
    const cwd = folderWith(t, { 'bad.pcap': captureOf(refusedBy(81)), 'good.pcap': captureOf(healthy) })
    const codeOf = async (...flags: string[]): Promise<number> =>
      (await tcpflow(t, ['diagnose', ...flags], { cwd })).code
    assert.equal(await codeOf('-r', 'bad.pcap'), 0)
    assert.equal(await codeOf('--exit-code', '-r', 'bad.pcap'), 3)
    assert.equal(await codeOf('--exit-code', '-r', 'good.pcap'), 0)
    assert.equal(await codeOf('--exit-code', '--not-id', 'refused', '-r', 'bad.pcap'), 0)
    assert.equal(await codeOf('--exit-code', '-r', 'missing.pcap'), 1)
    assert.equal(await codeOf('--explain', 'refussed'), 2)
  })

  test('--every: the report of the time until then, again and again', async (t) => {
    const talks = [0, 3, 6].map((seconds) =>
      refusedBy(81, { clientPort: 40_000 + seconds, startTime: 1_700_000_000 + seconds }),
    )
    const cwd = folderWith(t, { 'a.pcap': captureOf(...talks) })
    const every = async (...flags: string[]) =>
      (await mustRun(t, ['diagnose', '-q', '--every', '2s', '-r', 'a.pcap', ...flags], { cwd, env: UTC })).stdout
    const reports = (await every()).toString().split(/\n\n(?=\d{4}|1 error)/)
    assert.deepEqual(
      reports.map((report) => [/^\d{4}-\d\d-\d\d ([\d:]+), since/.exec(report)?.[1], /(\d) conn/.exec(report)?.[1]]),
      [
        ['22:13:23', '1'],
        ['22:13:26', '2'],
        [undefined, '3'],
      ],
    )
    const counts = rowsOf(await every('--json')).map(({ state, count }) => `${state} ${count}`)
    assert.deepEqual(counts, ['open 1', 'open 1', 'open 2', 'final 3'])
  })

  test('-w beside it, colour, standard input', async (t) => {
    const bytes = captureOf(refusedBy(81))
    const cwd = folderWith(t, { 'a.pcap': bytes })
    await mustRun(t, ['diagnose', '-q', '-r', 'a.pcap', '-w', 'copy.pcapng'], { cwd })
    assert.ok(readFileSync(join(cwd, 'copy.pcapng')).length > 0)
    const colored = await mustRun(t, ['diagnose', '-qJ', '-r', 'a.pcap'], { cwd, env: { ...UTC, NO_COLOR: '1' } })
    assert.match(colored.stdout.toString(), /\x1b\[1;38;5;160m1\. refused\x1b\[0m/)
    assertHarmless(colored.stdout, 'with colour', true)
    const piped = await mustRun(t, ['diagnose', '-q', '-r', '-'], { input: bytes, env: UTC })
    assert.match(
      piped.stdout.toString(),
      /^2023-11-14 22:13:20 error: refused \(likely\), 10\.0\.0\.1 -> 10\.0\.0\.2:81: /,
    )
    assert.match(piped.stdout.toString(), /\n1 error\n\n1\. refused/)
  })

  test('a reader that goes away ends it quietly', async (t) => {
    const talks = Array.from({ length: 3000 }, (_, i) => refusedBy(81, { server: `10.${i >> 8}.${i & 255}.2` }))
    const cwd = folderWith(t, { 'many.pcap': captureOf(...talks) })
    const run = start(t, ['diagnose', '--json', '-q', '-r', 'many.pcap'], { cwd })
    run.child.stdout!.destroy()
    const { code, stderr } = await run.result
    assert.deepEqual([code, stderr], [0, ''])
  })

  test('--explain needs no rights and no capture', async (t) => {
    const { stdout, stderr } = await mustRun(t, ['diagnose', '--explain', 'refused'])
    assert.match(stdout.toString(), /^refused \(error\): nothing listens on that port\n\nWhat it means:\n/)
    assert.equal(stderr, '')
  })
})
