import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { UsageError } from '../../../src/core/errors.ts'
import { Datagram } from '../../../src/core/segment.ts'
import {
  compileNameTemplate,
  DEFAULT_NAME_TEMPLATE,
  formatMac,
  isoSeconds,
} from '../../../src/output/names/flow-name.ts'
import { assertGolden } from '../../support/golden.ts'
import {
  CLIENT_6,
  type ConnectionFields,
  makeConnection,
  SERVER_6,
  TO_CLIENT,
  TO_SERVER,
} from '../files/file-fixture.ts'

const SIX = { client: CLIENT_6, server: SERVER_6 }

function name(template: string, fields: ConnectionFields = {}, d: 0 | 1 = 0): string {
  return compileNameTemplate(template).name(makeConnection(fields), d)
}

describe('the default name', () => {
  test('IPv4 is padded, from the sender to the receiver', () => {
    assert.equal(name(DEFAULT_NAME_TEMPLATE), TO_SERVER)
    assert.equal(name(DEFAULT_NAME_TEMPLATE, {}, 1), TO_CLIENT)
  })

  test('IPv6 is short', () => {
    assert.equal(name(DEFAULT_NAME_TEMPLATE, SIX), 'fd00::2.40000-fd00::3.00080')
  })

  test('VLAN and counter stand behind', () => {
    assert.equal(name(DEFAULT_NAME_TEMPLATE, { vlanId: 42 }), `${TO_SERVER}--42`)
    assert.equal(name(DEFAULT_NAME_TEMPLATE, { occurrence: 3 }), `${TO_SERVER}c3`)
    assert.equal(name(DEFAULT_NAME_TEMPLATE, { vlanId: 0, occurrence: 12 }), `${TO_SERVER}--0c12`)
  })

  test('the counter may be given', () => {
    const namer = compileNameTemplate(DEFAULT_NAME_TEMPLATE)
    assert.equal(namer.name(makeConnection({ occurrence: 3 }), 0, 7), `${TO_SERVER}c7`)
  })

  test('a datagram is named like a flow', () => {
    const g = new Datagram()
    g.sourceWord3 = 0x0a000001
    g.destinationWord3 = 0x08080808
    g.sourcePort = 5353
    g.destinationPort = 53
    g.vlanId = 6
    assert.equal(
      compileNameTemplate(DEFAULT_NAME_TEMPLATE).nameOfDatagram(g),
      '010.000.000.001.05353-008.008.008.008.00053--6',
    )
  })
})

test('every code, and what tcpflow makes of -F', () => {
  const cases: [template: string, fields: ConnectionFields][] = [
    ['%A %a %B %b', {}],
    ['%A %a %B %b', SIX],
    ['%E %e', {}],
    ['[%V%v]', {}],
    ['[%V%v]', { vlanId: 4094 }],
    ['%T', {}],
    ['%t', {}],
    ['[%C%c]', {}],
    ['[%C%c]', { occurrence: 2 }],
    ['%c', { occurrence: 2 }],
    ['%#', {}],
    ['c%#', { occurrence: 5 }],
    ['%N.%K.%M.%G', { id: 1 }],
    ['%N.%K.%M.%G', { id: 617_283_946_173 }],
    ['%S', { id: 17 }],
    ['100%%', {}],
    ['x', {}],
    ['x', { occurrence: 1 }],
    ['%A', { occurrence: 1 }],
    ['/tmp//%A/%b', {}],
    ['%%c', { occurrence: 1 }],
    ['%tT%A%C%c', {}],
    ['%tT%A%C%c', { occurrence: 2 }],
    ['%N %A%C%c', { id: 3, occurrence: 2 }],
    ['%K/%A%C%c', { id: 3, occurrence: 2 }],
    ['%T%A%C%c', {}],
    ['%K/%A%C%c', { id: 1234 }],
    ['%M000-%M999/%M%K/%A%C%c', { id: 1234 }],
    ['%G000000-%G999999/%G%M000-%G%M999/%G%M%K/%A%C%c', { id: 1234 }],
    ['%A/%a/%B/%b/%c%N.flow', {}],
  ]
  const rows = cases.map(([template, fields]) => {
    const given = Object.entries(fields).map(([key, value]) => `${key}=${value}`)
    return `${template.padEnd(52)} ${given.join(' ').padEnd(44)} ${name(template, fields)}\n`
  })
  assertGolden('files/templates.txt', rows.join(''))
})

describe('a template that makes no sense is a usage error', () => {
  for (const template of ['%q', 'abc%', '%A/%', 'a/', '/', '', '../%A', 'a/../b', './%A', 'a\0b', '%A/..']) {
    test(JSON.stringify(template), () => {
      assert.throws(() => compileNameTemplate(template), UsageError)
    })
  }

  test('names from Object.prototype are no codes', () => {
    assert.throws(() => compileNameTemplate('%toString%_'), UsageError)
  })
})

describe('no name leaves its folder', () => {
  test('a part that comes out empty is left out, a file that does is called flow', () => {
    assert.equal(name('%v/x%C%c'), 'x')
    assert.equal(name('%v/x%C%c', { vlanId: 7 }), '7/x')
    assert.equal(name('x/%C%c'), 'x/flow')
    assert.equal(name('x/%C%c', { occurrence: 1 }), 'x/c1')
    assert.equal(name('%V%v%C%c'), 'flow')
    assert.equal(name('%c/%V'), 'flow')
  })

  test('dots alone are never a part', () => {
    assert.equal(name('.%v./x%C%c'), '_../x')
    assert.equal(name('%v./x%C%c'), '_./x')
    assert.equal(name('x/.%C%c.'), 'x/_..')
    assert.equal(name('...%C%c'), '...')
  })

  test('whatever the template', () => {
    const piece = fc.constantFrom('/', '.', '..', '%A', '%v', '%V', '%C', '%c', '%#', '%%', 'x', '//', '%N', ' ')
    const fields = fc.record({ vlanId: fc.constantFrom(-1, 0, 99), occurrence: fc.nat(3), id: fc.integer({ min: 1 }) })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fields, (pieces, values) => {
        let made: string
        try {
          made = name(pieces.join(''), values)
        } catch (error) {
          assert.ok(error instanceof UsageError)
          return
        }
        for (const part of made.split('/'))
          assert.ok(!['', '.', '..'].includes(part), `${pieces.join('')} gave ${made}`)
      }),
      { seed: 1, numRuns: 2000 },
    )
  })

  test('counters always tell names apart', () => {
    const template = fc.array(fc.constantFrom('/', '.', '%A', '%v', '%V', '%C', 'x', '%N', 'c'), { maxLength: 6 })
    fc.assert(
      fc.property(template, fc.nat(20), fc.nat(20), (pieces, one, other) => {
        fc.pre(one !== other)
        let namer: ReturnType<typeof compileNameTemplate>
        try {
          namer = compileNameTemplate(pieces.join(''))
        } catch {
          return
        }
        const c = makeConnection()
        assert.notEqual(namer.name(c, 0, one), namer.name(c, 0, other))
      }),
      { seed: 2, numRuns: 1000 },
    )
  })
})

test('odd times do not throw', () => {
  assert.equal(isoSeconds(0), '1970-01-01T00:00:00Z')
  assert.equal(isoSeconds(8.64e12), '+275760-09-13T00:00:00Z')
  assert.equal(isoSeconds(1e15), '1000000000000000')
  assert.equal(isoSeconds(-1), '1969-12-31T23:59:59Z')
})

test('link-layer addresses', () => {
  assert.equal(formatMac(0x001ec9, 0x44d468), '00:1e:c9:44:d4:68')
  assert.equal(formatMac(-1, -1), '00:00:00:00:00:00')
})
