// Default names as bytes are the names that the template gives.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Connection, Stream } from '../../../src/core/connection.ts'
import { Endpoint } from '../../../src/core/endpoint.ts'
import { compileNameTemplate, DEFAULT_NAME_TEMPLATE } from '../../../src/output/names/flow-name.ts'
import { DEFAULT_NAME_BYTES, putDefaultName } from '../../../src/output/names/flow-name-bytes.ts'

function connection(family: 4 | 6, client: [number, number], server: [number, number]): Connection {
  const end = ([word, port]: [number, number]) => new Endpoint(family, 0, 0, 0, word, port)
  return new Connection(end(client), end(server), new Stream(), new Stream())
}

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const port = fc.integer({ min: 0, max: 65535 })

test('an IPv4 flow is put as the template names it, both ways', () => {
  const namer = compileNameTemplate(DEFAULT_NAME_TEMPLATE)
  const into = Buffer.alloc(100, 'x')
  fc.assert(
    fc.property(word, port, word, port, (a, aPort, b, bPort) => {
      const c = connection(4, [a, aPort], [b, bPort])
      for (const d of [0, 1] as const) {
        const end = putDefaultName(c, d, into, 7)
        assert.equal(into.toString('latin1', 7, end), namer.name(c, d))
        assert.equal(end - 7, DEFAULT_NAME_BYTES)
      }
    }),
    { seed: 11, numRuns: 500 },
  )
})

test('other forms are left to the template, and nothing is put', () => {
  const into = Buffer.alloc(64, 'x')
  const tagged = connection(4, [1, 1], [2, 2])
  tagged.vlanId = 5
  const later = connection(4, [1, 1], [2, 2])
  later.occurrence = 1
  for (const c of [connection(6, [1, 1], [2, 2]), tagged, later]) assert.equal(putDefaultName(c, 0, into, 0), -1)
  assert.equal(into.toString(), 'x'.repeat(64))
})
