import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  checkBrokerCommand,
  checkGreeting,
  LineReader,
  MAXIMUM_LINE_CHARACTERS,
} from '../../src/capture/broker-messages.ts'
import { captureKind } from '../../src/capture/broker-requests/capture.ts'
import { capabilitiesOf, requestKind } from '../../src/capture/broker-requests.ts'
import {
  type CaptureRequest,
  checkCaptureRequest,
  formatCaptureEnd,
  parseCaptureEnd,
} from '../../src/capture/capture-request.ts'

const GOOD: CaptureRequest = {
  interfaceName: 'br-1a2b3c',
  filter: "tcp port 80 or (ip6 and host 'example')",
  snapshotBytes: 262_144,
  kernelBufferBytes: 1 << 21,
  bufferTimeoutMillis: 0,
  promiscuous: false,
}

test('a good request passes as it is, also through JSON', () => {
  assert.deepEqual(checkCaptureRequest(JSON.parse(JSON.stringify(GOOD))), GOOD)
  for (const interfaceName of ['any', 'nflog:4', 'eth0.100', 'veth@if3', 'bluetooth-monitor']) {
    assert.deepEqual(checkCaptureRequest({ ...GOOD, interfaceName }), { ...GOOD, interfaceName })
  }
})

test('place and description may be there', () => {
  for (const labels of [
    { place: 'web' },
    { description: 'web on docker0' },
    { place: 'ü'.repeat(256), description: '' },
  ]) {
    assert.deepEqual(checkCaptureRequest({ ...GOOD, ...labels }), { ...GOOD, ...labels })
  }
})

test('everything else is refused', () => {
  const bad: [string, unknown][] = [
    ['no object', undefined],
    ['no object', null],
    ['no object', 'eth0'],
    ['no object', [GOOD]],
    ['wrong fields', {}],
    ['wrong fields', { ...GOOD, dumpPath: '/etc/shadow' }],
    ['interface', { ...GOOD, interfaceName: '' }],
    ['interface', { ...GOOD, interfaceName: '../../dev/sda' }],
    ['interface', { ...GOOD, interfaceName: 'rpcap://host/eth0' }],
    ['interface', { ...GOOD, interfaceName: 'eth0\nx' }],
    ['interface', { ...GOOD, interfaceName: 'eth0\0' }],
    ['interface', { ...GOOD, interfaceName: 'x'.repeat(65) }],
    ['interface', { ...GOOD, interfaceName: { toString: () => 'eth0' } }],
    ['filter', { ...GOOD, filter: 'tcp\0' }],
    ['filter', { ...GOOD, filter: 'x'.repeat(70_000) }],
    ['filter', { ...GOOD, filter: 80 }],
    ['snapshot length', { ...GOOD, snapshotBytes: 0 }],
    ['snapshot length', { ...GOOD, snapshotBytes: 262_145 }],
    ['snapshot length', { ...GOOD, snapshotBytes: 1.5 }],
    ['snapshot length', { ...GOOD, snapshotBytes: '64' }],
    ['kernel buffer', { ...GOOD, kernelBufferBytes: 2 ** 31 }],
    ['kernel buffer', { ...GOOD, kernelBufferBytes: Number.NaN }],
    ['buffer timeout', { ...GOOD, bufferTimeoutMillis: -1 }],
    ['promiscuous', { ...GOOD, promiscuous: 1 }],
    ['place', { ...GOOD, place: 7 }],
    ['place', { ...GOOD, place: undefined }],
    ['place', { ...GOOD, place: 'x'.repeat(257) }],
    ['description', { ...GOOD, description: 'a\nb' }],
    ['description', { ...GOOD, place: 'web', description: '\x1b[31m' }],
    ['wrong fields', { ...GOOD, place: 'web', more: 1 }],
  ]
  for (const [part, value] of bad) {
    const result = checkCaptureRequest(value)
    assert.equal(typeof result, 'string', JSON.stringify(value))
    assert.match(result as string, new RegExp(part))
  }
})

test('a greeting counts with the right token only', () => {
  const token = 'ab'.repeat(32)
  assert.deepEqual(checkGreeting({ token, control: true, more: 1 }, token), { token, control: true })
  const ask = { id: 1, type: 'open-interface', request: GOOD }
  assert.deepEqual(checkGreeting({ token, ask }, token), { token, ask })
  for (const wrong of ['', 'ab', `${token} `, token.toUpperCase(), undefined, 7, null, [token]]) {
    assert.equal(checkGreeting({ token: wrong, control: true }, token), undefined)
  }
  for (const other of [undefined, null, [], {}, { token }, { token, control: 1 }, { token, ask: { id: 1 } }]) {
    assert.equal(checkGreeting(other, token), undefined)
  }
})

test('the broker takes its commands and nothing else', () => {
  for (const type of ['stop', 'kill'] as const) {
    assert.deepEqual(checkBrokerCommand({ type, id: 7, request: 'ignored' }), { type, id: 7 })
  }
  const ask = { id: 1, type: 'anything', request: { a: 1 } }
  assert.deepEqual(checkBrokerCommand({ ask }), { ask })
  for (const id of [0, -1, 1.5, '1', undefined, Number.NaN]) {
    assert.equal(checkBrokerCommand({ type: 'kill', id }), undefined)
    assert.equal(checkBrokerCommand({ ask: { ...ask, id } }), undefined)
  }
  assert.equal(checkBrokerCommand({ type: 'exec', id: 1 }), undefined)
})

test('a capture is asked for by its kind: a broker that may open interfaces enters no namespace', () => {
  const inside = { ...GOOD, namespace: { pid: 1, inode: '4026531840' } }
  const ofQueue = { ...GOOD, interfaceName: 'nflog:4' }
  for (const [type, request] of [
    ['open-interface', GOOD],
    ['enter-namespace', inside],
    ['open-netfilter-queue', ofQueue],
  ] as const) {
    assert.equal(captureKind(request), type)
    for (const other of [GOOD, inside, ofQueue]) {
      assert.equal(typeof requestKind(type)?.check(other), other === request ? 'object' : 'string')
    }
    assert.match(requestKind(type)?.check({ ...request, filter: 1 }) as string, /filter/)
  }
  assert.equal(requestKind('exec'), undefined)
  assert.deepEqual(capabilitiesOf(['open-interface']), ['net_raw'])
})

test('lines arrive in pieces; one that does not end is not kept', () => {
  const reader = new LineReader()
  assert.deepEqual(reader.push('{"a"'), [])
  assert.deepEqual(reader.push(':1}\nnonsense\n[2]\n{'), [{ a: 1 }, undefined, [2]])
  assert.equal(reader.push('x'.repeat(MAXIMUM_LINE_CHARACTERS)), 'too long')
})

test('whatever comes, checking does not throw, and what passes has just the known fields', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (value, part) => {
      for (const each of [value, { ...GOOD, interfaceName: part }, { ...GOOD, snapshotBytes: part }]) {
        const checked = checkCaptureRequest(each)
        if (typeof checked !== 'string') assert.deepEqual(Object.keys(checked), Object.keys(GOOD))
      }
      checkBrokerCommand(value)
      checkBrokerCommand({ ask: { id: part, type: 'open-interface', request: value } })
      checkGreeting(value, 'token')
      checkGreeting({ token: 'token', control: part, ask: value }, 'token')
    }),
    { seed: 11 },
  )
})

test("a child's last word survives what was printed before it, and nothing else is taken for it", () => {
  const end = { code: 'bad-filter', message: 'syntax "error"\n', interfaceNames: ['lo'] } as const
  assert.deepEqual(parseCaptureEnd(`warning: x\n${formatCaptureEnd(end)}`), end)
  assert.equal(parseCaptureEnd(''), undefined)
  assert.equal(parseCaptureEnd('Segmentation fault\n'), undefined)
  assert.equal(parseCaptureEnd('{"code":"bad-fil'), undefined)
})
