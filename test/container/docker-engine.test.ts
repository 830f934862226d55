// Calls to an engine that answers oddly, late or not at all.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { EngineRefusal, engineError, SshFailure, timeoutError } from '../../src/container/connection-errors.ts'
import { openEngine } from '../../src/container/docker-engine.ts'
import type { EngineAddress } from '../../src/container/engine-address.ts'
import { OperatorError } from '../../src/core/errors.ts'
import { type Answer, connect, fakeEngine, json } from './fake-engine.ts'

const ID = 'a'.repeat(64)

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-engine-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function refused(promise: Promise<unknown>): Promise<OperatorError> {
  const error = await promise.then(
    () => new assert.AssertionError({ message: 'it was accepted' }),
    (reason) => reason,
  )
  assert.ok(error instanceof OperatorError, String(error.stack))
  assert.ok(!error.message.includes('\n'))
  return error
}

/** A server that says `bytes` to whoever connects, and nothing more. */
async function sayer(t: TestContext, bytes: string): Promise<EngineAddress> {
  const path = join(temporaryFolder(t), 's')
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.write(bytes)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return unix(path)
}

function unix(path: string): EngineAddress {
  return { kind: 'unix', name: `unix://${path}`, origin: '', path }
}

describe('no engine', () => {
  test('no socket', async () => {
    const { message, hint } = await refused(openEngine(unix('/nowhere/docker.sock')))
    assert.equal(message, 'no container engine: there is no socket unix:///nowhere/docker.sock')
    assert.match(hint!, /-v \/var\/run\/docker\.sock:\/var\/run\/docker\.sock:ro.*DOCKER_HOST/)
  })

  test('who said so is told', async () => {
    const { message } = await refused(openEngine({ ...unix('/nowhere'), origin: 'DOCKER_HOST' } as EngineAddress))
    assert.match(message, /\(DOCKER_HOST\)$/)
  })

  test('a file', async (t) => {
    const path = join(temporaryFolder(t), 'f')
    writeFileSync(path, '')
    await refused(openEngine(unix(path)))
  })

  test('a port that nobody listens on', async () => {
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    await new Promise((resolve) => server.close(resolve))
    for (const tls of [undefined, { ca: undefined, cert: undefined, key: undefined, verify: true }]) {
      const address = { kind: 'tcp', name: 'tcp://b', origin: '', host: '127.0.0.1', port, tls } as const
      assert.match((await refused(openEngine(address))).message, /no connection to tcp:\/\/b: connection refused/)
    }
  })

  test('one that says nothing', async (t) => {
    const { message } = await refused(openEngine(await sayer(t, ''), { answerMillis: 50 }))
    assert.match(message, /does not answer: no answer in 0\.05 s to GET \/_ping/)
  })

  test('one that does not get on with TLS', async (t) => {
    const { path } = (await sayer(t, '')) as { path: string }
    // Port 1 of a Unix socket there is none: a relay.
    const relay = net.createServer((socket) =>
      socket.on('error', () => {}).pipe(net.connect(path).on('error', () => {})),
    )
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
    t.after(() => relay.close())
    const tls = { ca: undefined, cert: undefined, key: undefined, verify: true }
    const { port } = relay.address() as net.AddressInfo
    const address = { kind: 'tcp', name: 'tcp://b', origin: '', host: '127.0.0.1', port, tls } as const
    const { message } = await refused(openEngine(address, { connectMillis: 50 }))
    assert.match(message, /does not answer: no connection in 0\.05 s/)
  })

  for (const [title, bytes] of [
    ['something else', '220 smtp ready\r\n'],
    ['half an answer', 'HTTP/1.1 200 OK\r\nContent-Le'],
    ['a web server', 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno'],
    ['any page', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'],
    ['an odd version', 'HTTP/1.1 200 OK\r\nApi-Version: 7\r\nContent-Length: 2\r\n\r\nok'],
    ['a redirection', 'HTTP/1.1 301 Moved\r\nLocation: ftp://:x:/\r\nContent-Length: 0\r\n\r\n'],
    ['one too old', 'HTTP/1.1 200 OK\r\nApi-Version: 1.23\r\nContent-Length: 2\r\n\r\nok'],
  ] as const) {
    test(title, async (t) => {
      const { message } = await refused(openEngine(await sayer(t, bytes), { answerMillis: 200 }))
      if (title === 'one too old') assert.match(message, /is too old: it has API 1\.23, and 1\.24 is needed/)
    })
  }

  test('what else may be wrong is told in words of its own', () => {
    const tcp = { kind: 'tcp', name: 'tcp://b:1', origin: '', host: 'b', port: 1, tls: undefined } as const
    const tls = { ...tcp, tls: { ca: undefined, cert: undefined, key: undefined, verify: true } }
    const ssh = { kind: 'ssh', name: 'ssh://me@b:2', origin: '', user: 'me', host: 'b', port: 2, path: '' } as const
    const coded = (code: string, message = code) => Object.assign(new Error(message), { code })
    const rows: [EngineAddress, Error, RegExp, RegExp | undefined][] = [
      [unix('/s'), coded('EACCES'), /^permission denied on the engine's socket/, /sudo.*-aG docker/],
      [unix('/s'), coded('ECONNREFUSED'), /^nothing listens on/, /systemctl start docker/],
      [unix('/s'), timeoutError('late'), /does not answer: late/, /docker version/],
      [tcp, coded('ENOTFOUND'), /no host of that name/, /address/],
      [tcp, coded('EHOSTUNREACH'), /no route to that host/, /address/],
      [tcp, coded('ECONNRESET'), /ended the connection/, /DOCKER_TLS_VERIFY=1/],
      [tcp, new EngineRefusal(400, 'Client sent an HTTP request to an HTTPS server.'), /wants TLS/, /DOCKER_CERT_PATH/],
      [tcp, new EngineRefusal(403, 'no'), /forbids GET \/x: no/, /proxy/],
      [tcp, new EngineRefusal(500, 'no'), /refuses GET \/x: no/, undefined],
      [tls, coded('EPROTO'), /does not speak TLS/, /unset DOCKER_TLS_VERIFY/],
      [
        tls,
        coded('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'),
        /cannot be trusted: self-signed/,
        /CERT_PATH/,
      ],
      [tls, coded('ERR_TLS_CERT_ALTNAME_INVALID', 'no match'), /for another host: no match/, /name/],
      [
        tls,
        coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'x:SSL routines::tlsv13 alert certificate required:y'),
        /does not accept our certificate: tlsv13 alert certificate required/,
        /CERT_PATH/,
      ],
      [
        ssh,
        new SshFailure('Host key verification failed.'),
        /no connection to ssh:\/\/me@b:2: Host key/,
        /ssh -p 2 me@b docker version/,
      ],
      [ssh, coded('ENOENT'), /there is no ssh here/, /openssh-client/],
    ]
    for (const [address, error, message, hint] of rows) {
      const told = engineError(address, error, 'GET /x')
      assert.match(told.message, message)
      if (hint === undefined) assert.equal(told.hint, undefined)
      else assert.match(told.hint!, hint)
    }
  })
})

describe('versions', () => {
  const rows: [string, string][] = [
    ['1.24', '/v1.24/containers/json'],
    ['1.41', '/v1.41/containers/json'],
    ['1.99', '/v1.47/containers/json'],
  ]
  for (const [theirs, expected] of rows) {
    test(`API ${theirs}`, async (t) => {
      const fake = await fakeEngine(t)
      fake.on('GET /_ping', (response) => response.setHeader('Api-Version', theirs).end('OK'))
      let asked = ''
      fake.on('GET /containers/json', json([]))
      fake.server.on('request', ({ url }) => {
        asked = url ?? ''
      })
      await (await connect(t, fake)).list(false)
      assert.equal(asked, `${expected}?all=false`)
    })
  }

  test('an engine that says it only when asked', async (t) => {
    const fake = await fakeEngine(t)
    fake.on('GET /_ping', (response) => response.end('OK')).on('GET /version', json({ ApiVersion: '1.30' }))
    assert.equal((await (await connect(t, fake)).version()).apiVersion, '1.30')
  })

  test('an engine to which ours is too old', async (t) => {
    const fake = await fakeEngine(t)
    fake.on('GET /_ping', (response) => response.setHeader('Api-Version', '1.99').end('OK'))
    const asked: string[] = []
    fake.server.on('request', ({ url }) => asked.push(url ?? ''))
    const message = 'client version 1.47 is too old. Minimum supported API version is 1.60, please upgrade your client'
    fake.on('GET /containers/json', (response, request) => {
      json(
        asked.at(-1)!.startsWith('/v1.60/') ? [{ Id: ID }] : { message },
        asked.at(-1)!.startsWith('/v1.60/') ? 200 : 400,
      )(response, request)
    })
    const engine = await connect(t, fake)
    assert.equal((await engine.list(true)).length, 1)
    assert.deepEqual(asked.slice(1, 3), ['/v1.47/containers/json?all=true', '/v1.60/containers/json?all=true'])
  })

  test('one that is never content', async (t) => {
    const fake = await fakeEngine(t)
    fake.on('GET /containers/json', json({ message: 'Minimum supported API version is 1.60' }, 400))
    assert.match((await refused((await connect(t, fake)).list(true))).message, /Minimum supported/)
    assert.equal(fake.log.length, 2)
  })

  test('Podman by its header', async (t) => {
    const fake = await fakeEngine(t)
    fake.on('GET /_ping', (response) => {
      response.writeHead(200, { 'Api-Version': '1.41', 'Libpod-Api-Version': '4.3.1' }).end('OK')
    })
    fake.on('GET /version', json({ Version: '4.3.1' }))
    assert.equal((await (await connect(t, fake)).version()).product, 'Podman')
  })
})

describe('odd answers', () => {
  const oddities: [string, Answer][] = [
    ['null', json('null')],
    ['a number', json('7')],
    ['a string', json('"x"')],
    ['an empty list', json('[]')],
    ['an empty object', json('{}')],
    ['a list of nothing', json('[null, 7, [], {}]')],
    ['nothing', json('')],
    ['no JSON', json('<html>')],
    ['no text', (response) => response.end(Buffer.from([0xff, 0xfe, 0]))],
    ['no content', (response) => response.writeHead(204).end()],
  ]
  for (const [title, answer] of oddities) {
    test(title, async (t) => {
      const fake = await fakeEngine(t)
      for (const path of [
        '/version',
        '/containers/json',
        `/containers/${ID}/json`,
        '/networks',
        `/containers/${ID}/top`,
      ]) {
        fake.on(`GET ${path}`, answer)
      }
      fake.on(`POST /containers/${ID}/exec`, answer)
      const engine = await connect(t, fake)
      assert.equal((await engine.version()).version, '')
      assert.deepEqual(await engine.list(true), [])
      assert.equal(await engine.inspect(ID), undefined)
      assert.ok((await engine.networks()).every(({ name }) => name === ''))
      assert.deepEqual(await engine.processIds(ID), [])
      assert.equal(await engine.execute(ID, ['true']), undefined)
    })
  }

  const refusals: [string, Answer, RegExp][] = [
    ['with a reason', json({ message: 'out of\ncheese' }, 500), /refuses GET \/containers\/json: out of cheese$/],
    ['with text', json('plain', 500), /: plain$/],
    ['without a word', json('', 503), /: 503 Service Unavailable$/],
    ['with a long story', json('x'.repeat(100_000), 500), /: x{400}$/],
    ['with an odd reason', json({ message: { a: 1 } }, 500), /: \{"message":\{"a":1\}\}$/],
    ['with null', json('null', 500), /: null$/],
    ['by a proxy', json('Forbidden', 403), /forbids GET \/containers\/json: Forbidden$/],
    ['by sending elsewhere', (r) => r.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end(), /302 Found$/],
    [
      'half way',
      (r) => r.writeHead(200, { 'Content-Length': 99 }).write('[', () => r.destroy()),
      /ended the connection$/,
    ],
  ]
  for (const [title, answer, message] of refusals) {
    test(`refused ${title}`, async (t) => {
      const fake = await fakeEngine(t)
      fake.on('GET /containers/json', answer)
      assert.match((await refused((await connect(t, fake)).list(true))).message, message)
    })
  }

  test('an answer that does not end', async (t) => {
    const fake = await fakeEngine(t)
    fake.on('GET /containers/json', (response) => response.writeHead(200).write('['))
    const engine = await connect(t, fake, { answerMillis: 300 })
    assert.match(
      (await refused(engine.list(true))).message,
      /does not answer: no answer in 0\.3 s to GET \/containers\/json/,
    )
  })

  test('an answer that is too large', async (t) => {
    const fake = await fakeEngine(t)
    const chunk = Buffer.alloc(1 << 20, ' ')
    fake.on('GET /containers/json', (response) => {
      const more = () => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', more)
      }
      more()
    })
    assert.match((await refused((await connect(t, fake)).list(true))).message, /its answer is too large/)
  })
})

describe('calls', () => {
  test('what is no name is not asked for', async (t) => {
    const fake = await fakeEngine(t)
    const engine = await connect(t, fake)
    for (const name of ['', '../version', 'a/b', 'a?b', 'a b', '%2e', 'ä', '*']) {
      assert.equal(await engine.inspect(name), undefined)
    }
    assert.deepEqual(fake.log, [])
  })

  test('an id of the engine that is none stays one part of the path', async (t) => {
    const fake = await fakeEngine(t)
    await (await connect(t, fake)).processIds('../../x?y#z')
    assert.deepEqual(fake.log, ['GET /containers/..%2F..%2Fx%3Fy%23z/top'])
  })

  test('images by name', async (t) => {
    const fake = await fakeEngine(t)
    fake
      .on('GET /images/ghcr.io/a/b%3A1/json', json({ Id: 'sha256:1' }))
      .on('GET /images/a/json', json({ message: '' }, 404))
    const engine = await connect(t, fake)
    assert.equal(await engine.hasImage('ghcr.io/a/b:1'), true)
    assert.equal(await engine.hasImage('a'), false)
  })

  test('an idle connection that the engine has closed', async (t) => {
    const fake = await fakeEngine(t)
    fake.on('GET /containers/json', json([]))
    const engine = await connect(t, fake)
    for (let round = 0; round < 20; round++) {
      await Promise.all([engine.list(true), engine.list(true), engine.list(true)])
      fake.server.closeIdleConnections()
    }
  })

  test('an engine that comes again', async (t) => {
    const fake = await fakeEngine(t)
    fake.on('GET /containers/json', json([]))
    const engine = await connect(t, fake)
    await fake.shutDown()
    assert.match((await refused(engine.list(true))).message, /no socket|nothing listens|ended the connection/)
    await fake.listen()
    assert.deepEqual(await engine.list(true), [])
  })

  test('after the end nothing is left that keeps the engine', async (t) => {
    const fake = await fakeEngine(t)
    fake.on('GET /containers/json', () => {})
    const engine = await connect(t, fake)
    const waiting = refused(engine.list(true))
    await new Promise((resolve) => setImmediate(resolve))
    await engine.close()
    await engine.close()
    await waiting
    await new Promise((resolve) => fake.server.close(resolve))
  })

  test("Podman's list is completed by inspection", async (t) => {
    const fake = await fakeEngine(t)
    const gone = 'b'.repeat(64)
    fake.on(
      'GET /containers/json',
      json([
        { Id: ID, Names: ['/w'] },
        { Id: gone, Names: ['/g'] },
      ]),
    )
    fake.on(`GET /containers/${ID}/json`, json({ Id: ID, Name: 'w', HostConfig: { NetworkMode: 'host' } }))
    const list = await (await connect(t, fake)).list(true)
    assert.deepEqual(
      list.map(({ name, networkMode }) => [name, networkMode]),
      [
        ['w', 'host'],
        ['g', ''],
      ],
    )
  })
})

/** A piece of a container's output. */
function piece(kind: number, text: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = kind
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

describe('a command in a container', () => {
  async function run(t: TestContext, output: readonly Buffer[], exits: readonly object[]): Promise<string | undefined> {
    const fake = await fakeEngine(t)
    const left = [...exits]
    fake.on(`POST /containers/${ID}/exec`, json({ Id: 'e1' }, 201))
    fake.on('POST /exec/e1/start', (response) => {
      for (const each of output) response.write(each)
      response.end()
    })
    fake.on('GET /exec/e1/json', (response, request) => json(left.shift() ?? {})(response, request))
    const answer = await (await connect(t, fake)).execute(ID, ['cat', '/sys/class/net/eth0/iflink'])
    const body = JSON.parse(fake.requests[0]!.body)
    assert.deepEqual(body, { AttachStdout: true, AttachStderr: true, Cmd: ['cat', '/sys/class/net/eth0/iflink'] })
    return answer
  }
  const done = { Running: false, ExitCode: 0 }

  test('its output', async (t) => {
    assert.equal(await run(t, [piece(2, 'oops'), piece(1, 'a'), piece(1, 'ä\n'), piece(2, 'no')], [done]), 'aä\n')
  })
  test('nothing', async (t) => assert.equal(await run(t, [], [done]), ''))
  test('that takes a while to be over', async (t) => {
    assert.equal(await run(t, [piece(1, '7')], [{ Running: true, ExitCode: null }, done]), '7')
  })
  test('that fails', async (t) =>
    assert.equal(await run(t, [piece(1, '7')], [{ Running: false, ExitCode: 1 }]), undefined))
  test('of which nothing is known', async (t) => assert.equal(await run(t, [piece(1, '7')], [{}]), undefined))
  test('with too much output', async (t) => {
    assert.equal(await run(t, [piece(1, 'x'.repeat(100_000))], [done]), undefined)
  })
  test('with output that is none', async (t) => {
    const fake = await fakeEngine(t)
    fake.on(`POST /containers/${ID}/exec`, json({ Id: 'e1' }, 201))
    fake.on('POST /exec/e1/start', (response) => response.end('plain text'))
    await refused((await connect(t, fake)).execute(ID, ['x']))
  })
  for (const status of [400, 404, 409, 500]) {
    test(`that cannot be begun (${status})`, async (t) => {
      const fake = await fakeEngine(t)
      fake.on(`POST /containers/${ID}/exec`, json({ Id: 'e1' }, 201))
      fake.on('POST /exec/e1/start', json({ message: 'no' }, status))
      const engine = await connect(t, fake)
      assert.equal(await engine.execute(ID, ['x']), undefined)
      assert.equal(await engine.execute('b'.repeat(64), ['x']), undefined)
    })
  }
})
