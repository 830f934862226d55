// Handshakes of real OpenSSL clients and servers: every version, and what goes wrong.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Certificates, talk, talks } from './openssl.ts'
import { plainFacts, type ReadTls, readTls, type Said, split } from './read-tls.ts'

const certificates = new Certificates()
after(() => certificates.close())

const keyPair = (name: string) => ['-cert', certificates.path(`${name}.pem`), '-key', certificates.path(`${name}.key`)]
const good = keyPair('good')
const WEAK = 'ALL:@SECLEVEL=0'

/** Whole, byte by byte and split anywhere say the same. */
function read(said: readonly Said[]): ReadTls {
  const whole = readTls(said)
  let seed = said.length + 7
  const random = () => {
    seed = (seed * 48271) % 2147483647
    return 1 + (seed % 97)
  }
  for (const size of [() => 1, () => 7, random]) {
    assert.deepEqual(plainFacts(readTls(split(said, size))), plainFacts(whole))
  }
  assert.equal(whole.heldBytes, 0)
  return whole
}

for (const [flag, version] of [
  ['-tls1', 0x0301],
  ['-tls1_1', 0x0302],
  ['-tls1_2', 0x0303],
  ['-tls1_3', 0x0304],
] as const) {
  test(`a handshake with ${flag.slice(1)}`, async () => {
    const said = await talk([...good, '-cipher', WEAK], [flag, '-cipher', WEAK, '-servername', 'db.test'], 'hello\n')
    const { events, handshake: h } = read(said)
    assert.equal(h?.clientHello?.version, version)
    assert.equal(h?.serverHello?.version, version)
    assert.equal(h?.clientHello?.serverName, 'db.test')
    assert.equal(h?.keyExchange, 'ecdhe')
    assert.notEqual(h?.group, 0)
    assert.equal(h?.resumption, 'none')
    assert.ok(h.finishedMicros > 0)
    assert.deepEqual(
      h.flights.slice(0, 3).map((flight) => flight.by),
      ['client', 'server', 'client'],
    )
    if (version === 0x0304) {
      assert.deepEqual(events, ['client-hello', 'server-hello', 'finished', 'closed'])
      assert.deepEqual(h.server.certificates, [])
    } else {
      assert.deepEqual(events.slice(0, 4), ['client-hello', 'server-hello', 'certificate', 'finished'])
      const [leaf] = h.server.certificates
      assert.equal(leaf?.subject, 'CN=db.test')
      assert.equal(leaf?.issuer, 'CN=Test CA')
      assert.deepEqual(leaf?.names, ['db.test'])
      assert.equal(leaf?.keyType, 'rsa 2048')
      assert.equal(leaf?.selfSigned, false)
      assert.equal(leaf?.matches('db.test'), true)
      assert.equal(leaf?.matches('other.test'), false)
      assert.equal(leaf?.validToMicros, Date.UTC(2040, 0) * 1000)
    }
  })
}

for (const [suite, keyExchange] of [
  ['AES128-SHA', 'rsa'],
  ['DHE-RSA-AES128-GCM-SHA256', 'dhe'],
  ['ECDHE-RSA-AES128-GCM-SHA256', 'ecdhe'],
]) {
  test(`keys by ${keyExchange}`, async () => {
    const { handshake: h } = read(
      await talk([...good, '-cipher', WEAK], ['-tls1_2', '-cipher', `${suite}:@SECLEVEL=0`]),
    )
    assert.equal(h?.keyExchange, keyExchange)
    assert.ok(h!.finishedMicros > 0)
  })
}

test('no version in common: alert 70, in the clear', async () => {
  const { events, handshake: h } = read(await talk([...good, '-tls1_3'], ['-tls1_2']))
  assert.deepEqual(
    h?.alerts.map(({ by, code, fatal }) => ({ by, code, fatal })),
    [{ by: 'server', code: 70, fatal: true }],
  )
  assert.deepEqual(events, ['client-hello', 'alert', 'closed'])
  assert.equal(h?.finishedMicros, 0)
  assert.equal(h?.serverHello, undefined)
})

test('no suite in common: alert 40', async () => {
  const said = await talk(
    [...good, '-tls1_2', '-cipher', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'],
  )
  const { handshake: h } = read(said)
  assert.deepEqual(
    h?.alerts.map(({ by, code }) => ({ by, code })),
    [{ by: 'server', code: 40 }],
  )
  assert.ok(h?.clientHello?.suites.includes(0xc02f))
})

for (const [name, options] of [
  ['expired', { name: 'db.test', from: '20200101000000Z', to: '20210101000000Z' }],
  ['future', { name: 'db.test', from: '20390101000000Z', to: '20400101000000Z' }],
  ['own', { name: 'db.test', selfSigned: true }],
] as const) {
  test(`a certificate that the client does not take: ${name}`, async () => {
    certificates.make(name, options)
    const trust = ['-CAfile', certificates.path('ca.pem'), '-verify_return_error', '-verify', '4']
    const { handshake: h } = read(await talk(keyPair(name), ['-tls1_2', '-servername', 'db.test', ...trust]))
    const [leaf] = h?.server.certificates ?? []
    assert.equal(h?.alerts[0]?.by, 'client')
    assert.equal(h?.alerts[0]?.code, { expired: 45, future: 42, own: 48 }[name])
    assert.equal(leaf?.selfSigned, name === 'own')
    if (name === 'expired') assert.equal(leaf?.validToMicros, Date.UTC(2021, 0) * 1000)
    if (name === 'future') assert.equal(leaf?.validFromMicros, Date.UTC(2039, 0) * 1000)
    assert.equal(h?.finishedMicros, 0)
  })
}

test('a certificate not taken in TLS 1.3: what OpenSSL says of it is in the clear', async () => {
  certificates.make('late', { name: 'db.test', from: '20200101000000Z', to: '20210101000000Z' })
  const trust = ['-CAfile', certificates.path('ca.pem'), '-verify_return_error', '-verify', '4']
  const { handshake: h } = read(await talk(keyPair('late'), ['-tls1_3', ...trust]))
  assert.equal(h?.finishedMicros, 0)
  assert.deepEqual(
    h?.alerts.map(({ by, code }) => ({ by, code })),
    [{ by: 'client', code: 45 }],
  )
})

test('a client certificate is wanted, 1.2: CertificateRequest, empty Certificate, alert 40', async () => {
  const { handshake: h } = read(await talk([...good, '-Verify', '2', '-tls1_2'], ['-tls1_2']))
  assert.equal(h?.certificateRequested, true)
  assert.equal(h?.client.certificateSeen, true)
  assert.deepEqual(h?.client.certificates, [])
  assert.deepEqual(
    h?.alerts.map(({ by, code }) => ({ by, code })),
    [{ by: 'server', code: 40 }],
  )
})

test('a client certificate is wanted, 1.3: an alert-sized record right after the client’s second flight', async () => {
  const { handshake: h } = read(await talk([...good, '-Verify', '2', '-tls1_3'], ['-tls1_3'], 'x\n'))
  const after = h?.server.firstEncrypted.filter((record) => record.micros >= h.finishedMicros) ?? []
  assert.equal(h?.alerts.length, 0)
  assert.equal(after.at(-1)?.bytes, 19)
})

test('a client certificate that is shown', async () => {
  const { handshake: h } = read(
    await talk([...good, '-verify', '2', '-CAfile', certificates.path('ca.pem')], ['-tls1_2', ...good]),
  )
  assert.equal(h?.client.certificates[0]?.subject, 'CN=db.test')
  assert.ok(h.finishedMicros > 0)
})

test('no application protocol in common: alert 120', async () => {
  const { handshake: h } = read(await talk([...good, '-alpn', 'h2'], ['-alpn', 'http/1.1,postgresql']))
  assert.deepEqual(h?.clientHello?.alpn, ['http/1.1', 'postgresql'])
  assert.equal(h?.alerts[0]?.code, 120)
})

test('the application protocol of TLS 1.2 is in the clear', async () => {
  const { handshake: h } = read(await talk([...good, '-alpn', 'h2'], ['-tls1_2', '-alpn', 'h2,http/1.1']))
  assert.equal(h?.serverHello?.alpn, 'h2')
})

test('a server name that the server does not know: alert 112', async () => {
  const said = await talk(
    [...good, '-servername', 'db.test', '-servername_fatal', '-cert2', good[1]!, '-key2', good[3]!],
    ['-servername', 'nobody.test'],
  )
  const { handshake: h } = read(said)
  assert.deepEqual(
    h?.alerts.map(({ by, code }) => ({ by, code })),
    [{ by: 'server', code: 112 }],
  )
})

test('HelloRetryRequest: the server asks for another group', async () => {
  const { events, handshake: h } = read(await talk([...good, '-groups', 'P-384'], ['-groups', 'X25519:P-384'], 'x\n'))
  assert.equal(h?.retryGroup, 24)
  assert.equal(h?.group, 24)
  assert.deepEqual(h?.clientHello?.groups, [29, 24])
  assert.deepEqual(events, ['client-hello', 'server-hello', 'finished', 'closed'])
})

for (const version of ['-tls1_2', '-tls1_3']) {
  test(`a session taken up again, ${version.slice(1)}`, async () => {
    const session = certificates.path(`session${version}`)
    const [first, second] = await talks(
      good,
      [
        [version, '-sess_out', session],
        [version, '-sess_in', session],
      ],
      'x\n',
    )
    assert.equal(read(first!).handshake?.resumption, 'none')
    const { handshake: h } = read(second!)
    assert.equal(h?.resumption, version === '-tls1_2' ? 'session' : 'psk')
    assert.ok(h.finishedMicros > 0)
  })
}

test('bytes changed anywhere never throw and are bounded', async () => {
  const recorded = await Promise.all([talk(good, ['-tls1_2'], 'x\n'), talk(good, ['-tls1_3'], 'x\n')])
  let seed = 12345
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  for (let round = 0; round < 3000; round++) {
    const said = recorded[round % 2]!.map(({ direction, bytes }) => {
      const changed = Buffer.from(bytes)
      for (let i = random(4); i > 0 && changed.length > 0; i--) changed[random(changed.length)] = random(256)
      return { direction, bytes: changed.subarray(0, changed.length - random(3)) }
    })
    const holes = round % 5 === 0 ? new Map([[random(said.length), 1 + random(3000)]]) : new Map<number, number>()
    const result = readTls(said, {
      holes,
      openerKnown: round % 3 !== 0,
      onEvent(h) {
        for (const c of [...h.server.certificates, ...h.client.certificates]) {
          assert.ok(c.names.length + c.subject.length + c.issuer.length + c.keyType.length < 5000)
          c.matches('db.test')
          assert.equal(typeof c.selfSigned, 'boolean')
        }
      },
    })
    assert.equal(result.heldBytes, 0)
  }
})
