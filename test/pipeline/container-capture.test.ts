// Captures of containers come and go: with a launcher whose children say nothing but that they listen.

import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { target } from '../../src/container/find-targets.ts'
import { PlaceTable } from '../../src/core/places.ts'
import { ContainerCapture } from '../../src/pipeline/container-capture.ts'
import { FakeEngine, FakeView } from '../container/container-scene.ts'

// What a capture needs of the rest of the program, as far as this is about opening and closing.
// biome-ignore lint/suspicious/noExplicitAny: stand-ins for classes with private fields
type StandIn = any

class Children {
  started = 0
  readonly launcher: StandIn = {
    launch: async () => {
      this.started++
      const data = new PassThrough()
      let end: (exit: StandIn) => void = () => {}
      const exited = new Promise((resolve) => {
        end = resolve
      })
      const stop = () => {
        data.end()
        end({ code: 0, signal: null, stderr: '' })
      }
      // the first bytes are what says that it listens
      data.write(Buffer.alloc(100, 'x'))
      return { data, exited, stop, kill: stop }
    },
    close: async () => {},
  }
}

test('a capture that ends by itself while it is on its way out takes nothing away from its successor', async () => {
  const children = new Children()
  const capture = new ContainerCapture(
    {
      plan: { filter: '' },
      input: { interfaces: [], snapshotBytes: 65535, kernelBufferBytes: 1, bufferTimeoutMillis: 1, promiscuous: false },
      containers: { containers: [], services: [], labels: [], networks: [], pods: [], wait: true },
      launcher: children.launcher,
      places: new PlaceTable(),
      env: {},
    } as StandIn,
    new FakeEngine(),
    new FakeView(),
  )
  const feeds: StandIn[] = []
  const merge: StandIn = { add: (feed: StandIn) => feeds.push(feed), want() {}, close() {} }
  const buffers: StandIn = { feedOf: (source: StandIn) => ({ source, reader: {} }), giveBack() {} }
  const messages: StandIn = { info() {}, error() {} }
  await capture.begin(merge, buffers, messages, () => {})
  const wanted = target({ key: 'host x', way: 'host', label: 'x', interfaceName: 'any', containers: ['x'] })
  const fed = async (count: number) => {
    for (const deadline = performance.now() + 10_000; feeds.length < count; await sleep(5)) {
      assert.ok(performance.now() < deadline, `${feeds.length} captures of ${count}`)
    }
  }

  capture.onTargets([wanted])
  await fed(1)
  capture.onTargets([])
  await sleep(20)
  capture.feedEnded(feeds[0], undefined)
  capture.onTargets([wanted])
  await fed(2)
  // longer than anything is given to say its last
  await sleep(600)
  capture.onTargets([wanted])
  await sleep(100)
  assert.equal(children.started, 2, 'the successor is not known any more')
  assert.equal(feeds.length, 2)
  await feeds[1].source.close()
})
