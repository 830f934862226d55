// RFC 8448's traces, what is no TLS, upgrades to TLS, and captures that do not show everything.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { client, hex, plainFacts, readTls, type Said, server, split } from './read-tls.ts'

// RFC 8448 §3, §5: the messages.
const SIMPLE_HELLO = `010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000
91 0000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560
e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e0403050306030203080408050806040105010601010204020502
06020202002d00020101001c00024001`
const SIMPLE_SERVER_HELLO = `020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d00
20c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304`
const RETRIED_HELLO = `010000b00303b0b1c5a5aa37c5919f2ed1d5c6fff7fcb7849716945a2b8cee9258a346677b6f000006130113031302010000810000
000b0009000006736572766572ff01000100000a00080006001d00170018003300260024001d0020e8e8e3f3b93a25ed97a14a7dcacb8a272c6288e585c6484d05
262fcad062ad1f002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00020101001c00024001`
const RETRY = `020000ac0303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c001301000084003300020017002c007400
7271dcd04bb88bc3189119398a00000000eefafc76c146b823b096f8aacad365dd0030953f4edf625636e5f21bb2e23fcc654b1b5b40318d10d137abcbb87574e3
6e8a1f025f7dfa5d6e50781b5eda4aa15b0c8be778257d16aa3030e9e7841dd9e4c0342267e8ca0caf571fb2b7cff0f934b0002b00020304`
const SERVER_HELLO_AFTER_RETRY = `020000770303bb341d847fd789c47c387172dc0c9bf147fccacb5043d86ca4c598d3ff571b9800130100004f0033004500
17004104583e054b7a66672ae020ad9d2686fcc85b5ad41a134a0f03ee72b893052bd85b4c8de6776f5b04ac07d83540eab3e3d9c547bc6528c4317d294686093a
6cad7d002b00020304`

function record(type: number, body: Buffer | string): Buffer {
  const bytes = typeof body === 'string' ? hex(body) : body
  return Buffer.concat([Buffer.from([type, 3, type === 22 ? 1 : 3, bytes.length >> 8, bytes.length & 255]), bytes])
}

const hello = record(22, SIMPLE_HELLO)
const serverHello = record(22, SIMPLE_SERVER_HELLO)
const encrypted = (bytes: number) => record(23, Buffer.alloc(bytes, 0xee))
const simple: readonly Said[] = [
  client(hello),
  server(Buffer.concat([serverHello, encrypted(674)])),
  client(encrypted(53)),
  server(encrypted(217)),
  client(encrypted(67)),
]

function everyWay(said: readonly Said[]): ReturnType<typeof readTls> {
  const whole = readTls(said)
  for (const size of [1, 2, 5, 100]) assert.deepEqual(plainFacts(readTls(split(said, () => size))), plainFacts(whole))
  return whole
}

test('RFC 8448 §3: a simple handshake', () => {
  const { events, handshake: h } = everyWay(simple)
  assert.deepEqual(events, ['client-hello', 'server-hello', 'finished', 'closed'])
  assert.deepEqual(h?.clientHello?.suites, [0x1301, 0x1303, 0x1302])
  assert.deepEqual(h?.clientHello?.groups, [29, 23, 24, 25, 256, 257, 258, 259, 260])
  assert.deepEqual(h?.clientHello?.versions, [0x0304])
  assert.equal(h?.clientHello?.serverName, 'server')
  assert.equal(h?.clientHello?.signatureAlgorithms.length, 15)
  assert.equal(h?.clientHello?.offersPsk, false)
  assert.equal(h?.serverHello?.version, 0x0304)
  assert.equal(h?.serverHello?.suite, 0x1301)
  assert.equal(h?.group, 29)
  assert.deepEqual(
    h?.server.firstEncrypted.map((r) => r.bytes),
    [674, 217],
  )
})

test('RFC 8448 §5: HelloRetryRequest', () => {
  const { handshake: h } = everyWay([
    client(record(22, RETRIED_HELLO)),
    server(record(22, RETRY)),
    client(record(22, RETRIED_HELLO)),
    server(Buffer.concat([record(22, SERVER_HELLO_AFTER_RETRY), encrypted(645)])),
    client(encrypted(53)),
  ])
  assert.equal(h?.retryGroup, 23)
  assert.equal(h?.group, 23)
  assert.deepEqual(h?.clientHello?.groups, [29, 23, 24])
  assert.deepEqual(
    h?.flights.map((flight) => flight.by),
    ['client', 'server', 'client', 'server', 'client'],
  )
})

test('a hello in many records, and several messages in one', () => {
  const bytes = hex(SIMPLE_HELLO)
  const pieces = [bytes.subarray(0, 3), bytes.subarray(3, 50), bytes.subarray(50)].map((piece) => record(22, piece))
  assert.equal(everyWay([client(Buffer.concat(pieces))]).handshake?.clientHello?.serverName, 'server')
})

test('a hello in the form of SSL 2.0', () => {
  const body = hex('01 0303 0006 0000 0010 00002f 00003c 00112233445566778899aabbccddeeff')
  const old = Buffer.concat([Buffer.from([0x80, body.length]), body])
  const { events, handshake: h } = everyWay([client(old), server(hex('15 0301 0002 02 46'))])
  assert.deepEqual(events, ['client-hello', 'alert', 'closed'])
  assert.deepEqual(h?.clientHello?.suites, [0x2f, 0x3c])
  assert.equal(h?.clientHello?.version, 0x0303)
})

for (const answer of [
  'HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n',
  '-ERR Protocol error\r\n',
  'SSH-2.0-OpenSSH_9.2\r\n',
  '\x15HTTP',
]) {
  test(`TLS to a server that does not speak it: ${JSON.stringify(answer.slice(0, 12))}`, () => {
    const { events, handshake: h } = everyWay([client(hello), server(answer)])
    assert.deepEqual(events, ['client-hello', 'not-tls', 'closed'])
    assert.equal(h?.server.plainBytes, answer)
    assert.equal(h?.clientHello?.serverName, 'server')
  })
}

for (const greeting of [
  '220 mail.test ESMTP\r\n',
  'SSH-2.0-OpenSSH_9.2\r\n',
  '* OK ready\r\n',
  '\x4a\0\0\0\x0a8.0.1\0',
]) {
  test(`TLS to a server that greets first: ${JSON.stringify(greeting.slice(0, 8))}`, () => {
    const { events, handshake: h } = everyWay([server(greeting), client(hello)])
    assert.deepEqual(events, ['not-tls', 'client-hello', 'closed'])
    assert.equal(h?.server.plainBytes, greeting)
    assert.equal(h?.clientHello?.serverName, 'server')
    assert.equal(h?.upgradeOf, '')
  })
}

test('a plain request to a server that speaks TLS: an alert', () => {
  const { events, handshake: h } = everyWay([client('GET / HTTP/1.1\r\n\r\n'), server(hex('15 0303 0002 02 16'))])
  assert.deepEqual(events, ['not-tls', 'alert', 'closed'])
  assert.equal(h?.client.plainBytes, 'GET / HTTP/1.1\r\n\r\n')
  assert.equal(h?.alerts[0]?.by, 'server')
})

test('a plain request to a server that speaks TLS: it says so', () => {
  const answer =
    'HTTP/1.1 400 Bad Request\r\nContent-Length: 230\r\n\r\n<html>The plain HTTP request was sent to HTTPS port</html>'
  const { events, handshake: h } = everyWay([client('GET / HTTP/1.1\r\n\r\n'), server(answer)])
  assert.deepEqual(events, ['not-tls', 'not-tls', 'closed'])
  assert.match(h?.server.plainBytes ?? '', /^HTTP\/1\.1 400/)
})

test('a plain request without an answer: told at the end, the rest is for the diagnosis', () => {
  const { events, handshake: h } = everyWay([client('GET / HTTP/1.1\r\n\r\n')])
  assert.deepEqual(events, ['not-tls', 'closed'])
  assert.equal(h?.server.spoke, false)
})

test('what is plain on both sides is left alone', () => {
  const said = [
    [client('GET / HTTP/1.1\r\n\r\n'), server('HTTP/1.1 200 OK\r\n\r\n')],
    [client('GET / HTTP/1.1\r\n\r\n'), server('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')],
    [client('*1\r\n$4\r\nPING\r\n'), server('+PONG\r\n')],
    [
      server('220 mail.test\r\n'),
      client('EHLO a\r\n'),
      server('250 ok\r\n'),
      client('QUIT\r\n'),
      server('221 bye\r\n'),
    ],
    [client(Buffer.from([0x16, 0x99, 1, 2, 3])), server('\x01\x02\x03')],
  ]
  for (const conversation of said) assert.deepEqual(everyWay(conversation).events, [])
})

const upgrades: readonly (readonly [string, readonly Said[]])[] = [
  [
    'smtp',
    [
      server('220 mail.test ESMTP\r\n'),
      client('EHLO a\r\n'),
      server('250-mail.test\r\n250 STARTTLS\r\n'),
      client('STARTTLS\r\n'),
      server('220 go ahead\r\n'),
    ],
  ],
  [
    'imap',
    [
      server('* OK IMAP4rev1\r\n'),
      client('a1 CAPABILITY\r\n'),
      server('* CAPABILITY STARTTLS\r\na1 OK done\r\n'),
      client('a2 starttls\r\n'),
      server('a2 OK begin\r\n'),
    ],
  ],
  ['pop3', [server('+OK ready\r\n'), client('STLS\r\n'), server('+OK begin\r\n')]],
  ['postgres', [client(hex('0000000804d2162f')), server('S')]],
  [
    'mysql',
    [server(`\x4a\0\0\0\x0a8.0.1\0${'x'.repeat(66)}`), client(hex(`20000001 85ae0f00 00000001 2d${'00'.repeat(23)}`))],
  ],
  [
    'ldap',
    [
      client(hex('301d02010177188016312e332e362e312e342e312e313436362e3230303337')),
      server(hex('300c02010178070a010004000400')),
    ],
  ],
]
for (const [name, before] of upgrades) {
  test(`upgraded to TLS: ${name}`, () => {
    const { events, handshake: h } = everyWay([...before, ...simple])
    assert.deepEqual(events, ['client-hello', 'server-hello', 'finished', 'closed'])
    assert.equal(h?.upgradeOf, name)
    assert.equal(h?.clientHello?.serverName, 'server')
    assert.ok(h.finishedMicros > 0)
  })
}

const refusals: readonly (readonly [string, readonly Said[], string])[] = [
  [
    'smtp',
    [server('220 mail.test\r\n'), client('STARTTLS\r\n'), server('454 TLS not available\r\n')],
    '454 TLS not available',
  ],
  ['imap', [server('* OK hi\r\n'), client('a STARTTLS\r\n'), server('a BAD unknown\r\n')], 'a BAD unknown'],
  ['pop3', [server('+OK hi\r\n'), client('STLS\r\n'), server('-ERR no\r\n')], '-ERR no'],
  ['postgres', [client(hex('0000000804d2162f')), server('N')], 'N'],
  [
    'ldap',
    [
      client(hex('301d02010177188016312e332e362e312e342e312e313436362e3230303337')),
      server(hex('300c02010178070a013504000400')),
    ],
    'result 53',
  ],
]
for (const [name, said, words] of refusals) {
  test(`an upgrade that is declined: ${name}`, () => {
    const { events, handshake: h } = everyWay(said)
    assert.deepEqual(events, ['upgrade-refused'])
    assert.equal(h?.upgradeOf, name)
    assert.equal(h?.upgradeRefusal, words)
  })
}

test('PostgreSQL with TLS at once', () => {
  assert.equal(everyWay(simple).handshake?.upgradeOf, '')
})

test('a PROXY header before TLS', () => {
  const [first, ...rest] = simple
  const { handshake: h } = everyWay([client('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'), first!, ...rest])
  assert.equal(h?.clientHello?.serverName, 'server')
})

test('met midway: what came before is unknown', () => {
  const { events, handshake: h } = readTls(simple.slice(3), { openerKnown: false })
  assert.deepEqual(events, ['finished', 'closed'])
  assert.equal(h?.client.incomplete, true)
  assert.equal(h?.server.incomplete, true)
  assert.equal(h?.clientHello, undefined)
})

test('one direction only', () => {
  const fromServer = readTls(simple.filter((said) => said.direction === 1)).handshake
  assert.equal(fromServer?.serverHello?.suite, 0x1301)
  assert.equal(fromServer?.clientDirection, 0)
  assert.equal(fromServer?.client.incomplete, true)
  const fromClient = readTls(simple.filter((said) => said.direction === 0))
  assert.equal(fromClient.handshake?.serverHello, undefined)
  assert.equal(fromClient.handshake?.server.spoke, false)
})

test('a hole in the server’s flight: the side is incomplete, and what follows is read', () => {
  const [first, second, third, ...rest] = simple
  const cut = { ...second!, bytes: second!.bytes.subarray(0, 300) }
  const { handshake: h } = readTls([first!, cut, third!, { direction: 1, bytes: rest[0]!.bytes }], {
    holes: new Map([[3, second!.bytes.length - 300]]),
  })
  assert.equal(h?.server.incomplete, true)
  assert.equal(h?.client.incomplete, false)
  assert.deepEqual(
    h?.server.firstEncrypted.map((r) => r.bytes),
    [674, 217],
  )
})

test('a hole in the hello: no hello, and no verdict', () => {
  const { events, handshake: h } = readTls(
    [client(hello.subarray(0, 50)), client(hello.subarray(90)), server(serverHello)],
    {
      holes: new Map([[1, 40]]),
    },
  )
  assert.equal(h?.client.incomplete, true)
  assert.equal(h?.clientHello, undefined)
  assert.ok(events.includes('server-hello'))
})

test('endless records are counted, not kept', () => {
  const said: Said[] = [...simple]
  for (let i = 0; i < 2000; i++) said.push(server(encrypted(16000)))
  const { handshake: h, heldBytes } = readTls(said)
  assert.equal(h?.server.encryptedRecords, 2002)
  assert.equal(h?.server.firstEncrypted.length, 16)
  assert.equal(heldBytes, 0)
})

test('a message that claims to be long is passed over', () => {
  let most = 0
  const long = Buffer.concat([hex('0b200000'), Buffer.alloc(16000)])
  const said = [...simple.slice(0, 1), server(serverHello)]
  for (let i = 0; i < 100; i++) said.push(server(record(22, i === 0 ? long : Buffer.alloc(16000))))
  const read = readTls(said, { onEvent: () => most++ })
  assert.equal(read.heldBytes, 0)
  assert.ok(most < 10)
})
