// `tcpflow latency` on real servers with real clients: as many exchanges as the servers themselves counted, and latencies
// that are what was injected. And on files: what is printed where, and bin/tcpkit.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeRedis, makeSmallHttp } from '../bench/captures.ts'
import { answer, query } from '../protocol/dns/dns-builder.ts'
import { interfaceBlock, packetBlock, section, simplePacketBlock } from '../savefile/pcapng-builder.ts'
import { assertGolden } from '../support/golden.ts'
import { type Host, type HostPair, makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { ethernet, ipv4, tcp, udp } from '../support/packet-builder.ts'
import { mustRun, PROGRAM, type Running, skipped, start, tcpflow, temporaryFolder, whyNot } from '../support/program.ts'
import { captureOf, Talk } from '../support/talk.ts'

const TCPKIT = join(import.meta.dirname, '../../bin/tcpkit')
const UTC = { TZ: 'UTC', LANG: 'C.UTF-8', LC_ALL: undefined }

interface Row {
  time: string
  client: string
  server: string
  protocol: string
  command: string
  key: string
  status: string
  statusText: string
  blocking: boolean
  latencyMicros: number | null
  requestTransferMicros: number | null
  networkMicros: number | null
  serverMicros: number | null
  responseTransferMicros: number | null
  view: string
}

function rowsOf(stdout: Buffer): Row[] {
  return stdout
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row)
}

function countBy(rows: readonly Row[], key: (row: Row) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const row of rows) counts[key(row)] = (counts[key(row)] ?? 0) + 1
  return counts
}

/** A command on a host, to its end. */
function on(host: Host, command: string, ...args: string[]): string {
  return host.run(command, ...args)
}

/** A pcap file (little-endian, microseconds) in which everything takes `times` as long. */
function stretched(pcap: Buffer, times: number): Buffer {
  const changed = Buffer.from(pcap)
  const first = pcap.readUInt32LE(24)
  for (let at = 24; at < pcap.length; at += 16 + pcap.readUInt32LE(at + 8)) {
    const seconds = (pcap.readUInt32LE(at) - first + pcap.readUInt32LE(at + 4) / 1e6) * times
    changed.writeUInt32LE(first + Math.floor(seconds), at)
    changed.writeUInt32LE(Math.floor((seconds % 1) * 1e6), at + 4)
  }
  return changed
}

async function untilItWorks(attempt: () => void): Promise<void> {
  for (let left = 100; ; left--) {
    try {
      attempt()
      return
    } catch (error) {
      if (left === 0) throw error
      await sleep(50)
    }
  }
}

/** JavaScript in a process of its own on a host, to its end. */
function script(host: Host, code: string): string {
  return on(host, process.execPath, '--input-type=module', '-e', code)
}

async function listening(t: TestContext, host: Host, ...args: string[]): Promise<Running> {
  const running = start(t, ['latency', '-i', host.interfaceName, ...args], { wrapper: host.wrapper, env: UTC })
  await running.listening()
  return running
}

/** Ends a run. What was on the wire before comes out, however late it is read. */
async function ended(running: Running): Promise<Row[]> {
  const { code, stdout, stderr } = await running.signal('SIGINT')
  assert.equal(code, 0, stderr)
  return rowsOf(stdout)
}

function live(
  name: string,
  programs: readonly string[],
  body: (t: TestContext, pair: HostPair) => Promise<void>,
): void {
  test(name, { timeout: 60_000 }, async (t) => {
    if (skipped(t, whyNoNamespaces() ?? whyNot(...programs))) return
    await body(t, makeHostPair(t))
  })
}

async function startRedis({ server, client }: HostPair): Promise<void> {
  const flags = ['--save', '', '--protected-mode', 'no', '--enable-debug-command', 'yes']
  server.spawn('redis-server', ['--port', '6379', ...flags])
  await untilItWorks(() => on(client, 'redis-cli', '-h', server.ipv4, 'ping'))
}

describe('live', () => {
  live('redis: as many of each command as the server counted', ['redis-server', 'redis-benchmark'], async (t, pair) => {
    const { client, server } = pair
    await startRedis(pair)
    const saved = join(temporaryFolder(t), 'saved.pcapng')
    const running = await listening(t, server, '--json', '-w', saved, 'port 6379')
    on(client, 'redis-cli', '-h', server.ipv4, 'config', 'resetstat')
    on(client, 'redis-benchmark', '-h', server.ipv4, '-n', '4000', '-P', '16', '-c', '8', '-t', 'set,get', '-q')
    on(client, 'redis-benchmark', '-h', server.ipv4, '-n', '500', '-P', '1', '-c', '4', '-t', 'incr,lpush', '-q')
    on(client, 'redis-cli', '-h', server.ipv4, 'debug', 'sleep', '0.2')
    on(client, 'sh', '-c', `printf 'multi\\nset a 1\\nincr a\\nexec\\nincr mylist\\n' | redis-cli -h ${server.ipv4}`)
    on(client, 'redis-cli', '-h', server.ipv4, 'blpop', 'nothing', '0.3')
    on(
      client,
      'sh',
      '-c',
      `timeout 0.5 redis-cli -h ${server.ipv4} subscribe news & sleep 0.2; redis-cli -h ${server.ipv4} publish news hello; wait`,
    )
    const info = on(client, 'redis-cli', '-h', server.ipv4, 'info', 'commandstats')
    const rows = await ended(running)
    const expected: Record<string, number> = { INFO: 1 }
    for (const [, name, calls, rejected] of info.matchAll(/cmdstat_([^:]+):calls=(\d+).*rejected_calls=(\d+)/g)) {
      expected[name!.toUpperCase().replace('|', ' ')] = Number(calls) + Number(rejected)
    }
    const counted = countBy(rows, (row) => (row.command === 'DEBUG SLEEP' ? 'DEBUG' : row.command))
    // the server counts a command that resets the counters before it resets them
    delete counted['CONFIG RESETSTAT']
    delete expected['CONFIG RESETSTAT']
    assert.deepEqual(counted, expected)
    assert.deepEqual([...new Set(rows.map((row) => row.status))].sort(), ['error', 'ok'])

    const slept = rows.find((row) => row.command === 'DEBUG SLEEP')!
    assert.ok(slept.latencyMicros! >= 200_000 && slept.latencyMicros! < 400_000, String(slept.latencyMicros))
    assert.ok(slept.serverMicros! >= 199_000, "the server's, not the network's")
    for (const row of rows.filter(({ latencyMicros }) => latencyMicros !== null)) {
      const parts = [row.requestTransferMicros, row.networkMicros, row.serverMicros, row.responseTransferMicros]
      const sum = parts.reduce<number>((total, part) => total + part!, 0)
      assert.ok(Math.abs(sum - row.latencyMicros!) < 0.01, JSON.stringify(row))
    }
    const waited = rows.find((row) => row.command === 'BLPOP')!
    assert.ok(waited.blocking && waited.latencyMicros! >= 300_000)
    const error = rows.find((row) => row.command === 'INCR' && row.key === 'mylist')!
    assert.equal(error.status, 'error')

    const replayed = await mustRun(t, ['latency', '--json', '-q', '-r', saved])
    assert.deepEqual(rowsOf(replayed.stdout), rows, 'what was saved says the same')
  })

  live('memcached: as its stats say, quiet and noreply too', ['memcached'], async (t, pair) => {
    const { client, server } = pair
    server.spawn('memcached', ['-u', 'nobody', '-p', '11211', '-U', '0'])
    await untilItWorks(() =>
      script(
        client,
        `import {connect} from 'node:net'
      connect(11211, '${server.ipv4}', () => process.exit(0)).on('error', () => process.exit(1))`,
      ),
    )
    const running = await listening(t, server, '--json', 'port 11211')
    const stats = script(
      client,
      `import {connect} from 'node:net'
      const socket = connect(11211, '${server.ipv4}')
      let said = ''
      for (let i = 0; i < 50; i++) said += 'set key' + i + ' 0 0 5\\r\\nhello\\r\\n'
      for (let i = 0; i < 100; i++) said += 'get key' + i + '\\r\\n'
      for (let i = 0; i < 20; i++) said += 'set quiet' + i + ' 0 0 1 noreply\\r\\nx\\r\\n'
      for (let i = 0; i < 10; i++) said += 'get quiet' + i + '\\r\\n'
      socket.write(said + 'mn\\r\\n')
      let heard = ''
      socket.on('data', (d) => {
        heard += d
        if (heard.endsWith('MN\\r\\n')) socket.write('stats\\r\\n')
        else if (heard.endsWith('END\\r\\n') && heard.includes('STAT cmd_get')) { console.log(heard); socket.end() }
      })`,
    )
    const rows = await ended(running)
    const stat = (name: string): number => Number(new RegExp(`STAT ${name} (\\d+)`).exec(stats)![1])
    const counted = countBy(rows, (row) => row.command.toLowerCase())
    assert.equal(counted.get, stat('cmd_get'))
    assert.equal(counted.set, stat('cmd_set'))
    assert.equal(rows.filter((row) => row.status === 'silent').length, 20)
    assert.ok(rows.every((row) => row.protocol === 'memcached'))
  })

  live('nginx: as its log says; a slow answer and a slow body are told apart', ['nginx', 'curl'], async (t, pair) => {
    const { client, server } = pair
    const folder = temporaryFolder(t)
    const log = join(folder, 'access.log')
    writeFileSync(join(folder, 'body'), 'x'.repeat(300_000))
    execFileSync('chmod', ['-R', 'a+rX', folder])
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
      http { access_log ${log}; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
        uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
        server { listen 8080;
          location /ok/ { return 200 "hello"; }
          location /gone { return 503; }
          location /slow { proxy_pass http://127.0.0.1:8081; }
          location /body { root ${folder}; limit_rate 600k; } } }`,
    )
    server.spawn(process.execPath, [
      '-e',
      "require('node:http').createServer((q, r) => setTimeout(() => r.end('late'), 250)).listen(8081)",
    ])
    server.spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')])
    await untilItWorks(() => on(client, 'curl', '-sf', `http://${server.ipv4}:8080/slow`))
    const before = readFileSync(log, 'utf8').split('\n').length - 1
    const running = await listening(t, server, '--json', 'port 8080')
    const url = `http://${server.ipv4}:8080`
    on(client, 'curl', '-sf', '--retry', '0', '-o', '/dev/null', `${url}/ok/[1-60]`)
    on(
      client,
      'sh',
      '-c',
      `curl -s -o /dev/null ${url}/gone; curl -sf -o /dev/null ${url}/slow; curl -sf -o /dev/null ${url}/body; curl -sI ${url}/ok/1`,
    )
    const rows = await ended(running)
    const logged = readFileSync(log, 'utf8').split('\n').length - 1 - before
    assert.equal(rows.length, logged)
    assert.deepEqual(
      countBy(rows, (row) => row.statusText),
      { 200: 63, 503: 1 },
    )
    assert.equal(rows.find((row) => row.command === 'GET /gone')!.status, 'error')
    const slow = rows.find((row) => row.command === 'GET /slow')!
    assert.ok(slow.latencyMicros! >= 250_000 && slow.latencyMicros! < 450_000, String(slow.latencyMicros))
    assert.ok(slow.serverMicros! >= 249_000)
    const body = rows.find((row) => row.command === 'GET /body')!
    assert.ok(body.responseTransferMicros! > 200_000, 'the transfer is slow')
    assert.ok(body.serverMicros! < body.responseTransferMicros! / 2, 'and the server is not')
  })

  live('DNS over UDP: answers, errors, and what is not answered', [], async (t, pair) => {
    const { client, server } = pair
    server.spawn(process.execPath, [
      '-e',
      `const s = require('node:dgram').createSocket('udp4')
      s.on('message', (m, r) => {
        const name = m.toString('latin1')
        if (name.includes('never')) return
        const a = Buffer.from(m); a[2] |= 0x80; if (name.includes('nowhere')) a[3] |= 3
        setTimeout(() => s.send(a, r.port, r.address), name.includes('late') ? 120 : 0)
      })
      s.bind(53)`,
    ])
    const resolve = (name: string): string =>
      script(
        client,
        `import {Resolver} from 'node:dns/promises'
        const r = new Resolver({ timeout: 300, tries: 1 }); r.setServers(['${server.ipv4}'])
        console.log(await r.resolve4('${name}').then(() => 'ok', (e) => e.code))`,
      ).trim()
    await untilItWorks(() => assert.equal(resolve('nowhere.example'), 'ENOTFOUND'))
    const running = await listening(t, server, '--json', '--timeout', '500ms', 'udp port 53')
    for (const name of ['a.example', 'late.example', 'nowhere.example', 'never.example']) resolve(name)
    await running.until((run) => run.stdout.includes('never.example'), 'the unanswered one was told')
    const rows = await ended(running)
    assert.deepEqual(
      rows.map((row) => `${row.protocol} ${row.command} ${row.key} ${row.status} ${row.statusText}`.trim()),
      [
        'dns A a.example ok NOERROR',
        'dns A late.example ok NOERROR',
        'dns A nowhere.example error NXDOMAIN',
        'dns A never.example unanswered',
      ],
    )
    assert.ok(rows[1]!.latencyMicros! >= 120_000)
  })

  live(
    'from both sides: the network and the server, whatever the clocks say',
    ['redis-server', 'editcap'],
    async (t, pair) => {
      const { client, server } = pair
      await startRedis(pair)
      const folder = temporaryFolder(t)
      const files = ['client', 'server', 'late'].map((name) => join(folder, `${name}.pcapng`)) as [
        string,
        string,
        string,
      ]
      const captures = [client, server].map((host, i) =>
        start(t, ['-i', host.interfaceName, '-w', files[i]!, 'port 6379'], { wrapper: host.wrapper }),
      )
      await Promise.all(captures.map((capture) => capture.listening()))
      const benchmark = ['-n', '800', '-P', '16', '-c', '4', '-r', '1000000', '-t', 'set,get', '-q']
      on(client, 'redis-benchmark', '-h', server.ipv4, ...benchmark)
      on(client, 'redis-cli', '-h', server.ipv4, 'debug', 'sleep', '0.1')
      for (const capture of captures) assert.equal((await capture.signal('SIGINT')).code, 0)
      // the server's clock is 3600.25 s ahead
      execFileSync('editcap', ['-t', '3600.25', files[1], files[2]])
      const { stdout, stderr } = await mustRun(t, [
        'latency',
        '--compare',
        '--json',
        files[0],
        files[2],
        'port',
        '6379',
      ])
      const rows = rowsOf(stdout) as (Row & { thereMicros: number; backMicros: number })[]
      const counted = countBy(rows, (row) => row.command)
      assert.deepEqual([counted.SET, counted.GET, counted['DEBUG SLEEP']], [800, 800, 1], stderr)
      const ahead = Number(/clock is ([\d.]+) ms ahead/.exec(stderr)![1])
      assert.ok(Math.abs(ahead - 3_600_250) < 1, String(ahead))
      const slept = rows.find((row) => row.command === 'DEBUG SLEEP')!
      assert.ok(slept.serverMicros! >= 100_000)
      assert.ok(slept.networkMicros! < 20_000)
      for (const row of rows) assert.ok(row.thereMicros > -1000 && row.backMicros > -1000, JSON.stringify(row))
      assert.match(stderr, /^DEBUG SLEEP +1 /m)
    },
  )

  live('whoever watches: SIGUSR2, --stats, --metrics', ['redis-server'], async (t, pair) => {
    const { client, server } = pair
    await startRedis(pair)
    const running = await listening(
      t,
      server,
      '-t',
      '100',
      '--stats',
      '0.0.0.0:33333',
      '--metrics',
      '0.0.0.0:9478',
      'port 6379',
    )
    on(client, 'redis-cli', '-h', server.ipv4, 'set', 'a', '1')
    on(client, 'redis-cli', '-h', server.ipv4, 'debug', 'sleep', '0.15')
    await running.until((run) => run.stdout.includes('debug sleep'), 'the slow one was printed')
    const metrics = on(client, 'curl', '-sf', `http://${server.ipv4}:9478/metrics`)
    assert.match(
      metrics,
      new RegExp(`tcpflow_requests_total\\{server="${server.ipv4}:6379",protocol="redis",container=""\\} 2\\n`),
    )
    assert.match(metrics, /tcpflow_connections_total 2\n/)
    const stats = JSON.parse(
      on(client, process.execPath, '-e', `require('node:net').connect(33333, '${server.ipv4}').pipe(process.stdout)`),
    ) as Record<string, { requests: number; latency: object[] }>
    assert.equal(stats[`${server.ipv4}:6379`]!.requests, 2)
    assert.deepEqual(stats[`${server.ipv4}:6379`]!.latency.at(-1), { '100ms~200ms': 1 })
    running.child.kill('SIGUSR2')
    await running.until((run) => /^DEBUG SLEEP +1 /m.test(run.stderr), 'the table came')
    const { code, stdout, stderr } = await running.signal('SIGINT')
    assert.equal(code, 0)
    assert.equal(stdout.toString().trimEnd().split('\n').length, 1, 'only what was slow')
    assert.ok(stderr.includes(`${server.ipv4}:6379: redis`))
    assert.equal(stderr.match(/^SET /gm)!.length, 2, 'the table came again at the end')
  })
})

describe('from files', () => {
  let folder = ''
  let redis = ''
  let http = ''
  before(() => {
    folder = temporaryFolder({ after: (fn) => process.once('exit', fn) })
    redis = join(folder, 'redis.pcap')
    http = join(folder, 'http.pcap')
    makeRedis(redis, 1600)
    makeSmallHttp(http, 500)
  })

  test('lines on standard output, the table on standard error', async (t) => {
    const { stdout, stderr } = await mustRun(t, ['latency', '-r', redis], { env: UTC })
    const lines = stdout.toString().trimEnd().split('\n')
    assert.equal(lines.length, 1600)
    assertGolden('latency/first-lines.txt', `${lines.slice(0, 3).join('\n')}\n`)
    assertGolden('latency/stderr.txt', stderr)
    assert.equal((await mustRun(t, ['latency', '-q', '-r', redis], { env: UTC })).stderr, '')
  })

  test('only the table, on standard output', async (t) => {
    const { stdout, stderr } = await mustRun(t, ['latency', '--table', '-q', '--by', 'server,route', '-r', http], {
      env: UTC,
    })
    assertGolden('latency/table-http.txt', stdout)
    assert.equal(stderr, '')
  })

  test('the slowest, and what is slower', async (t) => {
    const all = rowsOf((await mustRun(t, ['latency', '--json', '-r', redis])).stdout)
    const slowest = all.map((row) => row.latencyMicros!).sort((a, b) => b - a)
    const top = rowsOf((await mustRun(t, ['latency', '--json', '--top', '5', '-r', redis])).stdout)
    assert.deepEqual(
      top.map((row) => row.latencyMicros),
      slowest.slice(0, 5),
    )
    const limit = slowest[99]! / 1000
    const slower = rowsOf((await mustRun(t, ['latency', '--json', '-t', String(limit), '-r', redis])).stdout)
    assert.deepEqual(
      slower,
      all.filter((row) => row.latencyMicros! >= limit * 1000),
    )
    const relative = rowsOf((await mustRun(t, ['latency', '--json', '-t', 'p90', '-r', redis])).stdout)
    assert.ok(relative.length > 50 && relative.length < 800, String(relative.length))
  })

  test('at the end of the capture, what has waited too long is told to the millisecond', async (t) => {
    const capture = join(folder, 'waiting.pcap')
    const statusWhenItEnds = async (millis: number): Promise<string> => {
      const talk = new Talk({ serverPort: 6379 }).open().client('*1\r\n$4\r\nPING\r\n')
      // asked at 3 ms; packets at 4.9 s, when nothing is due yet, and at the end
      talk.wait(4896).acknowledge(1)
      talk.wait(millis - 4901).acknowledge(1)
      writeFileSync(capture, captureOf(talk))
      const { stdout } = await mustRun(t, ['latency', '-q', '--json', '-r', capture])
      return rowsOf(stdout)
        .map((row) => `${row.status} ${row.statusText}`)
        .join()
    }
    assert.equal(await statusWhenItEnds(5003), 'unknown capture ended')
    assert.equal(await statusWhenItEnds(5004), 'unanswered ')
  })

  test('captures from both sides that were given the wrong way round are turned', async (t) => {
    const slower = join(folder, 'slower.pcap')
    writeFileSync(slower, stretched(readFileSync(redis), 3))
    const compare = (...files: string[]) => mustRun(t, ['latency', '--compare', '--json', ...files])
    const right = await compare(slower, redis)
    assert.doesNotMatch(right.stderr, /taken that way round/)
    const wrong = await compare(redis, slower)
    assert.ok(
      wrong.stderr.includes(
        `tcpflow: ${slower} is the client's side (it waited longer), ${redis} the server's: taken that way round\n`,
      ),
      wrong.stderr,
    )
    assert.equal(wrong.stdout.toString(), right.stdout.toString())
    assert.doesNotMatch((await compare(redis, redis)).stderr, /taken that way round/)
  })

  test('a protocol that was named is looked for alone', async (t) => {
    assert.equal((await mustRun(t, ['latency', '-p', 'http', '-r', redis])).stdout.length, 0)
    const { stdout } = await mustRun(t, ['latency', '-p', 'raw', '-r', redis])
    assert.equal(stdout.toString().trimEnd().split('\n').length, 100, 'a turn for each pipeline')
  })

  test('what is wrong is said', async (t) => {
    const refused: [string[], RegExp][] = [
      [['latency', '-p', 'smtp', '-r', redis], /-p: "smtp" is not one of auto, redis/],
      [['latency', '-t', 'slow', '-r', redis], /-t: "slow" is not a latency\n {2}give milliseconds/],
      [['latency', '--by', 'moon', '-r', redis], /--by: "moon" is not one of/],
      [['latency', '--table', '--json', '-r', redis], /leave one of them out/],
      [['latency', '--stats', '99999', '-r', redis], /is not a port/],
      [['latency', '-w', '-', '-r', redis], /-w - would mix/],
      [['latency', '-c', '-r', redis], /unknown flag -c/],
      [['latency', '--compare', redis], /--compare needs two captures/],
      [['latency', '--compare', redis, redis, '-i', 'lo'], /do not go with it/],
      [['-r', redis, 'latency'], /it must be the first word/],
      [['tcpkit', '-t', 'x'], /-t: "x" is not a latency/],
    ]
    for (const [argv, message] of refused) {
      const { code, stderr } = await tcpflow(t, argv)
      assert.equal(code, 2, argv.join(' '))
      assert.match(stderr, message)
    }
    const { code, stderr } = await tcpflow(t, ['latency', '-r', join(folder, 'missing.pcap')])
    assert.equal(code, 1)
    assert.match(stderr, /missing\.pcap/)
    assert.doesNotMatch(stderr, /no requests/)
    assert.equal((await tcpflow(t, ['latency', '-q', '--table', '-r', join(folder, 'missing.pcap')])).stdout.length, 0)
  })

  test('one direction alone is said', async (t) => {
    for (const [filter, missing] of [
      ['dst port 6379', /only one direction was captured: responses were not seen/],
      ['src port 6379', /only one direction was captured: requests were not seen/],
    ] as const) {
      const { stderr } = await mustRun(t, ['latency', '-p', 'redis', '-r', redis, filter])
      assert.match(stderr, missing)
      assert.equal(stderr.match(/only one direction/g)!.length, 1)
    }
    assert.doesNotMatch((await mustRun(t, ['latency', '-r', redis])).stderr, /only one direction/)
    assert.doesNotMatch((await mustRun(t, ['latency', '-r', redis, 'port 1'])).stderr, /only one direction/)
  })

  test('tables that come again say of when they are', async (t) => {
    const long = join(folder, 'long.pcap')
    makeRedis(long, 60_000)
    const { stdout } = await mustRun(t, ['latency', '--table', '--every', '100ms', '-q', '-r', long], { env: UTC })
    const text = stdout.toString()
    const times = text.match(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, since the start:\nroute +requests/gm) ?? []
    assert.ok(times.length > 1, text)
    assert.equal(times.length, text.match(/^route +requests/gm)!.length)
  })

  test('a reader that goes away ends it quietly', () => {
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', `"$0" "$1" latency -q -r "$2" | head -n 2`, process.execPath, PROGRAM, redis],
      { encoding: 'utf8' },
    )
    assert.equal(stdout.split('\n').length, 3)
    assert.equal(stderr, '')
  })

  test('tcpkit: its name, its flags, its lines, its packets, its statistics', async (t) => {
    assert.ok(existsSync(TCPKIT))
    const env = { ...process.env, TZ: 'UTC' }
    const tcpkit = (...args: string[]) => spawnSync(TCPKIT, args, { encoding: 'utf8', env })
    const { stdout, status } = tcpkit('-r', redis, '-p', 'redis', '-t', '0.001', 'tcp', 'port', '6379')
    assert.equal(status, 0)
    const lines = stdout.trimEnd().split('\n')
    assert.equal(lines.length, 1600)
    for (const line of lines) {
      assert.match(
        line,
        /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} 10\.0\.1\.\d+:\d+ => 10\.0\.0\.6:6379 \| \d+\.\d{3} ms \| (SET|GET) user:/,
      )
    }
    assert.equal(tcpkit('-r', redis, '-p', 'redis', 'port', '1').stdout, '', 'the filter is applied')
    assertGolden('latency/tcpkit-raw.txt', tcpkit('-r', http).stdout.split('\n').slice(0, 8).join('\n'))
    assertGolden('latency/tcpkit-ascii.txt', tcpkit('-r', http, '-A').stdout.split('\n').slice(190, 220).join('\n'))
    assert.match(tcpkit('-h').stdout, /^Usage: tcpkit /)
    assert.match(tcpkit('-v').stdout, /^tcpkit \(tcpflow \d.*\)\n$/)
    assert.equal(tcpkit('-Q').stderr, "tcpkit: unknown flag -Q\n  try 'tcpkit -h'\n")
    assert.match(tcpkit('-r', 'missing.pcap').stderr, /^(tcpkit: statistics .*\n)?tcpkit: no such file: missing.pcap\n/)
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port: takenPort } = taken.address() as AddressInfo
    const inUse = tcpkit('-r', redis, '-P', String(takenPort))
    taken.close()
    assert.match(inUse.stderr, new RegExp(`^tcpkit: -P: 127\\.0\\.0\\.1:${takenPort} is in use\\n`))
    const input = readFileSync(redis)
    const running = start(t, ['tcpkit', '-r', '-', '-p', 'redis', '-P', '0'], { stdin: 'pipe' })
    running.child.stdin!.write(input)
    await running.until((run) => run.stdout.toString().split('\n').length > 1600, 'all lines came')
    const port = Number(/statistics on 127\.0\.0\.1:(\d+)/.exec(running.stderr)![1])
    let json = ''
    for await (const chunk of connect(port, '127.0.0.1')) json += chunk
    const statistics = JSON.parse(json) as Record<string, { requests: number; responses: number }>
    assert.equal(statistics['10.0.0.6:6379']!.requests, 1600)
    assert.equal(statistics['10.0.0.6:6379']!.responses, 1600)
    running.child.stdin!.end()
    assert.equal((await running.result).code, 0)
  })
})

describe('packets without a time', () => {
  const client = { src: '10.0.0.1', dst: '10.0.0.2' }
  const server = { src: '10.0.0.2', dst: '10.0.0.1' }
  const ask = (id: number) => ethernet({}, ipv4(client, udp({ sport: 5000 + id, dport: 53, payload: query({ id }) })))
  const reply = (id: number) =>
    ethernet({}, ipv4(server, udp({ sport: 53, dport: 5000 + id, payload: answer({ id, answers: 1 }) })))
  const fromClient = (flags: string, seq: number, ack: number, payload = '') =>
    ethernet({}, ipv4(client, tcp({ sport: 40000, dport: 80, flags, seq, ack, payload })))
  const fromServer = (flags: string, seq: number, ack: number, payload = '') =>
    ethernet({}, ipv4(server, tcp({ sport: 80, dport: 40000, flags, seq, ack, payload })))
  const response = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'
  const frames = [
    fromClient('S', 99, 0),
    fromServer('S.', 499, 100),
    fromClient('.', 100, 500),
    fromClient('P.', 100, 500, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
    fromServer('P.', 500, 127, response),
    ask(1),
    reply(1),
  ]
  const simple = (frame: Buffer) => simplePacketBlock(frame, frame.length)
  // The last exchange, and one end of the one before it, have times.
  const timed = [
    packetBlock(0, 1_700_000_000_000_000n, ask(2)),
    simple(reply(2)),
    packetBlock(0, 1_700_000_000_500_000n, ask(3)),
    packetBlock(0, 1_700_000_000_504_000n, reply(3)),
  ]
  const file = Buffer.concat([section(), interfaceBlock(1), ...frames.map(simple), ...timed])

  test('have no latency: null in JSON, a dash in text, and percentiles do not count them', async (t) => {
    const path = join(temporaryFolder(t), 'untimed.pcapng')
    writeFileSync(path, file)
    const rows = rowsOf((await mustRun(t, ['latency', '--json', '-r', path], { env: UTC })).stdout)
    assert.deepEqual(
      rows.map(({ protocol, status, latencyMicros, serverMicros, view }) => [
        protocol,
        status,
        latencyMicros,
        serverMicros,
        view,
      ]),
      [
        ['http', 'ok', null, null, 'unknown'],
        ['dns', 'ok', null, null, 'unknown'],
        ['dns', 'ok', null, null, 'unknown'],
        ['dns', 'ok', 4000, null, 'unknown'],
      ],
    )
    const text = await mustRun(t, ['latency', '-r', path], { env: UTC })
    assert.deepEqual(
      text.stdout
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' | ')[1]),
      ['-', '-', '-', '4.000 ms'],
    )
    const table = text.stderr.toString()
    assert.match(table, /^all +4 .* 4\.000 +4\.000 +4\.000 +4\.000 +4\.000 /m)
    const slow = (await mustRun(t, ['latency', '-t', '1', '-r', path], { env: UTC })).stdout.toString()
    assert.deepEqual(slow.trimEnd().split('\n').length, 1)
  })
})
