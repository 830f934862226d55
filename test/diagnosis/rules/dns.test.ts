// Name look-ups as conversations, and those that look like a fault and are healthy.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { A, AAAA } from '../../protocol/dns/dns-builder.ts'
import { assertFindings, assertNotes, diagnose } from '../../support/diagnosed.ts'
import { DnsTalk, NXDOMAIN, REFUSED, SERVFAIL } from '../../support/dns-talk.ts'
import { Talk } from '../../support/talk.ts'

const FORMERR = 1
const NO = { code: NXDOMAIN }
const first = { id: 1 }
const second = { id: 2, type: AAAA }

/** As in a pod, or with three search domains: each suffix for A and AAAA, then the name itself. */
function searched(talk: DnsTalk, name: string, last: { code?: number } = {}): DnsTalk {
  for (const suffix of ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local']) {
    talk.lookUp(`${name}.${suffix}`, NO)
  }
  return talk.lookUp(name, last)
}

describe('dns-name-unknown', () => {
  test('NXDOMAIN for a name, for A and AAAA', () => {
    const result = diagnose(new DnsTalk().lookUp('datenbank', NO), { quietSeconds: 5 })
    assertFindings(result, 'dns-name-unknown certain x 1')
    const [finding] = result.findings
    assert.equal(finding!.name, 'datenbank')
    assert.equal(finding!.client!.address, '10.0.0.1')
    assert.equal(finding!.client!.port, undefined)
    assert.equal(finding!.server!.port, 53)
    assert.match(finding!.next, /default bridge/)
    assert.deepEqual(result.told, ['open dns-name-unknown', 'final dns-name-unknown'])
  })

  test('with all its search suffixes it is one name', () => {
    const result = diagnose(searched(new DnsTalk(), 'db.shop', NO))
    assertFindings(result, 'dns-name-unknown certain x 1')
    assert.equal(result.findings[0]!.name, 'db.shop')
    assert.match(result.findings[0]!.cause, /does not know the name db\.shop, nor with 3 search suffixes/)
  })

  test('the name first, then with a suffix; suffixes alone; asked again later', () => {
    const nameFirst = new DnsTalk().lookUp('api.shop.test', NO).lookUp('api.shop.test.corp.test', NO)
    assert.equal(diagnose(nameFirst).findings[0]!.name, 'api.shop.test')
    const suffixesAlone = new DnsTalk().lookUp('db.a.corp.test', NO).lookUp('db.corp.test', NO)
    assert.equal(diagnose(suffixesAlone).findings[0]!.name, 'db')
    const again = new DnsTalk().lookUp('db', NO).wait(10_000).lookUp('db', NO)
    assertFindings(diagnose(again), 'dns-name-unknown certain x 2')
  })

  test('a name that exists and looks like it', () => {
    const talk = new DnsTalk().lookUp('postgres').wait(2000).lookUp('postgras', NO)
    assert.match(diagnose(talk).findings[0]!.cause, /postgres exists/)
  })

  test('Docker’s resolver on lo: the query goes to a high port, the answer comes from 53', () => {
    const talk = new DnsTalk({ client: '127.0.0.1', server: '127.0.0.11' })
      .ask('db', { serverPort: 39017 })
      .answer('db', { code: NXDOMAIN })
    const result = diagnose(talk)
    assertFindings(result, 'dns-name-unknown certain x 1')
    assert.equal(result.findings[0]!.server!.port, undefined)
    assert.match(result.findings[0]!.next, /docker network connect/)
  })

  test('different names that begin alike are two', () => {
    const talk = new DnsTalk().lookUp('www.eins.test', NO).lookUp('www.zwei.test', NO)
    assertFindings(diagnose(talk), 'dns-name-unknown certain x 1', 'dns-name-unknown certain x 1')
  })

  test('a thousand names of one client are few findings', () => {
    const talk = new DnsTalk()
    for (let i = 0; i < 1000; i++) talk.lookUp(`host${i}.shop.test`, NO)
    const { findings } = diagnose(talk)
    assert.equal(findings.length, 21)
    assert.equal(findings[0]!.count, 980)
  })

  test('not: found with a suffix, found without, found for A alone', () => {
    assertFindings(diagnose(searched(new DnsTalk(), 'db.shop')))
    assertFindings(diagnose(new DnsTalk().lookUp('db.corp.test', NO).lookUp('db.example.test')))
    const aAlone = new DnsTalk()
      .ask('db', first)
      .ask('db', second)
      .answer('db', first)
      .answer('db', { ...second, ...NO })
    assertFindings(diagnose(aAlone))
  })

  test('not: reverse look-ups, lists of addresses, proxies, services', () => {
    const talk = new DnsTalk()
    for (const name of ['wpad.corp.test', '2.0.0.127.bl.test', 'use-application-dns.net', '_http._tcp.test']) {
      talk.lookUp(name, NO)
    }
    talk.ask('1.0.0.10.in-addr.arpa', { type: 12 }).answer('1.0.0.10.in-addr.arpa', { type: 12, ...NO })
    assertFindings(diagnose(talk))
  })
})

describe('dns-no-answer', () => {
  test('as glibc asks: again after five seconds, then no more', () => {
    const talk = new DnsTalk().ask('db', first).ask('db', second).wait(5000).ask('db', first).ask('db', second)
    const result = diagnose(talk, { quietSeconds: 20 })
    assertFindings(result, 'dns-no-answer likely x 2')
    assert.match(result.findings[0]!.cause, /did not answer A db, asked 2 times. It answered nothing at all/)
    assert.deepEqual(result.told, ['open dns-no-answer', 'final dns-no-answer'])
  })

  test('as musl asks: both servers at once, again after two and a half; the capture ends soon', () => {
    const servers = ['10.0.0.53', '10.0.0.54']
    const talk = new DnsTalk()
    for (const server of servers) talk.ask('db', { server })
    talk.wait(2500)
    for (const server of servers) talk.ask('db', { server })
    assertFindings(diagnose(talk), 'dns-no-answer likely x 1', 'dns-no-answer likely x 1')
  })

  test('the other server answers: a warning', () => {
    const talk = new DnsTalk().ask('db').wait(5000).ask('db', { server: '10.0.0.54', id: 7 })
    const result = diagnose(talk.answer('db', { server: '10.0.0.54', id: 7 }), { quietSeconds: 20 })
    assertFindings(result, 'dns-no-answer likely x 1')
    assert.equal(result.findings[0]!.severity, 'warning')
    assert.match(result.findings[0]!.cause, /10\.0\.0\.54 did answer\. The name was found in the end/)
  })

  test('answered when it is repeated: a warning', () => {
    const result = diagnose(new DnsTalk().ask('db').wait(5000).ask('db').answer('db'))
    assertFindings(result, 'dns-no-answer likely x 1')
    assert.equal(result.findings[0]!.severity, 'warning')
  })

  test('the server’s host sends the query back: told soon, once; a warning where the next server answers', () => {
    const talk = () => new DnsTalk().ask('db').refuse().ask('db').refuse()
    const result = diagnose(talk())
    assertFindings(result, 'dns-no-answer certain x 1')
    assert.equal(result.findings[0]!.severity, 'error')
    assert.match(result.findings[0]!.cause, /come back as "port unreachable"/)
    assertFindings(diagnose(talk(), { quietSeconds: 60 }), 'dns-no-answer certain x 1')
    const helped = diagnose(talk().lookUp('db', { server: '10.0.0.54' }))
    assertFindings(helped, 'dns-no-answer certain x 1')
    assert.equal(helped.findings[0]!.severity, 'warning')
  })

  test('not: the capture ends a moment after the query; copies of one packet; one direction', () => {
    assertFindings(diagnose(new DnsTalk().ask('db').wait(1000).ask('other').answer('other')))
    assertFindings(diagnose(new DnsTalk().ask('db').ask('db').answer('db')))
    const oneWay = new DnsTalk().ask('db').wait(5000).ask('db')
    const tcp = new Talk().syn().segment(0, { flags: '.' }).client('GET / HTTP/1.1\r\n\r\n')
    assertFindings(diagnose([oneWay, tcp], { quietSeconds: 20 }))
  })
})

describe('dns-failed', () => {
  for (const [code, name] of [
    [SERVFAIL, 'SERVFAIL'],
    [REFUSED, 'REFUSED'],
    [FORMERR, 'FORMERR'],
  ] as const) {
    test(name, () => {
      const result = diagnose(new DnsTalk().lookUp('shop.test', { code }), { quietSeconds: 5 })
      assertFindings(result, 'dns-failed certain x 1')
      assert.equal(result.findings[0]!.severity, 'error')
      assert.match(result.findings[0]!.cause, new RegExp(`${name} for shop\\.test`))
    })
  }

  test('another server knows it: a warning', () => {
    const talk = new DnsTalk().lookUp('shop.test', { code: SERVFAIL }).lookUp('shop.test', { server: '10.0.0.54' })
    const result = diagnose(talk)
    assertFindings(result, 'dns-failed certain x 1')
    assert.equal(result.findings[0]!.severity, 'warning')
    // the one that knows it was asked first
    const second = new DnsTalk().lookUp('shop.test').lookUp('shop.test', { server: '10.0.0.54', code: REFUSED })
    const [finding] = diagnose(second).findings
    assert.equal(finding!.severity, 'warning')
    assert.equal(finding!.server!.address, '10.0.0.54')
  })

  test('a note: the same server knows A and refuses AAAA', () => {
    const talk = new DnsTalk().ask('db', first).ask('db', second).answer('db', first)
    const result = diagnose(talk.answer('db', { ...second, code: REFUSED }))
    assertFindings(result)
    assertNotes(result, 'dns-failed')
    const failing = new DnsTalk().ask('db', first).ask('db', second).answer('db', first)
    assertFindings(diagnose(failing.answer('db', { ...second, code: SERVFAIL })), 'dns-failed certain x 1')
  })

  test('not: FORMERR to a query with EDNS, and asked again without', () => {
    const talk = new DnsTalk().ask('shop.test', { edns: 0 }).answer('shop.test', { code: FORMERR })
    assertFindings(diagnose(talk.ask('shop.test', { id: 2 }).answer('shop.test', { id: 2 })))
  })
})

describe('dns-search-storm', () => {
  test('three suffixes before each name that is found', () => {
    const talk = new DnsTalk()
    for (let i = 0; i < 4; i++) searched(talk, 'api.shop.test').wait(5000)
    const result = diagnose(talk)
    assertFindings(result, 'dns-search-storm certain x 4')
    assert.match(
      result.findings[0]!.cause,
      /asks for 3 names that do not exist before each that does: 6 queries in vain/,
    )
    assert.match(result.findings[0]!.next, /ndots:1/)
  })

  test('one look-up right after the other', () => {
    const talk = new DnsTalk()
    for (let i = 0; i < 4; i++) searched(talk, 'api.shop.test')
    assertFindings(diagnose(talk), 'dns-search-storm certain x 4')
  })

  test('not: once, or with one suffix', () => {
    assertFindings(diagnose(searched(new DnsTalk(), 'api.shop.test')))
    const talk = new DnsTalk()
    for (let i = 0; i < 4; i++) talk.lookUp('db.corp.test', NO).lookUp('db').wait(5000)
    assertFindings(diagnose(talk))
  })
})

describe('dns-twin-lost', () => {
  test('as glibc goes on: both again, one after the other', () => {
    const talk = new DnsTalk().ask('db', first).ask('db', second).answer('db', first).wait(5000)
    talk.ask('db', first).answer('db', first).ask('db', second).answer('db', second)
    const result = diagnose(talk)
    assertFindings(result, 'dns-twin-lost likely x 1')
    assert.match(result.findings[0]!.cause, /A was answered in 2\.0 ms, AAAA got lost/)
  })

  test('as musl goes on: the lost one alone', () => {
    const talk = new DnsTalk().ask('db', first).ask('db', second).answer('db', second).wait(2500)
    assertFindings(diagnose(talk.ask('db', first).answer('db', first)), 'dns-twin-lost possible x 1')
  })

  test('not: both lost', () => {
    const talk = new DnsTalk().ask('db', first).ask('db', second).wait(5000)
    talk.ask('db', first).answer('db', first).ask('db', second).answer('db', second)
    assertFindings(diagnose(talk), 'dns-no-answer likely x 2')
  })
})

describe('dns-slow', () => {
  test('an answer after two seconds', () => {
    const result = diagnose(new DnsTalk().ask('shop.test').wait(2000).answer('shop.test'))
    assertFindings(result, 'dns-slow certain x 1')
    assert.match(result.findings[0]!.cause, /took 2\.0 s to answer A shop\.test/)
  })

  test('an answer to the first query, well after the repetition', () => {
    assertFindings(
      diagnose(new DnsTalk().ask('db').wait(5000).ask('db').wait(2000).answer('db')),
      'dns-slow certain x 1',
    )
  })

  test('not: below --slow', () => {
    const talk = () => new DnsTalk().ask('shop.test').wait(900).answer('shop.test')
    assertFindings(diagnose(talk()))
    assertFindings(diagnose(talk(), { slowMillis: 500 }), 'dns-slow certain x 1')
  })
})

test('look-ups that go well say nothing', () => {
  const talk = new DnsTalk()
  for (let i = 0; i < 50; i++) talk.lookUp(`host${i}.test`).ask('v4.test', { type: A }).answer('v4.test').wait(500)
  assertFindings(diagnose(talk))
})
