import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteCache } from '../../src/protocol/byte-cache.ts'

test('a cache of any size gives what was made of the same bytes, and of no others', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\xff', '\0'), maxLength: 5 })
  // the same longer beginning or ending: only one of them decides on the place
  const padded = fc
    .tuple(text, fc.constantFrom('', 'x'.repeat(40)), fc.boolean())
    .map(([short, padding, before]) => (before ? padding + short : short + padding))
  fc.assert(
    fc.property(fc.array(padded, { maxLength: 60 }), fc.constantFrom(1, 2, 16), (texts, places) => {
      const cache = new ByteCache<string>(places)
      for (const wanted of texts) {
        const buf = Buffer.from(`>${wanted}<`, 'latin1')
        const found = cache.find(buf, 1, buf.length - 1)
        assert.equal(found ?? `made of ${wanted}`, `made of ${wanted}`)
        if (found === undefined) cache.keep(wanted, `made of ${wanted}`)
        assert.equal(cache.find(buf, 1, buf.length - 1), `made of ${wanted}`)
      }
    }),
    { seed: 413 },
  )
})
