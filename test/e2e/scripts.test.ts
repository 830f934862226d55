// --script by the built program: the scripts that are shipped, on captures and on live traffic, and how a run with a script
// ends.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeHostPair } from '../support/netns.ts'
import { ethernet, ipv4, tcp, udp } from '../support/packet-builder.ts'
import { type PcapFrame, pcapFile } from '../support/pcap-builder.ts'
import {
  mustRun,
  type Result,
  run,
  skipped,
  start,
  tcpflow,
  temporaryFolder,
  whyNoTraffic,
} from '../support/program.ts'
import { captureOf, Talk } from '../support/talk.ts'

const SHIPPED = join(import.meta.dirname, '../../deploy/scripts')
const T = 1_583_695_386
const CLIENT = '10.0.0.1'
const SERVER = '10.0.0.2'
/** os.date is local. */
const env = { TZ: 'UTC' }

function fromClient(at: number, segment: Parameters<typeof tcp>[0]): PcapFrame {
  return frame(at, CLIENT, SERVER, tcp({ sport: 40000, dport: 6379, ...segment }))
}

function fromServer(at: number, segment: Parameters<typeof tcp>[0]): PcapFrame {
  return frame(at, SERVER, CLIENT, tcp({ sport: 6379, dport: 40000, ...segment }))
}

function frame(at: number, src: string, dst: string, payload: Buffer): PcapFrame {
  return { frame: ethernet({}, ipv4({ src, dst }, payload)), time: T + at }
}

interface Scripted extends Result {
  readonly folder: string
  readonly lines: string[]
}

/** Runs in a folder of its own, with the capture there as trace.pcap and the script, if `source` is given. */
async function scripted(t: TestContext, capture: Buffer, script: string, source?: string, ...args: string[]) {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'trace.pcap'), capture)
  if (source !== undefined) writeFileSync(join(folder, script), source)
  const path = source === undefined ? join(SHIPPED, script) : script
  const result = await tcpflow(t, ['-r', 'trace.pcap', '--script', path, ...args], { cwd: folder, env })
  const text = result.stdout.toString()
  return { ...result, folder, lines: text.split('\n').slice(0, -1) } satisfies Scripted
}

const talk = () => captureOf(new Talk().open().client('hello\n').server('good day\n').close())

test('print-packets.lua: a line for each segment and datagram, and no files', async (t) => {
  const capture = pcapFile([
    fromClient(0, { flags: 'S', seq: 0xfffffffe }),
    fromServer(0.0005, { flags: 'S.', seq: 0x80000000, ack: 0xffffffff, window: 1000 }),
    fromClient(0.001, { flags: 'P.', seq: 0xffffffff, ack: 0x80000001, payload: 'get a\r\n\0' }),
    fromClient(0.2, { flags: 'P.', seq: 0xffffffff, ack: 0x80000001, payload: 'get a\r\n\0' }),
    frame(1, CLIENT, SERVER, udp({ payload: 'query' })),
  ])
  const { lines, code, folder } = await scripted(t, capture, 'print-packets.lua')
  const [there, back] = ['10.0.0.1:40000 => 10.0.0.2:6379', '10.0.0.2:6379 => 10.0.0.1:40000']
  assert.deepEqual(lines, [
    `2020-03-08 19:23:06.000000 ${there} | SYN seq 4294967294 ack 0 win 65535 | 0 bytes `,
    `2020-03-08 19:23:06.000500 ${back} | SYN+ACK seq 2147483648 ack 4294967295 win 1000 | 0 bytes `,
    `2020-03-08 19:23:06.001000 ${there} | PSH+ACK seq 4294967295 ack 2147483649 win 65535 | 8 bytes get a...`,
    `2020-03-08 19:23:06.200000 ${there} | PSH+ACK seq 4294967295 ack 2147483649 win 65535 | 8 bytes get a...`,
    '2020-03-08 19:23:07.000000 10.0.0.1:40000 => 10.0.0.2:53 | UDP | 5 bytes query',
  ])
  assert.equal(code, 0)
  assert.deepEqual(readdirSync(folder), ['trace.pcap'])
})

test('connect-time.lua: accepted, refused, repeated and unanswered', async (t) => {
  const capture = pcapFile([
    fromClient(0, { flags: 'S', seq: 100 }),
    fromClient(1, { flags: 'S', seq: 100 }),
    fromClient(3, { flags: 'S', seq: 100 }),
    fromServer(3.0005, { flags: 'S.', seq: 5, ack: 101 }),
    fromClient(4, { flags: 'S', sport: 40001, seq: 0xffffffff }),
    fromServer(4.00125, { flags: 'R.', dport: 40001, ack: 0 }),
    fromServer(4.5, { flags: 'R.', ack: 7 }),
    fromClient(5, { flags: 'S', sport: 40002, seq: 1 }),
    fromClient(6, { flags: 'S', sport: 40002, seq: 1 }),
    fromClient(400, { flags: '.' }),
  ])
  const { lines, stderr } = await scripted(t, capture, 'connect-time.lua')
  assert.deepEqual(
    lines,
    [
      '2020-03-08 19:23:09.000500 10.0.0.1:40000 => 10.0.0.2:6379 | 3000.500 ms | accepted, SYN sent 3 times',
      '2020-03-08 19:23:10.001250 10.0.0.1:40001 => 10.0.0.2:6379 | 1.250 ms | refused',
      '10.0.0.1:40002 => 10.0.0.2:6379 | no answer, SYN sent 2 times',
    ],
    stderr,
  )
})

test('dns-latency.lua: latency from the first query, repeats, outcome', async (t) => {
  const name = Buffer.from('\x03www\x07example\x03com\0', 'latin1')
  const message = (id: number, bits: number, type: number) => {
    const head = Buffer.alloc(12)
    head.writeUInt16BE(id, 0)
    head.writeUInt16BE(bits, 2)
    head.writeUInt16BE(1, 4)
    return Buffer.concat([head, name, Buffer.from([0, type, 0, 1])])
  }
  const query = (at: number, id: number, type: number) =>
    frame(at, CLIENT, SERVER, udp({ payload: message(id, 0x100, type) }))
  const answer = (at: number, id: number, type: number, code: number) =>
    frame(at, SERVER, CLIENT, udp({ sport: 53, dport: 40000, payload: message(id, 0x8180 | code, type) }))
  const capture = pcapFile([
    query(0, 7, 1),
    query(0.001, 8, 28),
    answer(0.0125, 7, 1, 0),
    query(2.001, 8, 28),
    answer(2.002, 8, 28, 3),
    answer(2.003, 9, 28, 3),
    frame(3, CLIENT, SERVER, udp({ payload: message(1, 0, 1).subarray(0, 20) })),
    query(4, 11, 65),
    query(100, 12, 1),
  ])
  const { lines, stderr } = await scripted(t, capture, 'dns-latency.lua')
  assert.deepEqual(
    lines,
    [
      '2020-03-08 19:23:06.012500 10.0.0.1:40000 => 10.0.0.2 | A www.example.com | 12.500 ms | NOERROR',
      '2020-03-08 19:23:08.002000 10.0.0.1:40000 => 10.0.0.2 | AAAA www.example.com | 2001.000 ms | NXDOMAIN, asked 2 times',
      '10.0.0.1:40000 => 10.0.0.2 | HTTPS www.example.com | no answer within 30 s, asked 1 times',
    ],
    stderr,
  )
})

test('live: connect-time.lua sees what curl does, and Ctrl-C ends it well', { timeout: 30_000 }, async (t) => {
  if (skipped(t, whyNoTraffic())) return
  const { client, server } = makeHostPair(t)
  const live = start(t, ['-i', 'eth0', '--script', join(SHIPPED, 'connect-time.lua'), 'tcp port 81'], {
    wrapper: client.wrapper,
  })
  await live.listening()
  client.run('sh', '-c', `curl -s http://${server.ipv4}:81/ || true`)
  await live.until((seen) => seen.stdout.includes('refused'), 'it was refused')
  const { code, stdout } = await live.signal('SIGINT')
  assert.equal(code, 0)
  assert.match(
    stdout.toString(),
    new RegExp(`^[-0-9]+ [:.0-9]+ ${client.ipv4}:\\d+ => ${server.ipv4}:81 \\| 0\\.\\d+ ms \\| refused\n$`),
  )
})

test('an error stops the script and not the run; the exit code tells', async (t) => {
  const source = 'function process(p)\n  print(p.size)\n  print(p.nothing.more)\nend\n'
  const { lines, code, stderr, folder } = await scripted(t, talk(), 'wrong.lua', source, '-w', 'saved.pcapng')
  assert.deepEqual(lines, ['0'])
  assert.match(stderr, /^tcpflow: wrong\.lua:3: attempt to index a nil value \(field 'nothing'\)$/m)
  assert.equal(stderr.match(/wrong\.lua/g)?.length, 1)
  assert.equal(code, 1)
  const again = await mustRun(t, ['-q', '-C', '-r', join(folder, 'saved.pcapng')])
  assert.equal(again.stdout.toString(), 'hello\n\ngood day\n\n')
})

test('a script that cannot begin ends the run before anything is written', async (t) => {
  for (const [name, source, line] of [
    ['a.lua', 'x = =', "a.lua:1: unexpected symbol near '='"],
    ['b.lua', 'print(1)', 'b.lua: there is no function process(packet) in it'],
    ['c.mjs', 'export function onPacket( {', /^tcpflow: c\.mjs:1: /],
    ['d.mjs', 'export const x = nowhere', 'd.mjs:1: nowhere is not defined'],
  ] as const) {
    const { code, stderr, folder } = await scripted(t, talk(), name, source, '-w', 'saved.pcapng')
    assert.equal(code, 1)
    if (typeof line === 'string') assert.equal(stderr, `tcpflow: ${line}\n`)
    else assert.match(stderr, line)
    assert.deepEqual(readdirSync(folder).sort(), [name, 'trace.pcap'])
  }
  const missing = await tcpflow(t, ['-r', '/dev/null', '--script', 'none.lua'])
  assert.deepEqual([missing.code, missing.stderr], [1, 'tcpflow: none.lua: there is no such file\n'])
})

test('errors that nobody waits for are the script’s, too', async (t) => {
  for (const statement of ['Promise.reject(new Error("stray"))', 'setImmediate(() => { throw new Error("stray") })']) {
    const source = `export function onPacket() {\n  ${statement}\n}\nexport const onEnd = () => new Promise((r) => setTimeout(r, 50))`
    const { code, stderr } = await scripted(t, talk(), 'stray.mjs', source)
    assert.match(stderr, /^tcpflow: stray\.mjs:2: stray$/m)
    assert.doesNotMatch(stderr, /bug/)
    assert.equal(code, 1)
  }
})

test('os.exit and run.stop end the run with everything written', async (t) => {
  for (const [name, source] of [
    ['exit.lua', 'n = 0 function process() n = n + 1 if n == 2 then print("bye") os.exit(3) end end'],
    [
      'exit.mjs',
      'let n = 0; export const onPacket = (p, run) => { if (++n === 2) { console.log("bye"); run.stop(3) } }',
    ],
  ] as const) {
    const { code, lines, stderr, folder } = await scripted(t, talk(), name, source, '-w', 'saved.pcapng')
    assert.deepEqual([code, lines], [3, ['bye']], stderr)
    assert.ok(readFileSync(join(folder, 'saved.pcapng')).includes('good day'))
  }
})

test('Ctrl-C is heard while a slow script has much to do', { timeout: 20_000 }, async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'slow.lua')
  writeFileSync(path, 'function process() print("one") local x = os.clock() while os.clock() - x < 0.2 do end end')
  const capture = captureOf(
    ...Array.from({ length: 100 }, (_, i) => new Talk({ clientPort: 41000 + i }).open().close()),
  )
  const slow = start(t, ['-r', '-', '--script', path], { input: capture })
  await slow.until((seen) => seen.stdout.includes('one'), 'it began')
  const { code, stderr } = await slow.signal('SIGINT')
  assert.equal(code, 130)
  assert.match(stderr, /the script is not waited for any longer/)
})

test('beside the console, what a script prints has lines of its own', async (t) => {
  const capture = captureOf(new Talk().open().client('a').client('b').server('c').close())
  const source = 'function process(p) if p.size > 0 then print("payload " .. p.payload) end end'
  const { lines } = await scripted(t, capture, 'beside.lua', source, '-C')
  assert.deepEqual(
    lines.filter((line) => line !== ''),
    ['ab', 'c', 'payload a', 'payload b', 'payload c'],
  )
})

test('what a script prints is raw in a file and harmless on a terminal', async (t) => {
  const source = 'function process(p) if p.size > 0 then io.write(p.payload, "\\n") end end'
  const capture = captureOf(new Talk().open().client(Buffer.from('\x1b[2J\xff\0ü\r\nend', 'latin1')).close())
  const { stdout, folder } = await scripted(t, capture, 'raw.lua', source)
  assert.deepEqual(stdout, Buffer.from('\x1b[2J\xff\0ü\r\nend\n', 'latin1'))
  if (skipped(t, run('sh', ['-c', 'command -v script || true']).length > 0 ? undefined : 'script not installed')) return
  const command = `${process.execPath} ${join(import.meta.dirname, '../../dist/tcpflow.js')} -q -r trace.pcap --script raw.lua`
  const shown = run('sh', ['-c', `cd '${folder}' && script -qec '${command}' /dev/null </dev/null`])
  assert.ok(shown.includes('.[2J...'), JSON.stringify(shown.toString('latin1')))
  assert.ok(!shown.includes('\x1b[2J'))
})

test('TypeScript runs where Node can strip types; elsewhere one line says what to do', async (t) => {
  const source = 'export function onEnd(run: { print(s: string): void }): void { run.print("typed\\n") }'
  const { code, lines, stderr } = await scripted(t, talk(), 'typed.ts', source)
  const { typescript } = process.features as { typescript?: unknown }
  if (typescript) assert.deepEqual([code, lines], [0, ['typed']])
  else
    assert.match(
      stderr,
      /^tcpflow: typed\.ts: this Node\.js \(v\S+\) cannot run TypeScript: use 22\.18 or newer, or write it in JavaScript\n$/,
    )
})

test('the scripts shipped for exchanges begin, and say that the dump has none', async (t) => {
  for (const name of ['slow-log.mjs', 'key-size.mjs']) {
    const { code, stderr } = await scripted(t, talk(), name)
    assert.match(stderr, /^tcpflow: \S+\.mjs wants exchanges: run tcpflow latency --script …$/m)
    assert.equal(code, 0)
  }
})

/** Redis: a quick SET, a GET of 20,000 bytes after 30 ms, an error, a wait that is meant, and a question without answer. */
function redisTalk(): Buffer {
  const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`
  const command = (...words: string[]) => `*${words.length}\r\n${words.map(bulk).join('')}`
  return captureOf(
    new Talk({ serverPort: 6379, startTime: T })
      .open()
      .client(command('set', 'color', 'blue'))
      .server('+OK\r\n')
      .client(command('get', 'page:home'))
      .wait(29)
      .server(bulk('x'.repeat(20_000)))
      .client(command('incr', 'color'))
      .server('-ERR value is not an integer\r\n')
      .client(command('blpop', 'queue', '1'))
      .wait(999)
      .server('*-1\r\n')
      .client(command('get', 'last'))
      .close(),
  )
}

async function latency(t: TestContext, capture: Buffer, script: string, environment: Record<string, string>) {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'trace.pcap'), capture)
  const args = ['latency', '-q', '--no-notes', '-r', 'trace.pcap', '--script', join(SHIPPED, script)]
  const { stdout } = await mustRun(t, args, { cwd: folder, env: { ...env, ...environment } })
  return { folder, lines: stdout.toString().split('\n').slice(0, -1) }
}

test('slow-log.mjs: what was slow, failed or was never answered', async (t) => {
  const there = '10.0.0.1:40000 => 10.0.0.2:6379'
  const expected = [
    `2020-03-08T19:23:06.035Z ${there} | 30.000 ms | get page:home`,
    `2020-03-08T19:23:06.037Z ${there} | 1.000 ms | incr color | error -ERR value is not an integer`,
    `2020-03-08T19:23:07.039Z ${there} | no answer | get last | unanswered`,
  ]
  assert.deepEqual((await latency(t, redisTalk(), 'slow-log.mjs', { SLOW_MILLIS: '20' })).lines, expected)
  const { lines, folder } = await latency(t, redisTalk(), 'slow-log.mjs', { SLOW_MILLIS: '20', SLOW_LOG: 'slow.log' })
  assert.deepEqual(lines, [])
  assert.deepEqual(readFileSync(join(folder, 'slow.log'), 'utf8').split('\n').slice(0, -1), expected)
})

test('key-size.mjs: the keys that move the most bytes', async (t) => {
  const { lines } = await latency(t, redisTalk(), 'key-size.mjs', { TOP: '2' })
  assert.deepEqual(
    lines.map((line) => line.replace(/ +/g, ' ')),
    [' bytes requests largest largest by key', ' 20038 1 20038 GET page:home', ' 94 2 55 INCR color'],
  )
})

test('a script hears of questions that had no answer yet when the capture ended, and beside --json both print', async (t) => {
  const question = Buffer.from(
    '0007010000010000000000000377777707657861 6d706c6503636f6d0000010001'.replace(' ', ''),
    'hex',
  )
  const source = 'export const onExchange = (e) => console.log(e.protocol, e.command, e.key, e.status, e.latencyMicros)'
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'trace.pcap'), pcapFile([frame(0, CLIENT, SERVER, udp({ payload: question }))]))
  writeFileSync(join(folder, 'all.mjs'), source)
  const args = ['latency', '-q', '-r', 'trace.pcap', '--script', 'all.mjs']
  const alone = await mustRun(t, args, { cwd: folder })
  assert.equal(alone.stdout.toString(), 'dns A www.example.com unknown -1\n')
  const both = await mustRun(t, [...args, '--json'], { cwd: folder })
  assert.equal(
    both.stdout
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('{')).length,
    1,
  )
  assert.match(both.stdout.toString(), /^dns A www\.example\.com/m)
})

test('bin/tcpkit -S', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'trace.pcap'), talk())
  writeFileSync(join(folder, 'example'), 'function process(item) if item.size > 0 then io.write(item.payload) end end')
  const { stdout } = await mustRun(t, ['tcpkit', '-r', 'trace.pcap', '-P', '127.0.0.1:0', '-S', 'example'], {
    cwd: folder,
  })
  assert.equal(stdout.toString(), 'hello\ngood day\n')
})
