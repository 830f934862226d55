// Names of hosts in everything that is shown: console, summaries, notes, JSON, names of files.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Arena } from '../../../src/core/arena.ts'
import { Connection, Stream } from '../../../src/core/connection.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import type { ConsoleSink } from '../../../src/output/console/console-sink.ts'
import { FileSink } from '../../../src/output/files/file-sink.ts'
import { JsonSink } from '../../../src/output/json/json-sink.ts'
import { ConnectionLog } from '../../../src/output/messages/connection-log.ts'
import { ConnectionSummary } from '../../../src/output/messages/connection-summary.ts'
import { Notes } from '../../../src/output/messages/notes.ts'
import { compileNameTemplate, DEFAULT_NAME_TEMPLATE, withHostNames } from '../../../src/output/names/flow-name.ts'
import { putDefaultName } from '../../../src/output/names/flow-name-bytes.ts'
import { pathPart } from '../../../src/output/names/host-names.ts'
import { OutputStream } from '../../../src/output/writing/output-stream.ts'
import type { ConsolePlan } from '../../../src/plan.ts'
import { FakeNames } from '../../support/fake-names.ts'
import { assertGolden } from '../../support/golden.ts'
import { connectionOf, connectionOf6, datagramOf, noPacket, Story, shown, Written } from '../console/console-fixture.ts'
import { contents, filesPlan, temporaryFolder, testRun } from '../files/file-fixture.ts'

process.env.TZ = 'UTC'

const SERVER = '198.51.100.1'
const HOSTILE = `\x1b]0;pwned\x07\u202eevil\n../../etc/${'x'.repeat(10_000)}`
const CONTAINER = 'c0ffee'.padEnd(64, '0')
const web = { name: 'web', container: CONTAINER, image: 'registry.example/nginx:1.27', network: 'front' }

async function console(
  names: FakeNames,
  tell: (sink: ConsoleSink, story: Story) => void,
  plan: Partial<ConsolePlan> = {},
  summary = false,
): Promise<Buffer> {
  const namer = compileNameTemplate(withHostNames(DEFAULT_NAME_TEMPLATE), names, 'lines')
  return await shown(plan, tell, {
    nameOf: (c, d) => namer.name(c, d),
    putName: putDefaultName,
    nameOfDatagram: (g) => namer.nameOfDatagram(g),
    names,
    summary,
  })
}

/** One end named, both, none; IPv6; a datagram; somebody who means harm. */
function everything(sink: ConsoleSink, story: Story): void {
  const [a, b, six, evil] = [connectionOf(1), connectionOf(2), connectionOf6(3), connectionOf(4)]
  story.open(a, b, six, evil)
  story.data(a, 0, 'to the server').data(a, 1, 'and back')
  story.data(b, 0, 'both have names')
  story.data(six, 0, 'over IPv6')
  story.data(evil, 0, 'from one with an odd name')
  sink.onDatagram(datagramOf('query'), noPacket)
  story.close(a).close(b, 'reset').close(six).close(evil)
}

function someNames(): FakeNames {
  return new FakeNames()
    .set(SERVER, web)
    .set('192.0.2.2', 'shop-client-1')
    .set('2001:db8::ffff', 'gateway of front')
    .set('192.0.2.4', HOSTILE)
    .set('192.0.2.5', { name: 'resolver', image: 'dns' })
}

describe('console', () => {
  test('golden: names of hosts in place of their addresses', async () => {
    assertGolden('console/host-names.txt', await console(someNames(), everything, {}, true))
    assertGolden('console/host-names-color.txt', await console(someNames(), everything, { color: true }))
  })

  test('a name that comes, changes or goes is shown from the next block on', async () => {
    const names = new FakeNames()
    const [a, b] = [connectionOf(1), connectionOf(2)]
    const seen = await console(names, (_, story) => {
      story.open(a, b).data(a, 0, 'one ')
      names.set(SERVER, 'web')
      story.data(a, 0, 'the same block').data(b, 0, 'x').data(a, 0, 'two')
      names.set(SERVER, 'web-2')
      story.data(b, 0, 'y').data(a, 0, 'three')
      names.set(SERVER, undefined)
      story.data(b, 0, 'z')
    })
    assert.deepEqual(seen.toString().split('\n'), [
      '192.000.002.001.40001-198.051.100.001.00080: one the same block',
      '192.000.002.002.40002-web.00080: x',
      '192.000.002.001.40001-web.00080: two',
      '192.000.002.002.40002-web-2.00080: y',
      '192.000.002.001.40001-web-2.00080: three',
      '192.000.002.002.40002-198.051.100.001.00080: z',
      '',
    ])
  })

  test('a datagram too, and 127.0.0.1 is another host in another place', async () => {
    const names = new FakeNames().set(SERVER, 'here').set(SERVER, 'there', 1)
    const seen = await console(names, (sink) => {
      for (const place of [0, 1, 2, 0]) {
        const g = datagramOf(`${place}`)
        g.place = place
        sink.onDatagram(g, noPacket)
      }
      names.set(SERVER, 'later')
      sink.onDatagram(datagramOf('0'), noPacket)
    })
    const ends = [...seen.toString().matchAll(/05353-(\S+): (\d)/g)].map(([, to, payload]) => `${payload} ${to}`)
    assert.deepEqual(ends, [
      '0 here.00053',
      '1 there.00053',
      '2 198.051.100.001.00053',
      '0 here.00053',
      '0 later.00053',
    ])
  })

  test('who has which name is asked when a flow first speaks, not for each block', async () => {
    const names = someNames()
    await console(names, (_, story) => {
      const [a, b] = [connectionOf(1), connectionOf(9)]
      story.open(a, b)
      for (let i = 0; i < 500; i++) story.data(a, 0, 'x').data(a, 1, 'y').data(b, 0, 'z')
    })
    assert.ok(names.asked <= 12, `${names.asked} times`)
  })
})

test('summaries, notes and the log have name and address', () => {
  const names = someNames()
  const said: string[] = []
  const messages = {
    note: (line: string) => void said.push(line),
    info: (line: string) => void said.push(line),
    error: () => {},
  }
  const refused = (id: number) => {
    const c = connectionOf(id)
    c.streams[0].sawSyn = true
    c.streams[1].sawReset = true
    return c
  }
  const consumers = [new Notes(messages, names), new ConnectionSummary(messages.note, names)]
  for (const consumer of [...consumers, new ConnectionLog(messages, names)]) {
    const c = refused(2)
    new Story(consumer).open(c).close(c, 'reset')
  }
  const who = 'shop-client-1 (192.0.2.2:40002) -> web (198.51.100.1:80)'
  for (const line of said) assert.ok(line.startsWith(who), line)
  assert.equal(said.length, 4)
  assert.match(said[0]!, /80\) refused: the server answered/)

  said.length = 0
  const notes = new Notes(messages, names)
  const flood = new Story(notes)
  for (let i = 0; i < 60; i++) {
    const c = refused(1)
    c.place = i % 3
    flood.open(c).close(c, 'reset')
  }
  void notes.finish()
  assert.deepEqual(said.slice(20).sort(), [
    '13 more connections to 198.51.100.1:80 were refused',
    '13 more connections to web (198.51.100.1:80) were refused',
    '14 more connections to 198.51.100.1:80 were refused',
  ])
  said.length = 0
  const evil = refused(4)
  new Story(new Notes(messages, names)).open(evil).close(evil, 'reset')
  assert.doesNotMatch(said[0]!, /[\p{Cc}\u202e]/u)
  assert.ok(said[0]!.length < 300)
})

describe('JSON', () => {
  async function json(names: FakeNames, tell: (sink: JsonSink, story: Story) => void): Promise<string> {
    const written = new Written()
    const namer = compileNameTemplate(DEFAULT_NAME_TEMPLATE, names)
    const sink = new JsonSink({
      arena: new Arena(1 << 18),
      plan: { nameTemplate: '', payload: 'text', maximumBytes: Number.POSITIVE_INFINITY },
      stream: new OutputStream(written.fd),
      nameOf: (c, d) => namer.name(c, d),
      nameOfDatagram: (g) => namer.nameOfDatagram(g),
      names,
    })
    tell(sink, new Story(sink))
    await sink.finish()
    return written.take().toString()
  }

  test('golden: what is known of a host stands beside its address', async () => {
    const said = await json(someNames(), (sink, story) => {
      const [a, six] = [connectionOf(1), connectionOf6(2)]
      story.open(a).data(a, 0, 'GET /').close(a)
      story.open(six)
      sink.onDatagram(datagramOf('query'), noPacket)
    })
    assertGolden('json/names.jsonl', said)
  })

  test('a connection keeps the names that it began with', async () => {
    const names = new FakeNames().set(SERVER, 'web')
    const said = await json(names, (_, story) => {
      const [a, b] = [connectionOf(1), connectionOf(2)]
      story.open(a)
      names.set(SERVER, 'db')
      story.data(a, 0, 'x').open(b).close(a).close(b)
    })
    const servers = said.split('\n').slice(0, -1)
    const shownNames = servers.map((line) => {
      const { connection, server } = JSON.parse(line) as { connection: number; server: { name: string } }
      return `${connection} ${server.name}`
    })
    assert.deepEqual(shownNames, ['1 web', '1 web', '2 db', '1 web', '2 db'])
  })

  test('hostile text is bounded and acts on no terminal', async () => {
    const names = new FakeNames().set(SERVER, { name: HOSTILE, container: HOSTILE, image: HOSTILE, network: HOSTILE })
    const said = await json(names, (_, story) => void story.open(connectionOf(1)))
    assert.doesNotMatch(said, /[\p{Cc}\u202e](?<!\n)/u)
    assert.ok(said.length < 3000)
    const { server } = JSON.parse(said) as { server: Record<string, string> }
    assert.equal(server.image, HOSTILE.slice(0, 256))
  })
})

describe('names of files', () => {
  const names = someNames()
  const nameOf = (template: string, c: Connection, d: 0 | 1 = 0) => compileNameTemplate(template, names).name(c, d)

  test('%H and %h are the hosts, or their addresses; %I and %i the images', () => {
    const c = connectionOf(2)
    assert.equal(nameOf('%H.%a-%h.%b', c), 'shop-client-1.40002-web.00080')
    assert.equal(nameOf('%H.%a-%h.%b', c, 1), 'web.00080-shop-client-1.40002')
    assert.equal(nameOf('%H-%h', connectionOf(1)), '192.000.002.001-web')
    assert.equal(nameOf('%H-%h', connectionOf6(1)), '2001:db8::1-gateway_of_front')
    assert.equal(nameOf('%I/%i', c), '--/registry.example_nginx_1.27')
    assert.equal(nameOf('%I/%i', connectionOf(1), 1), 'registry.example_nginx_1.27/--')
    assert.equal(compileNameTemplate('%H-%h %I').name(c, 0), '192.000.002.002-198.051.100.001 --')
    const g = datagramOf('x')
    assert.equal(compileNameTemplate('%H.%I.%h', names).nameOfDatagram(g), 'resolver.dns.web')
  })

  test('the default stays as it is in tcpflow, for files; on the console only its addresses become names', () => {
    assert.equal(nameOf(DEFAULT_NAME_TEMPLATE, connectionOf(2)), '192.000.002.002.40002-198.051.100.001.00080')
    assert.equal(withHostNames(DEFAULT_NAME_TEMPLATE), '%H.%a-%h.%b%V%v%C%c')
    assert.equal(withHostNames('%tT%A.%a-%B.%b%V%vc%#'), '%tT%H.%a-%h.%b%V%vc%#')
    for (const template of ['%A-%B', '%%A.%a-%B.%b', '%A.%a']) assert.equal(withHostNames(template), template)
  })

  test('hostile names are plain parts of a path', () => {
    const cases = ['/', '.', '..', '...', '-rf', '../../etc/passwd', '\0', 'ü', 'a b', HOSTILE, '.hidden']
    assert.deepEqual(cases.map(pathPart), [
      ...['_', '_', '_.', '_..', '_rf', '_._.._etc_passwd', '_', '_', 'a_b'],
      `__0_pwned__evil_.._.._etc_${'x'.repeat(64 - 26)}`,
      '_hidden',
    ])
    const template = fc.array(fc.constantFrom('/', '.', '%H', '%h', '%I', '%i', '%v', '%C', 'x'), { maxLength: 8 })
    const text = fc.oneof(fc.constantFrom(...cases), fc.string({ unit: 'binary', maxLength: 80 }))
    fc.assert(
      fc.property(template, text, text, (pieces, name, image) => {
        const hostile = new FakeNames().set(SERVER, { name, image }).set('192.0.2.1', { name: image, image: name })
        let made: string
        try {
          made = compileNameTemplate(pieces.join(''), hostile).name(connectionOf(1), 0)
        } catch {
          return // not a template
        }
        for (const part of made.split('/')) assert.ok(!['', '.', '..'].includes(part), `${pieces.join('')}: ${made}`)
        assert.match(made, /^[A-Za-z0-9_./-]+$/)
        assert.equal(made.split('/').length <= pieces.length + 1, true)
      }),
      { seed: 41, numRuns: 2000 },
    )
  })

  test('files by container, and none is written over where two hosts have one name', async (t) => {
    const folder = temporaryFolder(t)
    const twins = new FakeNames().set('192.0.2.1', 'client').set('192.0.2.2', 'client').set(SERVER, web)
    const sink = new FileSink(filesPlan(folder, { nameTemplate: '%h/%H-%I' }), testRun, undefined, undefined, twins)
    const story = new Story(sink)
    for (const id of [1, 2]) {
      const c = connectionOf(id)
      story.open(c).data(c, 0, `from ${id}`).close(c)
    }
    await sink.finish()
    assert.deepEqual(contents(folder), { 'web/client---': 'from 1', 'web/client---c1': 'from 2' })
  })
})

test('an endpoint of another place is somebody else', () => {
  const names = new FakeNames().set('127.0.0.1', 'web itself', 1)
  const loopback = (port: number) => new Endpoint(4, 0, 0, 0, 0x7f000001, port)
  const c = new Connection(loopback(40_000), loopback(80), new Stream(), new Stream())
  const template = compileNameTemplate('%H', names)
  assert.equal(template.name(c, 0), '127.000.000.001')
  c.place = 1
  assert.equal(template.name(c, 0), 'web_itself')
})
