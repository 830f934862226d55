// receiver-stalled and window-limited: how much the receiver lets the sender send (RFC 9293 §3.8.6).

import { opposite } from '../../core/connection.ts'
import { byteSize, counted, duration } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { about, type Description, type FindingKind, type Judge, type Judgement, type Rule } from '../rule.ts'
import type { SideFacts } from '../side-facts.ts'

export const RECEIVER_STALLED: FindingKind = {
  id: 'receiver-stalled',
  severity: 'warning',
  title: 'the receiver does not read what it is sent',
  meaning:
    'The buffer of the receiving side was full, so the sender had to wait. The application there reads too slowly, or has stopped reading.',
  told: 'The receiver advertises a window of zero, or of less than one segment, for longer than 200 ms.',
  limits:
    'Why the application does not read is not in its packets: it may be busy, stopped, limited on purpose, or write to a slow disk.',
  advice: 'Look at what the receiving application does with the data. ss -tn shows what it has not read (Recv-Q).',
  latestText: true,
}

export const WINDOW_LIMITED: FindingKind = {
  id: 'window-limited',
  severity: 'note',
  title: 'the receive buffer is too small for the way',
  meaning:
    'The sender had more to send, and had to stop and wait for acknowledgements: the receiver’s window is smaller than what the way takes in one round trip.',
  told: 'Again and again the data that is under way fills the receiver’s window to its end, on a way of 20 ms and more.',
  limits: 'Seen only where the capture is near the sender.',
  advice: 'Let the receiver’s buffer grow: net.ipv4.tcp_rmem, and no fixed SO_RCVBUF in the application.',
  latestText: true,
}

const STALL_MICROS = 200_000
const FULL_TO_TELL = 8
const LONG_WAY_MICROS = 20_000

export const windows: Rule = {
  kinds: [RECEIVER_STALLED, WINDOW_LIMITED],
  begin(judge: Judge): Judgement {
    const look = (c: ConnectionFacts, d: 0 | 1): void => {
      const stalled = stallOf(judge, c, c.sides[d])
      if (stalled.longest < STALL_MICROS || c.sides[opposite(d)].dataSegments === 0) return
      const subject = about(c, { group: `${d}` })
      const describe = (): Description => describeStall(judge, c, c.sides[d], stalled)
      if (judge.has(RECEIVER_STALLED, c)) judge.update(RECEIVER_STALLED, subject, describe)
      else judge.find(RECEIVER_STALLED, subject, 'likely', describe)
    }
    return {
      onWindowShut: (c) => judge.wake(c, judge.nowMicros + STALL_MICROS),
      onWindowOpen(c, d, micros) {
        if (micros >= STALL_MICROS) look(c, d)
      },
      onWake(c) {
        for (const { direction, smallWindowSinceMicros } of c.sides)
          if (smallWindowSinceMicros !== 0) look(c, direction)
      },
      onClose(c) {
        for (const { direction, zeroWindows, smallWindowMicros } of c.sides) {
          if (zeroWindows + smallWindowMicros > 0) look(c, direction)
          if (isLimited(c, c.sides[direction])) tellLimited(judge, c, c.sides[direction])
        }
      },
    }
  },
}

interface Stall {
  readonly longest: number
  readonly inAll: number
}

/** A window that is still shut counts up to now, or up to the reset that ended it. */
function stallOf(judge: Judge, c: ConnectionFacts, receiver: SideFacts): Stall {
  const { smallWindowSinceMicros, smallWindowMicros, longestSmallWindowMicros } = receiver
  const until = c.firstResetBy < 0 ? judge.nowMicros : c.lastMicros
  const open = smallWindowSinceMicros === 0 ? 0 : until - smallWindowSinceMicros
  return { longest: Math.max(longestSmallWindowMicros, open), inAll: smallWindowMicros + open }
}

function describeStall(judge: Judge, c: ConnectionFacts, receiver: SideFacts, { longest, inAll }: Stall): Description {
  const host = judge.hostOf(c.place, receiver.direction === 0 ? c.clientEnd : c.serverEnd)
  const since = receiver.smallWindowSinceMicros
  const times = receiver.zeroWindows > 1 ? `, ${counted(receiver.zeroWindows, 'time')}` : ''
  return {
    cause: `${host} did not read what it was sent: for ${duration(inAll)} in all${times} its buffer was full and the sender had to wait${since === 0 ? '' : ', and so it was to the end'}.`,
    next: `see what the application of ${host} does with the data; ss -tn there shows what is not read (Recv-Q)`,
    evidence: [
      {
        micros: since === 0 ? judge.nowMicros : since,
        text: `window of ${byteSize(Math.max(0, receiver.window))}; the longest time without room for a segment was ${duration(longest)}`,
      },
    ],
  }
}

function isLimited(c: ConnectionFacts, sender: SideFacts): boolean {
  const receiver = c.sides[opposite(sender.direction)]
  if (sender.windowFull < FULL_TO_TELL || sender.roundTripMicros < LONG_WAY_MICROS) return false
  return receiver.zeroWindows === 0 && receiver.window > 0
}

function tellLimited(judge: Judge, c: ConnectionFacts, sender: SideFacts): void {
  const receiver = c.sides[opposite(sender.direction)]
  judge.find(WINDOW_LIMITED, about(c, { group: `${sender.direction}` }), 'likely', () => {
    const [from, to] = sender.direction === 0 ? [c.clientEnd, c.serverEnd] : [c.serverEnd, c.clientEnd]
    const most = (receiver.window * 1e6) / sender.roundTripMicros
    return {
      cause: `${judge.hostOf(c.place, from)} sent as much as the window of ${judge.hostOf(c.place, to)} allows (${byteSize(receiver.window)}) and had to wait, ${counted(sender.windowFull, 'time')}: with a round trip of ${duration(sender.roundTripMicros)} no more than ${byteSize(most)} a second pass.`,
      next: `let the receive buffer of ${judge.hostOf(c.place, to)} grow: sysctl net.ipv4.tcp_rmem, no fixed SO_RCVBUF`,
      evidence: [
        {
          micros: sender.lastDataMicros,
          text: `window ${byteSize(receiver.window)}, full ${counted(sender.windowFull, 'time')}`,
        },
      ],
    }
  })
}
