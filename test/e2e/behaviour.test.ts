// What people see: the console's order, remarks and notes, colour and progress where there is a terminal, and the files
// with all their options, by the built program on captures written as conversations.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ethernet, ipv4, udp } from '../support/packet-builder.ts'
import { pcapFile } from '../support/pcap-builder.ts'
import {
  mustRun,
  PROGRAM,
  readFlows,
  readFolder,
  run,
  skipped,
  tcpflow,
  temporaryFolder,
  whyNot,
} from '../support/program.ts'
import { captureOf, Talk } from '../support/talk.ts'

const TO_SERVER = '010.000.000.001.40000-010.000.000.002.00080'
const TO_CLIENT = '010.000.000.002.00080-010.000.000.001.40000'
const ESC = '\x1b'

function saved(t: TestContext, capture: Buffer | Talk, name = 'trace.pcap'): string {
  const path = join(temporaryFolder(t), name)
  writeFileSync(path, capture instanceof Talk ? captureOf(capture) : capture)
  return path
}

async function shown(t: TestContext, capture: Buffer | Talk, ...args: readonly string[]): Promise<string[]> {
  const { stdout } = await mustRun(t, [...args, '-r', saved(t, capture)])
  return stdout.toString().split('\n')
}

async function written(
  t: TestContext,
  capture: Buffer | Talk,
  ...args: readonly string[]
): Promise<Map<string, Buffer>> {
  const folder = join(temporaryFolder(t), 'out')
  await mustRun(t, ['-q', '-o', folder, ...args, '-r', saved(t, capture)])
  return readFolder(folder)
}

/** Names and contents, without the report. */
function texts(files: ReadonlyMap<string, Buffer>): Record<string, string> {
  const flows = [...files].filter(([name]) => name !== 'report.xml')
  return Object.fromEntries(flows.map(([name, bytes]) => [name, bytes.toString('latin1')]))
}

const greeting = () => new Talk().open().client('hello\n').server('good day\n').client('bye\n').close()

// The console.

test('the console shows each byte once and in order, whatever the wire did', async (t) => {
  const talk = new Talk().open()
  talk.client('first ').client('second ').repeat().client('third ').client('fourth ').swap().repeat(-4)
  talk.server('answer').repeat().client('last').close()
  assert.deepEqual(await shown(t, talk, '-c'), [
    `${TO_SERVER}: first second third fourth `,
    `${TO_CLIENT}: answer`,
    `${TO_SERVER}: last`,
    '',
  ])
  assert.deepEqual(await shown(t, talk, '-C'), ['first second third fourth ', 'answer', 'last', ''])
  assert.deepEqual(await shown(t, talk, '-C', '-0'), ['first second third fourth answerlast'])
})

test('a gap is said where it is, with its size', async (t) => {
  const talk = new Talk().open().client('before ').lose(0, 1460).client(' after').acknowledge(1).wait(500).close()
  const [line] = await shown(t, talk, '-C')
  assert.match(line!, /^before \[1460 bytes missing\].* after$/)
  assert.deepEqual(await shown(t, talk, '-C', '--gaps=skip'), ['before  after', ''])
  const { stderr } = await mustRun(t, ['-c', '-r', saved(t, talk)])
  assert.match(stderr, /^tcpflow: 1 gap, 1\.5 kB missing/m)
})

test('connections that fail are noted as what they are, once, and --no-notes is silent', async (t) => {
  const refused = new Talk({ clientPort: 1001 }).syn().reset(1)
  const unanswered = new Talk({ clientPort: 1002, startTime: 1_700_000_001 })
    .syn()
    .wait(1000)
    .repeat()
    .wait(2000)
    .repeat()
  const reset = new Talk({ clientPort: 1003, startTime: 1_700_000_005 }).open().client('hello').wait(12_000).reset(1)
  const fine = new Talk({ clientPort: 1004, startTime: 1_700_000_020 }).open().client('x').server('y').close()
  const path = saved(t, captureOf(refused, unanswered, reset, fine))
  const { stderr } = await mustRun(t, ['-c', '-r', path])
  const notes = stderr.trimEnd().split('\n')
  assert.equal(notes.length, 4, stderr)
  assert.match(notes[0]!, /^tcpflow: 10\.0\.0\.1:1001 -> 10\.0\.0\.2:80 refused: /)
  assert.match(
    notes[1]!,
    /:1003 -> 10\.0\.0\.2:80 reset by the server after 12\.0 s idle \(5 bytes from the client, 0 /,
  )
  assert.match(notes[2]!, /:1002 -> 10\.0\.0\.2:80 unanswered: 3 SYNs and no reply in /)
  assert.match(notes[3]!, /^tcpflow: 18 packets, 4 connections, 7 bytes of payload$/)
  const silent = await mustRun(t, ['-c', '--no-notes', '-r', path])
  assert.equal(silent.stderr, `${notes[3]}\n`)
})

test('-q says nothing but what went wrong', async (t) => {
  const { stdout, stderr } = await mustRun(t, ['-c', '-q', '--no-notes', '-r', saved(t, greeting())])
  assert.equal(stderr, '')
  assert.ok(stdout.length > 0)
  const missing = await tcpflow(t, ['-c', '-q', '-r', '/nothing/here'])
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /^tcpflow: no such file/)
})

test('--summary: a line for each connection as it ends', async (t) => {
  const lines = await shown(
    t,
    captureOf(greeting(), new Talk({ clientPort: 7 }).open().client('still')),
    '-c',
    '--summary',
  )
  const summaries = lines.filter((line) => line.includes(' -> '))
  assert.equal(summaries.length, 2)
  assert.match(
    summaries[0]!,
    /^10\.0\.0\.1:40000 -> 10\.0\.0\.2:80, \d\.0 ms, -> 10 bytes in \d packets, <- 9 bytes in 3 packets, handshake 2\.0 ms, finished$/,
  )
  assert.match(summaries[1]!, /^10\.0\.0\.1:7 -> .* still open$/)
  assert.ok(lines.indexOf(summaries[0]!) > lines.indexOf(`${TO_SERVER}: bye`), 'after what was said')
})

test('--time: when it was said', async (t) => {
  const lines = await shown(t, greeting(), '-C', '--time')
  for (const line of lines.filter(Boolean)) assert.match(line, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \S/)
  assert.match(lines[0]!, /:20\.003000 hello$/)
})

test('--udp: datagrams too, and only then', async (t) => {
  const talk = greeting()
  const frame = ethernet({}, ipv4({}, udp({ sport: 5353, dport: 53, payload: 'who is it?' })))
  const both = pcapFile([...talk.frames, { frame, time: 1_700_000_001 }])
  const line = '010.000.000.001.05353-010.000.000.002.00053: who is it?'
  assert.ok((await shown(t, both, '-c', '--udp')).includes(line))
  assert.ok(!(await shown(t, both, '-c')).includes(line))
  const alone = pcapFile([{ frame, time: 1_700_000_001 }])
  for (const [input, flags, hint] of [
    [alone, ['-c'], true],
    [alone, ['-c', '--udp'], false],
    [both, ['-c'], false],
  ] as const) {
    const { stderr } = await mustRun(t, [...flags, '-r', '-'], { input })
    assert.equal(stderr.includes('tcpflow: UDP is shown with --udp\n'), hint, stderr)
  }
  const files = await written(t, both, '--udp')
  assert.equal(texts(files)['010.000.000.001.05353-010.000.000.002.00053'], 'who is it?')
  assert.equal(Object.keys(texts(await written(t, both))).length, 2)
})

test('--decode: the body as it is meant, headers as sent', async (t) => {
  const zipped = gzipSync('<p>hello, world</p>\n')
  const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`
  const talk = new Talk().open().client('GET / HTTP/1.1\r\n\r\n').server(head).server(zipped).close()
  const lines = (await shown(t, talk, '-C', '--decode')).join('\n')
  assert.ok(lines.includes(`${head}<p>hello, world</p>`), lines)
  assert.ok(!(await shown(t, talk, '-C')).join('\n').includes('hello, world'))
})

// Colour and terminals.

test('colour: not into a pipe, but with -J; NO_COLOR and --color decide otherwise', async (t) => {
  const path = saved(t, greeting())
  const coloured = async (args: readonly string[], env: Record<string, string> = {}) =>
    (await mustRun(t, ['-c', ...args, '-r', path], { env })).stdout.includes(ESC)
  assert.equal(await coloured([]), false)
  assert.equal(await coloured(['-J']), true)
  assert.equal(await coloured(['-g']), true)
  assert.equal(await coloured(['-J'], { NO_COLOR: '1' }), true, 'asked for by flag')
  assert.equal(await coloured(['-J', '--color=never']), false)
  assert.equal(await coloured([], { FORCE_COLOR: '1' }), true)
})

/** Runs tcpflow on a terminal of its own; what it shows there, stdout and stderr together unless they go elsewhere. */
function onTerminal(t: TestContext, command: string, env: Record<string, string> = {}): Promise<string> {
  const inherited = { ...process.env }
  delete inherited.NO_COLOR
  // Node 22 and later warn where both are there, be they empty
  delete inherited.FORCE_COLOR
  const child = spawn('script', ['-q', '-e', '-c', `stty cols 80; ${command}`, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...inherited, TERM: 'xterm-256color', ...env },
  })
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8')
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`exit ${code}: ${output}`))))
  })
}

const PROGRAM_COMMAND = `'${process.execPath}' '${PROGRAM}'`

test('on a terminal: colour by itself, not with NO_COLOR', { timeout: 30_000 }, async (t) => {
  if (skipped(t, whyNot('script', 'stty'))) return
  const path = saved(t, greeting())
  const command = `${PROGRAM_COMMAND} -c -r '${path}'`
  const colours = (text: string) => text.includes(`${ESC}[38;5;32mhello`)
  assert.equal(colours(await onTerminal(t, command)), true)
  assert.equal(colours(await onTerminal(t, command, { NO_COLOR: '1' })), false)
  assert.match(await onTerminal(t, command, { NO_COLOR: '1' }), /hello\r\n/)
})

test('progress: on a terminal’s standard error, gone at the end; nowhere else', { timeout: 30_000 }, async (t) => {
  if (skipped(t, whyNot('script', 'stty'))) return
  const folder = temporaryFolder(t)
  const capture = captureOf(
    ...Array.from({ length: 40 }, (_, i) => new Talk({ clientPort: 2000 + i }).open().client('x')),
  )
  // A pipe that takes its time: progress is not for what is read at once.
  const parts = 8
  const partBytes = Math.ceil(capture.length / parts)
  for (let i = 0; i < parts; i++) {
    writeFileSync(join(folder, `part${i}`), capture.subarray(i * partBytes, (i + 1) * partBytes))
  }
  const slowly = `cd '${folder}'; for i in 0 1 2 3 4 5 6 7; do sleep 0.15; cat part$i; done`
  const text = await onTerminal(t, `(${slowly}) | ${PROGRAM_COMMAND} -o '${folder}/a' -r -`)
  assert.match(text, /\r\x1b\[K- {2}[\d.,]+ k?B {2}\d+ packets\/s {2}\d+ connections/)
  const rest = text.slice(text.lastIndexOf('packets/s'))
  assert.match(
    rest,
    /^packets\/s {2}\d+ connections\r\x1b\[Ktcpflow: 160 packets, 40 connections, 40 bytes of payload\r\n/,
  )
  const quiet = await onTerminal(t, `(${slowly}) | ${PROGRAM_COMMAND} -q --no-notes -o '${folder}/b' -r -`)
  assert.equal(quiet, '')
  run('sh', ['-c', `(${slowly}) | ${PROGRAM_COMMAND} -o '${folder}/c' -r - 2>'${folder}/messages'`])
  assert.doesNotMatch(readFileSync(join(folder, 'messages'), 'latin1'), /packets\/s|[\r\x1b]/)
})

// Files.

test('a file for each flow, with the time of its first packet', async (t) => {
  const folder = join(temporaryFolder(t), 'made/on/demand')
  await mustRun(t, ['-o', folder, '-r', saved(t, greeting())])
  assert.deepEqual(texts(readFolder(folder)), { [TO_SERVER]: 'hello\nbye\n', [TO_CLIENT]: 'good day\n' })
  assert.equal(Math.floor(statSync(join(folder, TO_SERVER)).mtimeMs / 1000), 1_700_000_000)
})

test('without -o: into the current folder', async (t) => {
  const folder = temporaryFolder(t)
  await mustRun(t, ['-q', '-r', saved(t, greeting())], { cwd: folder })
  assert.deepEqual([...readFlows(folder).keys()], [TO_SERVER, TO_CLIENT])
})

test('a gap is a hole in the file, a mark, or nothing', async (t) => {
  const hole = 1 << 20
  const talk = new Talk().open().client('before').lose(0, hole).client('after').acknowledge(1).wait(500).close()
  const folder = temporaryFolder(t)
  await mustRun(t, ['-q', '-o', folder, '-r', saved(t, talk)])
  const bytes = readFileSync(join(folder, TO_SERVER))
  assert.ok(bytes.equals(Buffer.concat([Buffer.from('before'), Buffer.alloc(hole), Buffer.from('after')])))
  assert.ok(statSync(join(folder, TO_SERVER)).blocks * 512 < hole / 2, 'sparse')
  assert.equal(texts(await written(t, talk, '--gaps=skip'))[TO_SERVER], 'beforeafter')
  assert.match(texts(await written(t, talk, '--gaps=mark'))[TO_SERVER]!, /^before\[1048576 bytes missing\]after$/)
})

test('names: -T, -F letters, and later connections on the same addresses', async (t) => {
  const again = new Talk({ startTime: 1_700_000_100 }).open().client('again').close()
  const twice = captureOf(greeting(), again)
  const names = async (...args: readonly string[]) => Object.keys(texts(await written(t, twice, ...args)))
  assert.deepEqual(await names(), [TO_SERVER, `${TO_SERVER}c1`, TO_CLIENT])
  assert.deepEqual(await names('-Fc'), [`${TO_SERVER}c0`, `${TO_SERVER}c1`, `${TO_CLIENT}c0`])
  const first = async (...args: readonly string[]) => Object.keys(texts(await written(t, greeting(), ...args)))
  assert.deepEqual(await first('-Ft'), [`1700000000T${TO_SERVER}`, `1700000000T${TO_CLIENT}`])
  assert.deepEqual(await first('-FT'), [`2023-11-14T22:13:20Z${TO_SERVER}`, `2023-11-14T22:13:20Z${TO_CLIENT}`])
  assert.deepEqual(await first('-Fk'), [`000/${TO_SERVER}`, `000/${TO_CLIENT}`])
  assert.deepEqual(await first('-T', '%B/%b_%t'), [
    '010.000.000.001/40000_1700000000',
    '010.000.000.002/00080_1700000000',
  ])
})

test('no name leads out of the output folder', async (t) => {
  const outer = temporaryFolder(t)
  for (const template of ['../%A.%a', '/tmp/%A.%a', '%A/../../%a', './../x%a']) {
    const { code } = await tcpflow(t, ['-q', '-o', join(outer, 'out'), '-T', template, '-r', saved(t, greeting())])
    assert.ok(code === 0 || code === 1 || code === 2)
    const outside = [...readFolder(outer).keys()].filter((name) => !name.startsWith('out/'))
    assert.deepEqual(outside, [], template)
  }
})

test('-b keeps no more of a flow; -m begins a new one at a jump', async (t) => {
  assert.deepEqual(texts(await written(t, greeting(), '-b', '4')), { [TO_SERVER]: 'hell', [TO_CLIENT]: 'good' })
  const jump = new Talk().open().client('here').lose(0, 5000).client('there').acknowledge(1).wait(500).close()
  const files = texts(await written(t, jump, '-m', '1000'))
  assert.deepEqual(files, { [TO_SERVER]: 'here', [`${TO_SERVER}c1`]: 'there' })
})

test('-f 1: one open file is enough', async (t) => {
  const talks = Array.from({ length: 5 }, (_, i) => new Talk({ clientPort: 50_000 + i }).open())
  for (let round = 0; round < 20; round++) for (const talk of talks) talk.client(`${round} `).server(`${round};`)
  const interleaved = pcapFile(
    talks.flatMap((talk) => talk.frames).sort((a, b) => (a.time as number) - (b.time as number)),
  )
  const files = texts(await written(t, interleaved, '-f', '1'))
  assert.deepEqual(files, texts(await written(t, interleaved)))
  assert.equal(Object.keys(files).length, 10)
  for (const text of Object.values(files)) assert.match(text, /^0[ ;]1[ ;].*19[ ;]$/)
})

test('-I: where each piece of a flow lies, and when it came', async (t) => {
  const files = texts(await written(t, greeting(), '-I'))
  assert.equal(files[`${TO_SERVER}.findx`], '0|1700000000.003000|6\n6|1700000000.005000|4\n')
  assert.equal(files[`${TO_CLIENT}.findx`], '0|1700000000.004000|9\n')
})

test('-K: the packets of each flow as a capture', async (t) => {
  if (skipped(t, whyNot('tcpdump'))) return
  const files = await written(t, greeting(), '-K')
  const captures = [...files].filter(([name]) => !name.startsWith('report') && name !== TO_SERVER && name !== TO_CLIENT)
  const payloads = captures.map(([, bytes]) => {
    const text = run('tcpdump', ['-nqr', saved(t, bytes, 'one.pcap')]).toString()
    return [...text.matchAll(/tcp (\d+)$/gm)].map((match) => Number(match[1])).filter((length) => length > 0)
  })
  assert.deepEqual(payloads.flat().sort(), [4, 6, 9])
})

test('--merge: both directions in one file, as they were said', async (t) => {
  const files = texts(await written(t, greeting(), '--merge'))
  assert.deepEqual(Object.values(files), ['hello\ngood day\nbye\n'])
})

test('-e http: bodies as files of their own', async (t) => {
  const zipped = gzipSync('<p>hello, world</p>\n')
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`
  const talk = new Talk().open().client('GET / HTTP/1.1\r\n\r\n').server(head).server(zipped).close()
  assert.equal(texts(await written(t, talk, '-e', 'http'))[`${TO_CLIENT}-HTTPBODY-001.html`], '<p>hello, world</p>\n')
})

test('report.xml is well-formed, names every file, and -a adds digests', async (t) => {
  const files = await written(
    t,
    captureOf(greeting(), new Talk({ client: 'fd00::1', server: 'fd00::2' }).open().client('six')),
    '-a',
  )
  const report = files.get('report.xml')!.toString()
  assertWellFormed(report)
  const names = [...report.matchAll(/<filename>(.*?)<\/filename>/g)].map((match) => match[1]!.replace(/^.*\//, ''))
  assert.deepEqual(names.sort(), Object.keys(texts(files)).sort())
  const md5 = createHash('md5').update('good day\n').digest('hex')
  assert.match(report, new RegExp(`<hashdigest type=['"]MD5['"]>${md5}</hashdigest>`, 'i'))
})

test('-X: the report alone beside the console, and where it is wanted', async (t) => {
  const folder = temporaryFolder(t)
  const { stdout } = await mustRun(t, ['-C', '-X', 'sub.xml', '-r', saved(t, greeting())], { cwd: folder })
  assert.ok(stdout.includes('hello'))
  assert.deepEqual([...readFolder(folder).keys()], ['sub.xml'])
  assertWellFormed(readFileSync(join(folder, 'sub.xml'), 'utf8'))
  await mustRun(t, ['-c', '-r', saved(t, greeting())], { cwd: folder })
  assert.deepEqual([...readFolder(folder).keys()], ['sub.xml'], '-c alone writes none')
})

test('a second run into the same folder changes nothing that was there', async (t) => {
  const folder = temporaryFolder(t)
  const path = saved(t, greeting())
  const args = ['-q', '-a', '-I', '-K', '-o', folder, '-r', path]
  await mustRun(t, args)
  const first = readFolder(folder)
  await mustRun(t, args)
  const second = readFolder(folder)
  for (const [name, bytes] of first) assert.ok(second.get(name)!.equals(bytes), name)
  assert.equal(second.size, 2 * first.size)
  assert.equal(second.get(`${TO_SERVER}c1`)?.toString(), 'hello\nbye\n')
})

/** Elements are closed in their order, attributes are quoted, and nothing stands outside the root. */
function assertWellFormed(xml: string): void {
  const open: string[] = []
  let roots = 0
  const body = xml.replace(/^<\?xml[^>]*\?>/, '').replace(/<!--[\s\S]*?-->/g, '')
  const tag = /<(\/?)([A-Za-z_][\w:.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)|(<)/g
  for (const [whole, closing, name, , empty, text, stray] of body.matchAll(tag)) {
    assert.equal(stray, undefined, `< at ${whole}`)
    if (text !== undefined) {
      assert.doesNotMatch(text, /&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-f]+);)/i)
      if (open.length === 0) assert.equal(text.trim(), '', 'outside the root')
    } else if (closing === '/') {
      assert.equal(open.pop(), name)
    } else {
      if (open.length === 0) roots++
      if (empty !== '/') open.push(name!)
    }
  }
  assert.deepEqual(open, [])
  assert.equal(roots, 1)
}
