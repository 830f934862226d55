// Verdicts on real OpenSSL handshakes, on crafted ones, and near misses that must give none.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { TlsEvent } from '../../../src/core/tls-handshake.ts'
import { judgeTls } from '../../../src/diagnosis/rules/tls-rules.ts'
import type { TlsSurroundings, TlsVerdict } from '../../../src/diagnosis/rules/tls-verdict.ts'
import { Certificates, talk } from '../../protocol/tls/openssl.ts'
import { client, hex, readTls, type Said, server } from '../../protocol/tls/read-tls.ts'

const certificates = new Certificates()
after(() => certificates.close())
certificates.make('expired', { name: 'db.test', from: '20200101000000Z', to: '20210101000000Z' })
certificates.make('future', { name: 'db.test', from: '20390101000000Z', to: '20400101000000Z' })
certificates.make('other', { name: 'other.test' })
certificates.make('own', { name: 'db.test', selfSigned: true })

const keyPair = (name: string) => ['-cert', certificates.path(`${name}.pem`), '-key', certificates.path(`${name}.key`)]
const good = keyPair('good')
const trust = ['-CAfile', certificates.path('ca.pem'), '-verify_return_error', '-verify', '4']
const named = ['-servername', 'db.test', '-verify_hostname', 'db.test', ...trust]

const calm: TlsSurroundings = {
  nowMicros: 0,
  slowMicros: 1_000_000,
  seenBothWays: true,
  acknowledged: true,
  endedBy: 'client',
  endedMicros: 0,
  tlsSeenOnPort: false,
  plainSeenOnPort: false,
}

/** Verdicts at the end, `nowMicros` after the last word; those before it must be among them: nothing that was said is taken back. */
function judge(said: readonly Said[], around: Partial<TlsSurroundings> = {}): TlsVerdict[] {
  const told: [TlsEvent, TlsVerdict[]][] = []
  readTls(said, {
    onEvent(h, event, micros) {
      const nowMicros = micros + (h.closed === undefined ? 0 : (around.nowMicros ?? 0))
      const endedBy = h.closed === undefined ? '' : (around.endedBy ?? calm.endedBy)
      told.push([
        event,
        judgeTls(h, { ...calm, ...around, nowMicros, endedBy, endedMicros: endedBy === '' ? 0 : micros }),
      ])
    },
  })
  const final = told.at(-1)?.[1] ?? []
  for (const [, verdicts] of told) {
    for (const { kind } of verdicts)
      assert.ok(
        final.some((verdict) => verdict.kind === kind),
        `${kind.id} holds to the end`,
      )
  }
  for (const verdict of final) assert.ok(verdict.evidence.length > 0 && verdict.evidence.every((e) => e.micros > 0))
  return final
}

const brief = (verdicts: readonly TlsVerdict[]) => verdicts.map((v) => `${v.kind.id} ${v.severity} ${v.certainty}`)

const faults: readonly (readonly [string, readonly string[], readonly string[], string, RegExp])[] = [
  [
    'version',
    [...good, '-tls1_3'],
    ['-tls1_2'],
    'tls-version error certain',
    /TLS 1\.2 and below; the server takes none/,
  ],
  [
    'suite',
    [...good, '-tls1_2', '-cipher', 'AES256-SHA'],
    ['-tls1_2', '-cipher', 'AES128-SHA'],
    'tls-cipher error likely',
    /TLS_RSA_WITH_AES_128_CBC_SHA/,
  ],
  ['group', [...good, '-groups', 'P-384'], ['-tls1_3', '-groups', 'X25519'], 'tls-cipher error likely', /x25519/],
  ['alpn', [...good, '-alpn', 'h2'], ['-alpn', 'http/1.1'], 'tls-alpn error certain', /\(http\/1\.1\)/],
  [
    'name',
    [...good, '-servername', 'db.test', '-servername_fatal', '-cert2', good[1]!, '-key2', good[3]!],
    ['-servername', 'no.test'],
    'tls-server-name error certain',
    /the name no\.test/,
  ],
  [
    'expired, 1.2',
    keyPair('expired'),
    ['-tls1_2', ...named],
    'tls-certificate error certain',
    /has expired\. The certificate expired on 2021-01-01\.$/,
  ],
  ['expired, 1.3', keyPair('expired'), ['-tls1_3', ...named], 'tls-certificate error certain', /has expired\.$/],
  [
    'not yet valid',
    keyPair('future'),
    ['-tls1_2', ...named],
    'tls-certificate error certain',
    /is not valid before 2039-01-01/,
  ],
  [
    'other name',
    keyPair('other'),
    ['-tls1_2', ...named],
    'tls-certificate error certain',
    /is for other\.test, not for db\.test/,
  ],
  [
    'self-signed',
    keyPair('own'),
    ['-tls1_2', ...named],
    'tls-certificate error certain',
    /issuer is not known\. The certificate is signed by itself/,
  ],
  [
    'client certificate, 1.2',
    [...good, '-Verify', '2'],
    ['-tls1_2'],
    'tls-client-certificate error certain',
    /showed none/,
  ],
  [
    'expired and accepted',
    keyPair('expired'),
    ['-tls1_2', '-servername', 'db.test'],
    'tls-certificate warning certain',
    /accepted it all the same/,
  ],
]
for (const [what, serverArguments, clientArguments, expected, words] of faults) {
  test(`a real handshake: ${what}`, async () => {
    const verdicts = judge(await talk(serverArguments, clientArguments, 'hello there\n'))
    assert.deepEqual(brief(verdicts), [expected])
    assert.match(verdicts[0]!.cause, words)
  })
}

test('a real handshake: client certificate, 1.3', async () => {
  const said = await talk([...good, '-Verify', '2'], ['-tls1_3'], 'x\n')
  assert.deepEqual(brief(judge(said, { endedBy: 'server' })), ['tls-client-certificate error possible'])
})

const healthy: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['1.2', good, ['-tls1_2', ...named]],
  ['1.3', good, ['-tls1_3', ...named]],
  ['another group after a retry', [...good, '-groups', 'P-384'], ['-groups', 'X25519:P-384']],
  ['self-signed and taken', keyPair('own'), ['-tls1_2']],
  ['for another name and taken', keyPair('other'), ['-tls1_2', '-servername', 'db.test']],
  [
    'with a client certificate',
    [...good, '-Verify', '2', '-CAfile', certificates.path('ca.pem')],
    ['-tls1_3', ...good],
  ],
  ['asked for one, and content without', [...good, '-verify', '2'], ['-tls1_2']],
]
for (const [what, serverArguments, clientArguments] of healthy) {
  test(`nothing to say of a healthy handshake: ${what}`, async () => {
    // the server answers, and does not close by itself
    const said = await talk([...serverArguments, '-rev'], clientArguments, 'hello there\n')
    for (const endedBy of ['client', 'server'] as const) assert.deepEqual(brief(judge(said, { endedBy })), [])
  })
}

// TLS 1.3 in records: RFC 8448 §3.
const hello =
  hex(`16030100c4 010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece700000613011303130201000091
0000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd43
d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202
002d00020101001c00024001`)
const serverHello =
  hex(`160303005a020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e003300240
01d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304`)
const encrypted = (bytes: number) =>
  Buffer.concat([Buffer.from([23, 3, 3, bytes >> 8, bytes & 255]), Buffer.alloc(bytes, 0xee)])
const flight = server(Buffer.concat([serverHello, encrypted(674)]))
const at = (said: Said, millis: number): Said => ({ ...said, micros: 1_700_000_000e6 + millis * 1000 })

test('closed by the client right after the server’s certificate flight, in 1.3: possible', () => {
  assert.deepEqual(brief(judge([client(hello), flight])), ['tls-certificate error possible'])
  assert.deepEqual(brief(judge([client(hello), flight, client(encrypted(19))])), ['tls-certificate error possible'])
  assert.deepEqual(brief(judge([client(hello), flight], { endedBy: '' })), [])
})

test('TLS to plain text, and back', () => {
  const request = client('GET / HTTP/1.1\r\n\r\n')
  assert.deepEqual(brief(judge([client(hello), server('HTTP/1.1 400 Bad Request\r\n\r\n')])), [
    'tls-to-plaintext error certain',
  ])
  assert.deepEqual(brief(judge([server('220 mail.test\r\n'), client(hello)])), ['tls-to-plaintext error certain'])
  assert.deepEqual(brief(judge([request, server(hex('15030300020246'))])), ['plaintext-to-tls error certain'])
  const says = server('HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port')
  assert.deepEqual(brief(judge([request, says])), ['plaintext-to-tls error certain'])
  assert.deepEqual(brief(judge([request], { endedBy: 'server', tlsSeenOnPort: true })), [
    'plaintext-to-tls error likely',
  ])
  assert.deepEqual(brief(judge([request], { endedBy: 'server' })), [])
  assert.deepEqual(brief(judge([request, server('HTTP/1.1 400 Bad Request\r\n\r\nno such field')])), [])
})

test('no answer to the hello', () => {
  const said = [client(hello)]
  assert.deepEqual(brief(judge(said, { nowMicros: 2e6 })), ['tls-no-answer error likely'])
  assert.deepEqual(brief(judge(said, { endedBy: 'server' })), ['tls-no-answer error likely'])
  assert.deepEqual(brief(judge(said, { nowMicros: 2e6, plainSeenOnPort: true })), ['tls-to-plaintext error likely'])
  // gone at once, not acknowledged, one direction only
  assert.deepEqual(brief(judge(said)), [])
  assert.deepEqual(brief(judge(said, { nowMicros: 2e6, acknowledged: false })), [])
  assert.deepEqual(brief(judge(said, { nowMicros: 2e6, seenBothWays: false })), [])
})

test('a slow handshake: whose flight', () => {
  const used = client(encrypted(90))
  const slowServer = [at(client(hello), 0), at(flight, 1500), at(client(encrypted(53)), 1510), at(used, 1511)]
  const slowClient = [at(client(hello), 0), at(flight, 10), at(client(encrypted(53)), 2500), at(used, 2501)]
  const [byServer] = judge(slowServer)
  assert.match(byServer!.cause, /took 1\.5 s\. The longest wait was for the server: 1\.5 s/)
  assert.match(judge(slowClient)[0]!.cause, /for the client: 2\.5 s/)
  assert.deepEqual(
    brief(judge([at(client(hello), 0), at(flight, 900), at(client(encrypted(53)), 950), at(used, 951)])),
    [],
  )
})

test('what the capture does not show is not judged', () => {
  const holes = new Map([[1, 300]])
  const seen: TlsVerdict[] = []
  readTls([client(hello), flight], { holes, onEvent: (h) => seen.push(...judgeTls(h, { ...calm, endedBy: 'client' })) })
  assert.deepEqual(seen, [])
})

test('alerts that change nothing: a name not known, as a warning', () => {
  const warning = server(Buffer.concat([hex('15030100020170'), serverHello, encrypted(674)]))
  assert.deepEqual(brief(judge([client(hello), warning, client(encrypted(53)), client(encrypted(90))])), [])
})
