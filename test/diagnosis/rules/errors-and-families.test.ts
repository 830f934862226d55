// ICMP errors, ARP without answer, one address family of two, and a source port that comes again: what tells each, and what
// looks like it and is not.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertFindings, assertNotes, type DiagnosedFrame, diagnose, diagnoseFrames } from '../../support/diagnosed.ts'
import { arp, ethernet, icmp, icmpv6, ipv4, ipv6 } from '../../support/packet-builder.ts'
import { Talk } from '../../support/talk.ts'

const START = 1_700_000_000
const ETHERNET_BYTES = 14
const [CLIENT, SERVER, ROUTER] = ['10.0.0.1', '10.0.0.2', '10.0.0.254']
const V6 = { client: 'fd00::1', server: 'fd00::2' }

/** An ICMP error about the talk's latest frame, a millisecond after it. */
function icmpAbout(talk: Talk, type: number, code: number, from = ROUTER): Talk {
  const quoted = talk.frames.at(-1)!
  const packet = quoted.frame.subarray(ETHERNET_BYTES)
  const answer = from.includes(':')
    ? ipv6({ src: from, dst: V6.client }, icmpv6({ type, code }, packet))
    : ipv4({ src: from, dst: CLIENT }, icmp({ type, code }, packet))
  talk.frames.push({ frame: ethernet({}, answer), time: Number(quoted.time) + 0.001 })
  return talk
}

/** ARP frames at these seconds; `>`: who has the server? `<`: the answer. */
function arps(...moments: readonly [number, '>' | '<'][]): DiagnosedFrame[] {
  return moments.map(([seconds, which]) => ({
    frame: ethernet(
      {},
      which === '>' ? arp({ sender: CLIENT, target: SERVER }) : arp({ operation: 2, sender: SERVER, target: CLIENT }),
    ),
    time: START + seconds,
  }))
}

describe('rejected', () => {
  for (const code of [2, 3, 9, 10, 13]) {
    test(`ICMP 3/${code} quotes the SYN`, () => {
      const result = diagnose(icmpAbout(new Talk().syn(), 3, code))
      assertFindings(result, 'rejected certain x 1')
      assert.match(result.findings[0]!.cause, /^10\.0\.0\.254 answered the SYN with an ICMP error/)
    })
  }

  for (const code of [1, 4, 5, 6]) {
    test(`ICMPv6 1/${code} quotes the SYN`, () => {
      assertFindings(diagnose(icmpAbout(new Talk(V6).syn(), 1, code, 'fd00::fe')), 'rejected certain x 1')
    })
  }

  test('an error of the server itself is said to be its own', () => {
    const [finding] = diagnose(icmpAbout(new Talk().syn(), 3, 3, SERVER)).findings
    assert.match(finding!.cause, /^10\.0\.0\.2 itself answered/)
  })

  test('the SYN is repeated and rejected each time: one finding, and not unanswered', () => {
    const talk = icmpAbout(new Talk().syn(), 3, 13)
    talk.wait(1000).segment(0, { flags: 'S', seq: 1000, ack: 0 })
    assertFindings(diagnose(icmpAbout(talk, 3, 13), { quietSeconds: 10 }), 'rejected certain x 1')
  })

  test('unanswered is withdrawn when the error comes after the third SYN', () => {
    const talk = icmpAbout(new Talk().syn().wait(1000).repeat().wait(2000).repeat(), 3, 13)
    const result = diagnose(talk)
    assertFindings(result, 'rejected certain x 1')
    assert.ok(result.told.includes('withdrawn unanswered'))
  })

  test('not: an error about another connection, about data, or one that says "too big"', () => {
    const other = icmpAbout(new Talk({ clientPort: 41000 }).syn(), 3, 13).frames[1]!
    const talk = new Talk().open().client('GET').server('OK').close()
    assertFindings(diagnoseFrames([...talk.frames, other]))
    assertFindings(diagnose(icmpAbout(new Talk().open().client('GET'), 3, 13).server('OK').close()))
    assertFindings(diagnose(icmpAbout(new Talk().syn(), 3, 4).segment(1, { flags: 'S.' }, 1).acknowledge(0).close()))
  })

  test('withdrawn when the connection comes about all the same', () => {
    const talk = icmpAbout(new Talk().syn(), 3, 13).segment(1, { flags: 'S.' }, 1).acknowledge(0)
    assertFindings(diagnose(talk.client('GET').server('OK').close()))
  })
})

describe('host-unreachable', () => {
  for (const code of [0, 1]) {
    test(`ICMP 3/${code} quotes the SYN`, () => {
      assertFindings(diagnose(icmpAbout(new Talk().syn(), 3, code)), 'host-unreachable certain x 1')
    })
  }

  for (const code of [0, 3]) {
    test(`ICMPv6 1/${code} quotes the SYN`, () => {
      assertFindings(diagnose(icmpAbout(new Talk(V6).syn(), 1, code, 'fd00::fe')), 'host-unreachable certain x 1')
    })
  }

  test('the client’s own host says so', () => {
    const [finding] = diagnose(icmpAbout(new Talk().syn(), 3, 1, CLIENT)).findings
    assert.match(finding!.cause, /the client itself says "host unreachable"/)
  })

  test('ARP three times without an answer', () => {
    assertFindings(diagnoseFrames(arps([0, '>'], [1, '>'], [2, '>'])), 'host-unreachable likely x 1')
  })

  test('not: ARP that is answered, at once or at the third time', () => {
    assertFindings(diagnoseFrames(arps([0, '>'], [0.001, '<'], [1, '>'], [1.001, '<'], [2, '>'], [2.001, '<'])))
    assertFindings(diagnoseFrames(arps([0, '>'], [1, '>'], [1.5, '<'], [2, '>'])))
  })

  test('not: ARP of a host of which nothing but broadcasts is seen, among others’ traffic', () => {
    const others = new Talk({ client: '10.0.0.8', server: '10.0.0.9', startTime: START - 10 })
      .open()
      .client('GET')
      .server('OK')
      .close()
    assertFindings(diagnoseFrames([...others.frames, ...arps([0, '>'], [1, '>'], [2, '>'])]))
  })

  test('not: requests that are minutes apart, as neighbours are checked', () => {
    assertFindings(diagnoseFrames(arps([0, '>'], [60, '>'], [120, '>'], [180, '>'])))
  })
})

describe('wrong-family', () => {
  const refusedV6 = (startTime = START) => new Talk({ ...V6, startTime }).syn().segment(1, { flags: 'R.', seq: 0 })
  const answeredV4 = (startTime: number, serverPort = 80) =>
    new Talk({ startTime, serverPort }).open().client('GET').server('OK').close()

  test('refused over IPv6, answered over IPv4', () => {
    const result = diagnose([refusedV6(), answeredV4(START + 0.1)])
    assertFindings(result, 'wrong-family likely x 1')
    assert.match(result.findings[0]!.cause, /listens on port 80 over IPv4 only/)
  })

  test('unanswered over IPv6, answered over IPv4 250 ms later (RFC 8305)', () => {
    assertFindings(
      diagnose([new Talk(V6).syn(), answeredV4(START + 0.25)], { quietSeconds: 5 }),
      'wrong-family likely x 1',
    )
  })

  test('the other way round', () => {
    const refusedV4 = new Talk().syn().segment(1, { flags: 'R.', seq: 0 })
    const answeredV6 = new Talk({ ...V6, startTime: START + 0.1 }).open().client('GET').server('OK').close()
    assertFindings(diagnose([refusedV4, answeredV6]), 'wrong-family likely x 1')
  })

  test('not: another port, or a minute later; then it is refused and nothing else', () => {
    assertFindings(diagnose([refusedV6(), answeredV4(START + 0.1, 81)]), 'refused likely x 1')
    assertFindings(diagnose([refusedV6(), answeredV4(START + 60)]), 'refused likely x 1')
  })

  test('not: both families tried at once and both answered, one of them dropped (RFC 8305)', () => {
    const dropped = new Talk(V6).open().reset(0)
    assertFindings(diagnose([dropped, answeredV4(START + 0.05)]))
  })
})

describe('port-reuse', () => {
  const before = () => new Talk().open().client('GET').server('OK').close()

  test('a SYN that is dropped, on a 4-tuple closed less than a minute before', () => {
    const again = new Talk({ startTime: START + 20 }).segment(0, { flags: 'S', seq: 900_000, ack: 0 })
    again.wait(1000).repeat().wait(2000).repeat()
    const result = diagnose([before(), again], { quietSeconds: 10 })
    assertFindings(result, 'port-reuse likely x 1')
    assert.match(result.findings[0]!.cause, /used source port 40000 again 20/)
  })

  test('not: answered at once', () => {
    const again = new Talk({ startTime: START + 20 }).segment(0, { flags: 'S', seq: 900_000, ack: 0 })
    again
      .segment(1, { flags: 'S.', seq: 7_000_000, ack: 900_001 })
      .segment(0, { flags: '.', seq: 900_001, ack: 7_000_001 })
    assertFindings(diagnose([before(), again]))
  })

  test('not: closed minutes before; then it is unanswered', () => {
    const again = new Talk({ startTime: START + 200 }).segment(0, { flags: 'S', seq: 900_000, ack: 0 })
    assertFindings(diagnose([before(), again.wait(1000).repeat()], { quietSeconds: 10 }), 'unanswered likely x 1')
  })

  test('the dropped SYN is answered in the end: port-reuse stands, loss is not said beside it', () => {
    const again = new Talk({ startTime: START + 20 })
      .segment(0, { flags: 'S', seq: 900_000, ack: 0 })
      .wait(1000)
      .repeat()
    again
      .segment(1, { flags: 'S.', seq: 7_000_000, ack: 900_001 })
      .segment(0, { flags: '.', seq: 900_001, ack: 7_000_001 })
    assertFindings(diagnose([before(), again]), 'port-reuse likely x 1')
  })
})

describe('cut-short', () => {
  test('packets longer than what was kept of them', () => {
    const talk = new Talk().open().client('GET').server('x'.repeat(1000)).acknowledge(0).close()
    const frames = talk.frames.map(({ frame, time }) => ({
      frame: frame.subarray(0, 96),
      time,
      originalLength: frame.length,
    }))
    const result = diagnoseFrames(frames)
    assertFindings(result)
    assertNotes(result, 'cut-short')
    assert.match(result.findings[0]!.cause, /^1 packet/)
  })

  test('not: a snapshot length that nothing exceeds, and padding of short frames', () => {
    const talk = new Talk().open().client('GET').server('OK').close()
    const padded = talk.frames.map(({ frame, time }) => ({
      frame: Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))]),
      time,
    }))
    assertNotes(diagnoseFrames(padded))
  })
})
