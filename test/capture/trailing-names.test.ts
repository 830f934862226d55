import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { learnTrailingNames } from '../../src/capture/trailing-names.ts'
import { SavefileNames } from '../../src/savefile/savefile-names.ts'
import {
  block,
  interfaceBlock,
  type Order,
  option,
  packetBlock,
  section,
  statisticsBlock,
} from '../savefile/pcapng-builder.ts'

function learned(t: TestContext, file: Buffer): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'tcpflow-trailing-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'x.pcapng')
  writeFileSync(path, file)
  const names = new SavefileNames()
  learnTrailingNames(path, names)
  return Object.fromEntries([...names.entries()].map(({ address, name }) => [address, name]))
}

/** A Name Resolution Block that calls 10.0.0.N so. */
function named(host: number, name: string, order: Order = {}): Buffer {
  return block(4, option(1, Buffer.concat([Buffer.from([10, 0, 0, host]), Buffer.from(`${name}\0`)]), order), order)
}

const packet = (order: Order = {}) => packetBlock(0, 1n, Buffer.from('payload'), {}, order)

for (const bigEndian of [false, true]) {
  test(`names behind the last packet, among statistics; ${bigEndian ? 'big' : 'little'}-endian`, (t) => {
    const order = { bigEndian }
    const file = Buffer.concat([
      section(order),
      interfaceBlock(1, {}, order),
      named(1, 'not looked at', order),
      packet(order),
      named(2, 'early', order),
      named(2, 'late', order),
      statisticsBlock(0, 2n, [], order),
      named(3, 'other', order),
    ])
    assert.deepEqual(learned(t, file), { '10.0.0.2': 'late', '10.0.0.3': 'other' })
  })
}

test('files without such names, damaged ones and others are left alone', (t) => {
  const begin = Buffer.concat([section(), interfaceBlock(1), packet()])
  const odd: Buffer[] = [
    Buffer.alloc(0),
    Buffer.from('x'),
    begin,
    section(),
    Buffer.concat([named(1, 'no section')]),
    Buffer.concat([begin, named(1, 'cut')]).subarray(0, -4),
    Buffer.concat([begin, named(1, 'cut'), Buffer.from([1, 2, 3])]),
    Buffer.concat([begin, Buffer.alloc(40)]),
    Buffer.concat([begin, Buffer.alloc(40, 0xff)]),
    Buffer.concat([begin, block(4, Buffer.alloc(5 << 20))]),
  ]
  for (const file of odd) assert.deepEqual(learned(t, file), {})
  const names = new SavefileNames()
  for (const path of ['/nonexistent', '/', '/dev/null', '-']) learnTrailingNames(path, names)
  assert.equal(names.version, 0)
})

test('a file of nothing but names is not gone through for ever', (t) => {
  const many = Array.from({ length: 2000 }, (_, i) => named(i & 255, `name ${i}`))
  const found = learned(t, Buffer.concat([section(), ...many]))
  assert.equal(found['10.0.0.207'], 'name 1999')
  assert.equal(Object.keys(found).length, 256)
})
