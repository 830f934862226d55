import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RECOGNISED_NO } from '../../../src/protocol/exchange-parser.ts'
import { raw } from '../../../src/protocol/raw/raw.ts'
import { lines, playEveryWay, type Step, Transcript, timeOf } from '../exchange-transcript.ts'
import { offsetAmong } from '../gaps.ts'
import { Random, Simulation, type Speaker } from '../pipeline-simulation.ts'

function conversation(steps: readonly Step[], expected: readonly string[]): void {
  assert.deepEqual(lines(playEveryWay(raw, steps)), expected)
}

describe('raw exchanges', () => {
  test('by whose turn it is; a greeting answers nothing', () => {
    conversation(
      [
        ['<', '220 example.com\r\n'],
        ['>', 'EHLO me\r\n'],
        ['<', '250-example.com\r\n'],
        ['<', '250 HELP\r\n'],
        ['>', 'QU'],
        ['>', 'IT\r\n'],
        ['<', '221 Bye\r\n'],
      ],
      ['EHLO me.. | ok | 1-1 | 2-3 | 9/27', 'QUIT.. | ok | 4-5 | 6-6 | 6/9'],
    )
  })

  test('the command is the start of the request', () => {
    const told = new Transcript(raw)
      .play([
        ['>', `\x00\xff~ ${'x'.repeat(500)}`],
        ['<', '!'],
      ])
      .close()
    assert.deepEqual(
      told.map((e) => [e.command, e.key, e.request.length]),
      [[`..~ ${'x'.repeat(28)}`, '', 128]],
    )
  })

  test('unanswered at the end', () => {
    conversation([['>', 'hello?']], ['hello? | unanswered | 0-0 | 6/0'])
  })

  test('gaps: unknown where they may decide, else not', () => {
    conversation(
      [
        ['>', 'a'],
        ['>', 5],
        ['>', 'b'],
        ['<', 'A'],
        ['>', 'c'],
        ['>', 5],
        ['<', 'C'],
        ['>', 'd'],
        ['<', 5],
        ['<', 'D'],
        ['>', 'e'],
        ['<', 'E'],
      ],
      [
        'ab | ok | 0-2 | 3-3 | 7/1',
        'c | unknown | 4-4 | 6/0',
        'd | unknown | 7-7 | 1/0',
        'e | ok | 10-10 | 11-11 | 1/1',
      ],
    )
  })

  test('a gap at the end of a response, told when the next request has come', () => {
    conversation(
      [
        ['>', 'a'],
        ['<', 'A'],
        ['>', 'b'],
        ['<', 3],
        ['<', 'B'],
        ['>', 'c'],
        ['<', 'C'],
      ],
      ['a | unknown | 0-0 | 1/0', 'b | unknown | 2-2 | 1/0', 'c | ok | 5-5 | 6-6 | 1/1'],
    )
  })

  test('patience: what is complete is told, what is not is unanswered, and its late answer is nobody’s', () => {
    const transcript = new Transcript(raw).play([
      ['>', 'a'],
      ['<', 'A'],
    ])
    transcript.parser.expire(timeOf(1))
    assert.equal(transcript.told.length, 0)
    transcript.parser.expire(timeOf(2))
    transcript.play([['>', 'b']])
    transcript.parser.expire(timeOf(3))
    transcript.parser.expire(timeOf(4))
    transcript.play([
      ['>', 'c'],
      ['<', 'B or C'],
      ['>', 'd'],
      ['<', 'D'],
    ])
    assert.deepEqual(lines(transcript.close()), [
      'a | ok | 0-0 | 1-1 | 1/1',
      'b | unanswered | 2-2 | 1/0',
      'c | unknown | 3-3 | 1/0',
      'd | ok | 5-5 | 6-6 | 1/1',
    ])
  })

  test('an answer that comes after patience, before anything else was asked, is told', () => {
    const transcript = new Transcript(raw).play([['>', 'a']])
    transcript.parser.expire(timeOf(1))
    transcript.play([
      ['<', 'A', 6000],
      ['<', 'A', 6001],
      ['>', 'b', 6002],
      ['<', 'B', 6003],
    ])
    assert.deepEqual(lines(transcript.close()), [
      'a | unanswered | 0-0 | 1/0',
      'a | ok | 0-0 | 6000-6001 | 1/2 | late',
      'b | ok | 6002-6002 | 6003-6003 | 1/1',
    ])
  })

  test('is never recognised', () => {
    assert.equal(raw.recognise(Buffer.from('GET / HTTP/1.1\r\n'), 0, 16), RECOGNISED_NO)
  })
})

/** The number comes first; the first gap is where a line is cut. */
const speaker: Speaker = (number, random) => ({
  request: Buffer.from(`<k${number}>${'q'.repeat(random.below(30))}\n`),
  response: Buffer.from(`${'r'.repeat(1 + random.below(40))}\n`),
})

test('a gap of any size anywhere: never a wrong time of a client that waits', () => {
  let paired = 0
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e6 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 1e6 }),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 0, max: 12 }),
      (seed, fromClient, where, missing, late) => {
        const simulation = new Simulation(speaker, 'waits', 40, new Random(seed))
        const arrow = fromClient ? '>' : '<'
        const size = simulation.directionSize(arrow)
        const offset = offsetAmong(size, where)
        const steps = simulation.withGap(arrow, offset, Math.min(missing, size - offset), late)
        const told = new Transcript(raw).play(steps).close()
        for (const e of told) e.key = /^<(k\d+)>/.exec(e.request)?.[1] ?? ''
        paired += simulation.check(told.filter((e) => e.key !== ''))
      },
    ),
    { seed: 3, numRuns: 1000 },
  )
  assert.ok(paired > 30_000, `${paired}`)
})
