import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BindingSession, CaptureFailure, linkTypeNumber, openCapture } from '../../src/capture/capture-open.ts'
import type { CaptureEndCode, CaptureRequest } from '../../src/capture/capture-request.ts'

const REQUEST: CaptureRequest = {
  interfaceName: 'lo',
  filter: 'tcp',
  snapshotBytes: 100,
  kernelBufferBytes: 1 << 20,
  bufferTimeoutMillis: 20,
  promiscuous: true,
}

/** A libpcap that refuses as told; `refuse` sees the filter and whether promiscuous mode is asked for. */
function binding(refuse: (filter: string, promiscuous: boolean) => string | undefined) {
  const opened: { filter: string; promiscuous: boolean }[] = []
  class PcapSession implements BindingSession {
    read_callback = () => {}
    open_live(...args: Parameters<BindingSession['open_live']>): string {
      const [filter, promiscuous] = [args[1], args[9]]
      const message = refuse(filter, promiscuous)
      if (message !== undefined) throw new Error(message)
      opened.push({ filter, promiscuous })
      return 'LINKTYPE_ETHERNET'
    }
    dispatch(): number {
      return 0
    }
    start_polling(): void {}
    stats() {
      return { ps_recv: 0, ps_drop: 0, ps_ifdrop: 0 }
    }
  }
  return { PcapSession, opened }
}

function failure(message: string, changes: Partial<CaptureRequest> = {}): CaptureEndCode {
  try {
    openCapture(
      binding(() => message),
      { ...REQUEST, ...changes },
      () => {},
    )
  } catch (error) {
    assert.ok(error instanceof CaptureFailure)
    return error.code
  }
  throw new Error('it opened')
}

test('opens as asked', () => {
  const pcap = binding(() => undefined)
  assert.equal(openCapture(pcap, REQUEST, () => {}).linkType, 1)
  assert.deepEqual(pcap.opened, [{ filter: 'tcp', promiscuous: true }])
})

test('never asks for promiscuous mode on `any`', () => {
  const pcap = binding(() => undefined)
  openCapture(pcap, { ...REQUEST, interfaceName: 'any' }, () => {})
  assert.deepEqual(pcap.opened, [{ filter: 'tcp', promiscuous: false }])
})

test('does without promiscuous mode where only that is refused', () => {
  const pcap = binding((_filter, promiscuous) => (promiscuous ? 'promiscuous mode not supported' : undefined))
  openCapture(pcap, REQUEST, () => {})
  assert.deepEqual(pcap.opened, [{ filter: 'tcp', promiscuous: false }])
})

test('blames the filter when it opens without one', () => {
  const pcap = binding((filter) => (filter === '' ? undefined : 'some new wording'))
  assert.throws(
    () => openCapture(pcap, REQUEST, () => {}),
    (error) => error instanceof CaptureFailure && error.code === 'bad-filter' && error.message === 'some new wording',
  )
})

test('tells the usual refusals apart', () => {
  assert.equal(failure('socket: Operation not permitted'), 'permission')
  assert.equal(failure('Attempt to create packet socket failed - CAP_NET_RAW may be required'), 'permission')
  assert.equal(failure('socket: Operation not permitted', { interfaceName: 'nflog:4' }), 'permission')
  assert.equal(failure('socket: Operation not permitted', { interfaceName: 'nosuch7' }), 'no-such-interface')
  assert.equal(failure('No such device exists'), 'no-such-interface')
  assert.equal(failure('That device is not up'), 'interface-down')
  assert.equal(failure('out of memory'), 'failed')
  assert.equal(failure(''), 'failed')
})

test('link types by the names that the pcap package gives', () => {
  assert.equal(linkTypeNumber('LINKTYPE_NULL'), 0)
  assert.equal(linkTypeNumber('LINKTYPE_RAW'), 101)
  assert.equal(linkTypeNumber('LINKTYPE_LINUX_SLL'), 113)
  assert.equal(linkTypeNumber('LINKTYPE_IEEE802_11_RADIO'), 127)
  assert.equal(linkTypeNumber('Unknown linktype 276'), 276)
  assert.equal(linkTypeNumber('Unknown linktype 11'), 100)
  assert.throws(() => linkTypeNumber('LINKTYPE_NEW'), CaptureFailure)
})
