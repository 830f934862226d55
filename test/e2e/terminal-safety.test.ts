// Captured bytes cannot move the cursor, set the title, change colours or reorder text: whatever the payload and the output,
// what reaches a terminal is plain text, TAB, LF, CR before LF, and with -J our own colours.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import {
  block,
  interfaceBlock,
  option,
  packetBlock,
  section,
  statisticsBlock,
  u64,
} from '../savefile/pcapng-builder.ts'
import { assertHarmless, OUR_COLOURS } from '../support/harmless.ts'
import { makeHostPair, whyNoNamespaces } from '../support/netns.ts'
import { ethernet, ipv4, udp } from '../support/packet-builder.ts'
import { pcapFile } from '../support/pcap-builder.ts'
import { type Result, readFolder, skipped, tcpflow, temporaryFolder } from '../support/program.ts'
import { captureOf, Talk } from '../support/talk.ts'

const ESC = '\x1b'
const latin1 = (text: string) => Buffer.from(text, 'latin1')

/** What somebody may send who knows that it will be looked at in a terminal. */
const ATTACKS: Readonly<Record<string, Buffer>> = {
  colour: latin1(`${ESC}[31mred${ESC}[0m`),
  'our own colours': latin1(`${ESC}[38;5;32mclient${ESC}[0m${ESC}[7m[1460 bytes missing]${ESC}[0m`),
  'clear and home': latin1(`${ESC}[2J${ESC}[H${ESC}c`),
  'alternate screen': latin1(`${ESC}[?1049h${ESC}[?25l`),
  'title, ended by BEL': latin1(`${ESC}]0;owned\x07`),
  'title, ended by ST': latin1(`${ESC}]2;owned${ESC}\\`),
  'clipboard and link': latin1(`${ESC}]52;c;aGk=\x07${ESC}]8;;http://evil/${ESC}\\x${ESC}]8;;${ESC}\\`),
  'device control string': latin1(`${ESC}P$q"p${ESC}\\${ESC}_apc${ESC}\\${ESC}^pm${ESC}\\${ESC}Xsos${ESC}\\`),
  'raw C1': latin1('\x9b31m\x9d0;owned\x9c\x90q\x9c\x84\x85\x8d'),
  'C1 in UTF-8': Buffer.from('\u009b31m\u009d0;owned\u009c\u0090q\u009c\u0085'),
  'overlong ESC': Buffer.from([
    0xc0, 0x9b, 0x5b, 0x48, 0xe0, 0x80, 0x9b, 0x5b, 0x48, 0xf0, 0x80, 0x80, 0x9b, 0x5b, 0x48,
  ]),
  'overlong C1': Buffer.from([0xe0, 0x82, 0x9b, 0x48, 0xf0, 0x80, 0x82, 0x9b, 0x48]),
  'ill-formed before ESC': Buffer.from([
    0xe2, 0x80, 0x1b, 0x5b, 0x48, 0xc2, 0x1b, 0x5b, 0x48, 0xf0, 0x9f, 0x92, 0x1b, 0x63,
  ]),
  'surrogates and past the end': Buffer.from([
    0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0xf8, 0xfe, 0xff,
  ]),
  'all of C0 and DEL': Buffer.from([...Array(32).keys(), 127]),
  'line overwritten': latin1('harmless\rrm -rf\r\r\n\rdone\b\b\b\b\v\f'),
  'charset switched': latin1(`\x0e\x0f${ESC}(0${ESC}%@${ESC}#8${ESC}N${ESC}O`),
  'UTF-16': Buffer.from(`${ESC}[31m`, 'utf16le'),
  bidirectional: Buffer.from('\u202egnp.exe\u202c \u2066x\u2069 \u200f\u200e\u061c \u202a\u202b\u202d\u2067\u2068'),
  'zero width and lines': Buffer.from('a\u200bb\u200dc\ufeffd\u2060e\u00adf\u2028g\u2029h\ufff9i\u{e0041}j\u180ek'),
  'fillers and selectors': Buffer.from(
    'a\u034fb\u115fc\u1160d\u17b4e\u180bf\u3164g\uffa0h\ufe00i\ufe0fj\u{1bca0}k\u{1d173}l\u{1d17a}m\u{e0fff}n',
  ),
  'all bytes': Buffer.from([...Array(256).keys()]),
}

const RAW = Buffer.concat(Object.entries(ATTACKS).flatMap(([name, bytes]) => [latin1(`<${name}:`), bytes, latin1('>')]))

/** The attacks where HTTP has room for them: target, header names and values, reason, type, and the body, encoded or not. */
function httpTalks(): Talk[] {
  const line = (bytes: Buffer) => Buffer.from(bytes.filter((byte) => byte !== 10 && byte !== 13))
  // With C0 in it, it would not be taken for HTTP.
  const start = (bytes: Buffer) => Buffer.from(bytes.filter((byte) => byte >= 32))
  const joined = (...parts: (Buffer | string)[]) => Buffer.concat(parts.map((part) => Buffer.from(part as string)))
  const chunked = (bytes: Buffer) => {
    const half = Math.floor(bytes.length / 2)
    const chunk = (part: Buffer) => joined(`${part.length.toString(16)};x=`, line(RAW), '\r\n', part, '\r\n')
    return joined(
      chunk(bytes.subarray(0, half)),
      chunk(bytes.subarray(half)),
      '0\r\nX-Trailer: ',
      line(RAW),
      '\r\n\r\n',
    )
  }
  const body = joined('<body>', RAW)
  const bodies: [header: string, body: Buffer][] = [
    [`Content-Length: ${body.length}`, body],
    ['Transfer-Encoding: chunked', chunked(body)],
    ['Transfer-Encoding: chunked\r\nContent-Encoding: gzip', chunked(gzipSync(body))],
    [`Content-Encoding: deflate\r\nContent-Length: ${deflateSync(body).length}`, deflateSync(body)],
    ['Content-Encoding: deflate', deflateRawSync(body)],
    ['Content-Encoding: gzip', joined(gzipSync(body).subarray(0, 300), RAW)],
  ]
  return bodies.map(([header, bytes], i) =>
    new Talk({ clientPort: 41000 + i, startTime: 1_700_000_100 + i })
      .open()
      .client(joined('GET /', start(RAW), ' HTTP/1.1\r\nHost: ', line(RAW), '\r\n', line(RAW), ': x\r\n\r\n'))
      .server(joined('HTTP/1.1 200 ', start(RAW), '\r\nContent-Type: text/', line(RAW), '\r\n', header, '\r\n\r\n'))
      .server(bytes)
      .close(),
  )
}

/** Cut anywhere, said by both at once, with holes, as datagrams, over IPv6 and VLANs. */
function capture(): Buffer {
  const whole = new Talk().open().client(RAW).server(RAW).close()
  const bytewise = new Talk({ clientPort: 40001, startTime: 1_700_000_010 }).open()
  for (const byte of RAW) bytewise.client([byte])
  bytewise.close()
  const alternating = new Talk({ clientPort: 40002, startTime: 1_700_000_020 }).open()
  for (const byte of RAW) alternating.client([byte]).server([byte])
  alternating.close()
  const paused = new Talk({ clientPort: 40003, startTime: 1_700_000_030 }).open()
  for (let at = 0; at < RAW.length; at += 3) paused.server(RAW.subarray(at, at + 3)).wait(at % 2 === 0 ? 300 : 0)
  paused.close()
  const gaps = new Talk({ client: 'fd00::1', server: 'fd00::2', vlan: [7], startTime: 1_700_000_400 }).open()
  for (let at = 0; at < RAW.length; at += 4)
    gaps
      .client(RAW.subarray(at, at + 3))
      .lose(0, 1)
      .acknowledge(1)
  gaps.reset(1)
  const datagrams = [RAW, ...Object.values(ATTACKS)].map((payload, i) => ({
    frame: ethernet({}, ipv4({ id: i }, udp({ payload }))),
    time: 1_700_000_500 + i / 10,
  }))
  const talks = captureOf(...httpTalks(), whole, bytewise, alternating, paused, gaps)
  return Buffer.concat([talks, pcapFile(datagrams).subarray(24)])
}

let captureBytes: Buffer
before(() => {
  captureBytes = capture()
})

async function show(t: TestContext, args: readonly string[], colours = false): Promise<Result> {
  const folder = temporaryFolder(t)
  const path = join(folder, 'hostile.pcap')
  writeFileSync(path, captureBytes)
  const result = await tcpflow(t, [...args, '-v', '-r', path], { cwd: folder })
  assert.equal(result.code, 0, result.stderr)
  assertHarmless(result.stderrBytes, `standard error of ${args.join(' ')}`)
  assertHarmless(result.stdout, args.join(' '), colours)
  return result
}

const CONSOLES: readonly (readonly string[])[] = [
  ['-c'],
  ['-C'],
  ['-c', '-0'],
  ['-c', '-s'],
  ['-c', '--ascii'],
  ['-c', '-D'],
  ['-c', '--time', '--summary'],
  ['-c', '--udp'],
  ['-C', '--udp', '-0'],
  ['-c', '--udp', '-D'],
  ['-c', '--decode'],
  ['-c', '--decode', '-D'],
  ['-c', '-b', '100'],
  ['-c', '--gaps=skip'],
]

test('the check itself notices what it is to notice', () => {
  for (const [name, bytes] of Object.entries(ATTACKS)) {
    assert.throws(() => assertHarmless(bytes, name), assert.AssertionError, name)
    if (name !== 'our own colours') assert.throws(() => assertHarmless(bytes, name, true), assert.AssertionError, name)
  }
  assertHarmless(Buffer.from('Grüße\t世界\r\n\n'), 'plain text')
})

test('the console, in every form; in colour the same text, and no colour but ours', { timeout: 60_000 }, async (t) => {
  for (const args of CONSOLES) {
    const plain = await show(t, args)
    assert.ok(plain.stdout.length > RAW.length, args.join(' '))
    const coloured = await show(t, [...args, '-J'], true)
    assert.equal(coloured.stdout.toString().replace(OUR_COLOURS, ''), plain.stdout.toString(), args.join(' '))
    assert.ok(coloured.stdout.length > plain.stdout.length)
  }
})

test('what is readable stays readable', { timeout: 30_000 }, async (t) => {
  const { stdout } = await show(t, ['-c'])
  assert.ok(stdout.includes('<colour:.[31mred.[0m>'))
  assert.ok(stdout.includes('<title, ended by BEL:.]0;owned.>'))
  const decoded = await show(t, ['-c', '--decode'])
  const bodies = (text: Buffer) => text.toString().split('<body>').length - 1
  // Four of the six are compressed, one of them damaged further on.
  assert.deepEqual([bodies(stdout), bodies(decoded.stdout)], [2, 6])
})

test('JSON, with text, base64 and without', { timeout: 30_000 }, async (t) => {
  for (const form of ['--json', '--json=base64', '--json=none']) {
    const { stdout } = await show(t, [form, '--udp'])
    for (const line of stdout.toString().trimEnd().split('\n')) JSON.parse(line)
  }
})

test('findings, as text, in colour and as JSON', { timeout: 30_000 }, async (t) => {
  const plain = await show(t, ['diagnose', '--slow', '1ms'])
  assert.match(plain.stdout.toString(), /<colour:\.\[31mred/, 'words of the wire stand in it')
  const coloured = await show(t, ['diagnose', '--slow', '1ms', '-J'], true)
  assert.equal(coloured.stdout.toString().replace(OUR_COLOURS, ''), plain.stdout.toString())
  for (const line of plain.stdout.toString().split('\n')) assert.ok(line.length <= 100, line)
  const { stdout } = await show(t, ['diagnose', '--slow', '1ms', '--json'])
  for (const line of stdout.toString().trimEnd().split('\n')) JSON.parse(line)
})

test('files: what is said about them, their names and the report', { timeout: 30_000 }, async (t) => {
  const out = join(temporaryFolder(t), 'out')
  await show(t, ['-o', out, '-a', '-I', '--udp', '--summary'])
  const files = readFolder(out)
  assert.ok([...files.keys()].some((name) => name.includes('HTTPBODY')))
  for (const name of files.keys()) assert.match(name, /^[\w.:-]+$/)
  assertHarmless(files.get('report.xml')!, 'report.xml')
})

test('what the operator was given and passes on: names of files, folders, interfaces, filters, templates', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'hostile.pcap'), captureBytes)
  const hostile = `a${ESC}]0;owned\x07\r\u009b31m\u202eb`
  mkdirSync(join(folder, `${hostile}.d`))
  writeFileSync(join(folder, `${hostile}.txt`), 'no capture')
  writeFileSync(join(folder, `${hostile}.pcap`), captureBytes.subarray(0, 300))
  for (const args of [
    ['-c', '-r', hostile],
    ['-c', '-r', `${hostile}.d`],
    ['-c', '-r', `${hostile}.txt`],
    ['-c', '-r', `${hostile}.pcap`],
    ['-o', `${hostile}.txt`, '-r', 'hostile.pcap'],
    ['-w', `${hostile}.d`, '-r', 'hostile.pcap'],
    ['-c', '-X', `${hostile}.d`, '-r', 'hostile.pcap'],
    ['-c', '-i', hostile],
    ['-c', '-r', 'hostile.pcap', `port ${hostile}`],
    ['-c', `--${hostile}`],
    ['-U', hostile, '-i', 'lo'],
    ['-m', hostile],
  ]) {
    const { code, stdout, stderr, stderrBytes } = await tcpflow(t, args, { cwd: folder })
    assert.notEqual(code, 0, args.join(' '))
    assertHarmless(stderrBytes, JSON.stringify(args))
    assertHarmless(stdout, JSON.stringify(args))
    assert.doesNotMatch(stderr, /this is a bug/)
  }
  const named = await tcpflow(t, ['-c', '-J', '-T', `${hostile}%A%B`, '-r', 'hostile.pcap'], { cwd: folder })
  assertHarmless(named.stdout, 'a hostile template', true)
})

/** Everything in a pcapng file that is text: comments, names of interfaces, of hosts, of what made it. */
function annotatedCapture(): Buffer {
  const [OPTION_COMMENT, OPTION_HARDWARE, OPTION_SYSTEM, OPTION_APPLICATION] = [1, 2, 3, 4]
  const [INTERFACE_NAME, INTERFACE_DESCRIPTION, INTERFACE_FILTER, INTERFACE_SYSTEM] = [2, 3, 11, 12]
  const named = (...codes: number[]) => codes.map((code) => option(code, RAW))
  const talk = new Talk().open().client('GET / HTTP/1.1\r\n\r\n').close()
  const records = captureOf(talk)
  const packets: Buffer[] = []
  for (let at = 24; at < records.length; ) {
    const length = records.readUInt32LE(at + 8)
    const micros = BigInt(records.readUInt32LE(at)) * 1_000_000n + BigInt(records.readUInt32LE(at + 4))
    const bytes = records.subarray(at + 16, at + 16 + length)
    packets.push(packetBlock(0, micros, bytes, { options: option(OPTION_COMMENT, RAW) }))
    at += 16 + length
  }
  const host = Buffer.concat([Buffer.from([10, 0, 0, 1]), RAW, Buffer.alloc(1)])
  return Buffer.concat([
    section({}, Buffer.concat(named(OPTION_COMMENT, OPTION_HARDWARE, OPTION_SYSTEM, OPTION_APPLICATION))),
    interfaceBlock(1, {
      options: named(OPTION_COMMENT, INTERFACE_NAME, INTERFACE_DESCRIPTION, INTERFACE_FILTER, INTERFACE_SYSTEM),
    }),
    // a Name Resolution Block with one IPv4 record, and a link type that nobody knows, under a name
    block(4, option(1, host)),
    interfaceBlock(60_000, { options: named(INTERFACE_NAME, INTERFACE_DESCRIPTION) }),
    ...packets,
    packetBlock(1, 1_700_000_000_000_000n, RAW),
    statisticsBlock(0, 1_700_000_001_000_000n, [option(5, u64(7n))]),
  ])
}

test('comments, and names of interfaces and hosts, in a pcapng file', { timeout: 30_000 }, async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'annotated.pcapng'), annotatedCapture())
  for (const args of [
    ['-c'],
    ['-c', '-J', '--summary'],
    ['--json'],
    ['diagnose', '-J'],
    ['-o', 'out', '-a'],
    ['-w', 'saved.pcapng'],
  ]) {
    const { code, stdout, stderr, stderrBytes } = await tcpflow(t, [...args, '-v', '-r', 'annotated.pcapng'], {
      cwd: folder,
    })
    assert.equal(code, 1, 'a link type that is not supported')
    assert.match(stderr, /link type 60000/)
    assertHarmless(stderrBytes, `standard error of ${args.join(' ')}`)
    assertHarmless(stdout, args.join(' '), args.includes('-J'))
  }
  assertHarmless(readFolder(join(folder, 'out')).get('report.xml')!, 'report.xml')
  // saved packets keep what was said of them: reading that must be as harmless
  const again = await tcpflow(t, ['-c', '-v', '-r', 'saved.pcapng'], { cwd: folder })
  assertHarmless(again.stderrBytes, 'what was saved')
  assertHarmless(again.stdout, 'what was saved')
})

test('interfaces with hostile names', { timeout: 30_000 }, async (t) => {
  if (skipped(t, whyNoNamespaces())) return
  const { client } = makeHostPair(t)
  const name = `${ESC}[31m\u009b7m`
  client.run('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'other')
  client.run('ip', 'link', 'set', name, 'up')
  const listed = await tcpflow(t, ['--list'], { wrapper: client.wrapper })
  assert.equal(listed.code, 0, listed.stderr)
  assert.match(listed.stdout.toString(), /\[31m/)
  assertHarmless(listed.stdout, '--list')
  const unknown = await tcpflow(t, ['-c', '-i', 'nonesuch'], { wrapper: client.wrapper })
  assert.equal(unknown.code, 1)
  assertHarmless(unknown.stderrBytes, 'names that exist')
})
