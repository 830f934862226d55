// Which engine is meant: what is said, in the order in which it counts.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import type { AddressFiles } from '../../src/container/address-files.ts'
import { type EngineAddress, findEngineAddress } from '../../src/container/engine-address.ts'
import { OperatorError } from '../../src/core/errors.ts'

type Tree = Readonly<Record<string, string>>

const NONE: Tree = {}

function filesOf(tree: Tree): AddressFiles {
  return {
    read(path) {
      if (tree[path] === 'unreadable') throw Object.assign(new Error('EACCES: no'), { code: 'EACCES' })
      return tree[path]
    },
    exists: (path) => path in tree,
  }
}

function find(dockerHost: string | undefined, env: Record<string, string>, tree: Tree = NONE): EngineAddress {
  return findEngineAddress(dockerHost, env, filesOf(tree))
}

/** The files of a context as `docker context create` writes them. */
function contextTree(folder: string, name: string, endpoint: object, certificates: readonly string[] = []): Tree {
  const key = createHash('sha256').update(name).digest('hex')
  const meta = { Name: name, Metadata: {}, Endpoints: { docker: endpoint } }
  const tree: Record<string, string> = { [`${folder}/contexts/meta/${key}/meta.json`]: JSON.stringify(meta) }
  for (const each of certificates) tree[`${folder}/contexts/tls/${key}/docker/${each}.pem`] = `${each} of ${name}`
  return tree
}

function refused(call: () => unknown): OperatorError {
  try {
    call()
  } catch (error) {
    assert.ok(error instanceof OperatorError, String(error))
    return error
  }
  throw new assert.AssertionError({ message: 'it was accepted' })
}

describe('the spelling of an address', () => {
  const rows: [string, string, object][] = [
    ['unix:///run/x.sock', 'unix:///run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
    ['/run/x.sock', 'unix:///run/x.sock', { kind: 'unix', path: '/run/x.sock' }],
    ['unix:///run/with space', 'unix:///run/with space', { kind: 'unix', path: '/run/with space' }],
    ['tcp://build1', 'tcp://build1:2375', { kind: 'tcp', host: 'build1', port: 2375, tls: undefined }],
    ['tcp://build1:80/', 'tcp://build1:80', { kind: 'tcp', host: 'build1', port: 80 }],
    ['build1:2375', 'tcp://build1:2375', { kind: 'tcp', host: 'build1', port: 2375 }],
    ['TCP://build1:2375', 'tcp://build1:2375', { kind: 'tcp', host: 'build1', port: 2375 }],
    ['tcp://[::1]:2375', 'tcp://[::1]:2375', { kind: 'tcp', host: '::1', port: 2375 }],
    ['http://build1', 'http://build1:80', { kind: 'tcp', port: 80, tls: undefined }],
    ['https://build1', 'https://build1:443', { kind: 'tcp', port: 443 }],
    ['ssh://build1', 'ssh://build1', { kind: 'ssh', user: '', host: 'build1', port: 0, path: '' }],
    ['ssh://me@build1:2222', 'ssh://me@build1:2222', { kind: 'ssh', user: 'me', host: 'build1', port: 2222, path: '' }],
    ['ssh://me%2Btoo@[::1]/run/a%20b', 'ssh://me+too@[::1]/run/a b', { user: 'me+too', host: '::1', path: '/run/a b' }],
  ]
  for (const [text, name, expected] of rows) {
    test(text, () => {
      const address = find(text, {})
      assert.equal(address.name, name)
      assert.equal(address.origin, '--docker-host')
      assert.deepEqual({ ...address, ...expected }, address)
    })
  }

  for (const text of [
    'unix://run/x.sock',
    'unix://',
    'tcp://',
    'tcp://build1:99999',
    'tcp://build1:x',
    'tcp://build1/path',
    'tcp://build1?x=y',
    'npipe:////./pipe/docker_engine',
    'fd://',
    'ssh://',
    'ssh://-oProxyCommand=id',
    'ssh://-lroot@build1',
    'ssh://%@build1',
    'two words',
    '',
  ]) {
    test(`not ${JSON.stringify(text)}`, () => {
      const { message, hint } = refused(() => find(text, {}))
      assert.ok(message.includes('--docker-host') && message.includes(text) && hint !== undefined)
    })
  }

  test('no password', () => {
    const { message } = refused(() => find('ssh://me:secret@build1', {}))
    assert.ok(message.includes('password') && !message.includes('secret'))
  })
})

describe('what counts', () => {
  const home = '/home/me/.docker'
  const context = {
    ...contextTree(home, 'build', { Host: 'tcp://of-context:1' }),
    ...contextTree(home, 'other', { Host: 'ssh://of-other' }),
    [`${home}/config.json`]: '{"auths": {}, "currentContext": "build"}',
  }
  const env = { HOME: '/home/me' }
  const rows: [string, string | undefined, Record<string, string>, Tree, string, string][] = [
    ['the flag', 'tcp://flag:1', { ...env, DOCKER_HOST: 'tcp://env:1' }, context, 'tcp://flag:1', '--docker-host'],
    ['DOCKER_HOST', undefined, { ...env, DOCKER_HOST: 'tcp://env:1' }, context, 'tcp://env:1', 'DOCKER_HOST'],
    [
      'DOCKER_HOST before DOCKER_CONTEXT',
      undefined,
      { ...env, DOCKER_HOST: 'tcp://env:1', DOCKER_CONTEXT: 'other' },
      context,
      'tcp://env:1',
      'DOCKER_HOST',
    ],
    ['DOCKER_CONTEXT', undefined, { ...env, DOCKER_CONTEXT: 'other' }, context, 'ssh://of-other', 'context "other"'],
    [
      'an empty DOCKER_HOST is none',
      undefined,
      { ...env, DOCKER_HOST: '' },
      context,
      'tcp://of-context:1',
      'context "build"',
    ],
    ['currentContext', undefined, env, context, 'tcp://of-context:1', 'context "build"'],
    [
      'context default is none',
      undefined,
      { ...env, DOCKER_CONTEXT: 'default' },
      { ...context, '/var/run/docker.sock': '' },
      'unix:///var/run/docker.sock',
      '',
    ],
    [
      'DOCKER_CONFIG',
      undefined,
      { ...env, DOCKER_CONFIG: '/etc/d', DOCKER_CONTEXT: 'c' },
      contextTree('/etc/d', 'c', { Host: 'unix:///c' }),
      'unix:///c',
      'context "c"',
    ],
    [
      'Docker before Podman',
      undefined,
      { XDG_RUNTIME_DIR: '/run/user/1' },
      { '/var/run/docker.sock': '', '/run/user/1/docker.sock': '', '/run/podman/podman.sock': '' },
      'unix:///var/run/docker.sock',
      '',
    ],
    [
      'rootless Docker',
      undefined,
      { XDG_RUNTIME_DIR: '/run/user/1' },
      { '/run/user/1/docker.sock': '', '/run/user/1/podman/podman.sock': '' },
      'unix:///run/user/1/docker.sock',
      '',
    ],
    [
      'rootless Podman',
      undefined,
      { XDG_RUNTIME_DIR: '/run/user/1' },
      { '/run/user/1/podman/podman.sock': '', '/run/podman/podman.sock': '' },
      'unix:///run/user/1/podman/podman.sock',
      '',
    ],
    ['Podman', undefined, {}, { '/run/podman/podman.sock': '' }, 'unix:///run/podman/podman.sock', ''],
    ['nothing at all', undefined, {}, NONE, 'unix:///var/run/docker.sock', ''],
    [
      'nothing at all, with a folder',
      undefined,
      { XDG_RUNTIME_DIR: '/run/user/1' },
      NONE,
      'unix:///var/run/docker.sock',
      '',
    ],
  ]
  for (const [title, flag, environment, tree, name, origin] of rows) {
    test(title, () => {
      const address = find(flag, environment, tree)
      assert.deepEqual([address.name, address.origin], [name, origin])
    })
  }
})

describe('contexts that cannot be used', () => {
  const env = { HOME: '/h', DOCKER_CONTEXT: 'c' }
  const meta = Object.keys(contextTree('/h/.docker', 'c', {}))[0]!

  test('missing', () => {
    const { message, hint } = refused(() => find(undefined, env))
    assert.match(message, /no Docker context "c"/)
    assert.match(hint!, /DOCKER_CONTEXT asks/)
    const tree = { '/h/.docker/config.json': '{"currentContext": "gone"}' }
    assert.match(refused(() => find(undefined, { HOME: '/h' }, tree)).hint!, /config\.json/)
  })

  for (const [title, text] of [
    ['not JSON', 'x'],
    ['empty', ''],
    ['null', 'null'],
    ['no endpoints', '{}'],
    ['endpoint of another kind', '{"Endpoints": {"kubernetes": {"Host": "x"}}}'],
    ['no string', '{"Endpoints": {"docker": {"Host": 7}}}'],
    ['no address', '{"Endpoints": {"docker": {"Host": "nowhere://"}}}'],
  ] as const) {
    test(title, () => {
      refused(() => find(undefined, env, { [meta]: text }))
    })
  }

  test('unreadable', () => {
    assert.match(refused(() => find(undefined, env, { [meta]: 'unreadable' })).message, /permission denied/)
    assert.match(
      refused(() => find(undefined, { HOME: '/h' }, { '/h/.docker/config.json': 'unreadable' })).message,
      /cannot read \/h\/\.docker\/config\.json: permission denied/,
    )
  })

  test('config.json that says nothing of contexts', () => {
    for (const text of ['{}', '[]', 'null', '{"currentContext": 7}', '{"currentContext": ""}']) {
      assert.equal(find(undefined, { HOME: '/h' }, { '/h/.docker/config.json': text }).origin, '')
    }
    refused(() => find(undefined, { HOME: '/h' }, { '/h/.docker/config.json': '{' }))
  })
})

describe('TLS', () => {
  const tree = {
    '/certs/ca.pem': 'ca',
    '/certs/cert.pem': 'cert',
    '/certs/key.pem': 'key',
    '/h/.docker/ca.pem': 'ca at home',
  }
  const all = { ca: 'ca', cert: 'cert', key: 'key' }
  const home = { ca: 'ca at home', cert: undefined, key: undefined }
  const none = { ca: undefined, cert: undefined, key: undefined }
  const rows: [string, Record<string, string>, object | undefined, number][] = [
    ['none asked for', {}, undefined, 2375],
    ['verified', { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' }, { ...all, verify: true }, 2376],
    ['a folder alone', { DOCKER_CERT_PATH: '/certs' }, { ...all, verify: true }, 2376],
    ['at home', { DOCKER_TLS_VERIFY: '1', HOME: '/h' }, { ...home, verify: true }, 2376],
    ['the system has it', { DOCKER_TLS_VERIFY: '1' }, { ...none, verify: true }, 2376],
    ['unverified', { DOCKER_TLS: '1', DOCKER_CERT_PATH: '/certs' }, { ...all, verify: false }, 2376],
    ['both', { DOCKER_TLS: '1', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' }, { ...all, verify: true }, 2376],
  ]
  for (const [title, env, expected, port] of rows) {
    test(title, () => {
      for (const address of [find('tcp://b', env, tree), find(undefined, { ...env, DOCKER_HOST: 'tcp://b' }, tree)]) {
        assert.ok(address.kind === 'tcp')
        assert.deepEqual(address.tls, expected)
        assert.equal(address.port, port)
      }
    })
  }

  test('https without certificates is verified', () => {
    const address = find('https://b', {}, tree)
    assert.ok(address.kind === 'tcp')
    assert.deepEqual(address.tls, { ...none, verify: true })
  })

  test('a folder without certificates', () => {
    assert.match(refused(() => find('tcp://b', { DOCKER_CERT_PATH: '/nowhere' }, tree)).message, /\/nowhere/)
    const unreadable = { '/certs/ca.pem': 'unreadable' }
    assert.match(refused(() => find('tcp://b', { DOCKER_CERT_PATH: '/certs' }, unreadable)).message, /ca\.pem/)
  })

  test('a socket needs none', () => {
    assert.equal(find('unix:///x', { DOCKER_CERT_PATH: '/nowhere' }, tree).kind, 'unix')
  })

  test("a context's own, and nothing of the environment", () => {
    const env = { HOME: '/h', DOCKER_CONTEXT: 'c', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' }
    const cases: [object, string[], object | undefined][] = [
      [{}, ['ca', 'cert', 'key'], { ca: 'ca of c', cert: 'cert of c', key: 'key of c', verify: true }],
      [{}, ['ca'], { ...none, ca: 'ca of c', verify: true }],
      [{ SkipTLSVerify: false }, [], undefined],
      [{ SkipTLSVerify: true }, [], { ...none, verify: false }],
    ]
    for (const [endpoint, certificates, expected] of cases) {
      const files = contextTree('/h/.docker', 'c', { Host: 'tcp://b', ...endpoint }, certificates)
      const address = find(undefined, env, { ...tree, ...files })
      assert.ok(address.kind === 'tcp')
      assert.deepEqual(address.tls, expected)
    }
  })
})
