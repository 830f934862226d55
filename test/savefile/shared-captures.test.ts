// Real captures: as tshark reads them, and mutated. They lie beside the repository, in ../shared/captures; CI has them.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { OperatorError } from '../../src/core/errors.ts'
import { SHARED_CAPTURES, sharedCaptures } from '../support/shared-captures.ts'
import { readAll } from './read-all.ts'

const folder = SHARED_CAPTURES
const files = sharedCaptures()
const haveTshark = (process.env.PATH ?? '').split(':').some((place) => fs.existsSync(path.join(place, 'tshark')))

if (files.length === 0)
  console.error('NOT TESTED: savefile reader on real captures, because ../shared/captures is absent')
else if (!haveTshark) console.error('NOT TESTED: savefile reader against tshark, because there is no tshark here')

/** Every packet as tshark sees it: time, length, captured length. */
function askTshark(file: string): Promise<string[]> {
  const fields = ['frame.time_epoch', 'frame.len', 'frame.cap_len'].flatMap((field) => ['-e', field])
  return new Promise((resolve) => {
    // A file that ends in mid-packet makes it exit with an error, after the packets.
    execFile('tshark', ['-n', '-r', file, '-T', 'fields', ...fields], { maxBuffer: 1 << 26 }, (_error, output) => {
      resolve(output.trim().split('\n'))
    })
  })
}

test('number, times and lengths of packets are those that tshark gives', async (t) => {
  if (files.length === 0 || !haveTshark) return t.skip('needs ../shared/captures and tshark')
  const left = [...files]
  const lane = async () => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const expected = await askTshark(path.join(folder, name))
      const whole = readAll(fs.readFileSync(path.join(folder, name)), { bufferBytes: 1 << 20 })
      const found = whole.packets.map((p) => {
        const nanos = String(p.nanos).padStart(9, '0')
        return `${p.seconds}.${nanos}\t${p.originalLength}\t${p.bytes.length}`
      })
      assert.deepEqual(found, expected, name)
      assert.equal(whole.damage !== undefined, name === 'http-mime-truncated.pcap', `${name}: ${whole.damage}`)
    }
  }
  await Promise.all([lane(), lane(), lane()])
})

/** A small generator of numbers that is the same everywhere (Marsaglia's xorshift). */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

test('mutated captures: packets, damage, or "no capture", but nothing worse', (t) => {
  if (files.length === 0) return t.skip('needs ../shared/captures')
  const small = files.map((name) => fs.readFileSync(path.join(folder, name))).filter((data) => data.length < 50_000)
  const number = numbersFrom(20_240_607)
  const worst = [0, 0, 1, 3, 0x7f, 0x80, 0xff, 0xff]
  let damaged = 0
  for (let round = 0; round < 1500; round++) {
    const data = Buffer.from(small[round % small.length]!.subarray(0, 8192))
    for (let count = 1 + number(8); count > 0; count--) {
      // Headers are near the start, and near what follows from lengths there; anywhere else it is mostly payload.
      const at = number(number(2) === 0 ? Math.min(160, data.length) : data.length)
      data[at] = number(2) === 0 ? worst[number(worst.length)]! : number(256)
    }
    if (number(4) === 0) data.copy(data, number(data.length), number(data.length))
    try {
      const whole = readAll(data.subarray(0, number(3) === 0 ? number(data.length) : data.length), {
        bufferBytes: 4096 + number(10_000),
        chunkSize: () => 1 + number(5000),
      })
      if (whole.damage !== undefined) damaged++
      for (const p of whole.packets) {
        assert.ok(Number.isInteger(p.nanos) && p.nanos >= 0 && p.nanos < 1e9)
        assert.ok(Number.isFinite(p.seconds) && p.originalLength >= p.bytes.length)
      }
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
    }
  }
  assert.ok(damaged > 200, `only ${damaged} were damaged: does the mutation still hit headers?`)
})
