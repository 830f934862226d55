import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { requestLineOf } from '../../../src/protocol/http/http-request-line.ts'

/** As UTF-8 if it is that. */
function readable(latin1: string): string {
  const text = Buffer.from(latin1, 'latin1').toString('utf8')
  return text.includes('\ufffd') ? latin1 : text
}

test('method, target and names are those of the bytes, whatever lines came before', () => {
  const method = fc.constantFrom('GET', 'POST', 'M-SEARCH', 'CCM_POST', 'GETT')
  const target = fc.oneof(
    fc.string({ unit: fc.constantFrom('/', 'a', '?', ' ', '1', '\xc3', '\xbc', '\xff'), maxLength: 12 }),
    fc.constantFrom('/users/1?page=2', '/users/2?page=2', '*', '', `/${'long'.repeat(300)}?query`),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(method, target), { maxLength: 20 }), (lines) => {
      for (const [method, sent] of lines) {
        const buf = Buffer.from(`\n${method} ${sent} HTTP/1.1`, 'latin1')
        const target = sent.replace(/^ +/, '')
        const line = requestLineOf(buf, 1, 1 + method.length, buf.length - ' HTTP/1.1'.length)
        const path = readable(target.split('?')[0]!)
        assert.deepEqual(
          [line.method, line.target, line.request, line.command, line.path],
          [
            method,
            target,
            readable(`${method} ${target}`).slice(0, 1024),
            `${method} ${path}`.slice(0, 256),
            path.slice(0, 256),
          ],
        )
      }
    }),
    { seed: 414 },
  )
})
