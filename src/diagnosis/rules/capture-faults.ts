// The capture's own faults: what it has lost, cut off or not seen, so that nothing else is concluded from it.

import { byteSize, counted } from '../../core/plain-numbers.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import type { FindingKind, Judge, Judgement, Rule, Subject } from '../rule.ts'

export const CAPTURE_LOSS: FindingKind = {
  id: 'capture-loss',
  severity: 'note',
  title: 'the capture has lost packets',
  meaning: 'Packets that did arrive are not in the capture: they came faster than they were read or written.',
  told: 'The kernel counted drops, or bytes were acknowledged by their receiver that the capture never saw.',
  limits: 'Which packets are missing cannot be known; findings that rest on a missing packet are held back.',
  advice: 'Narrow the filter, or use a larger --buffer-size.',
  latestText: true,
}

export const ONE_WAY: FindingKind = {
  id: 'one-way',
  severity: 'note',
  title: 'only one direction was captured',
  meaning: 'Of these connections the capture has one direction and nothing of the other.',
  told: 'A connection that carries data one way, and no packet the other way.',
  limits: 'Nothing that needs both directions can be judged: who was slow, what was lost, who failed to answer.',
  advice: 'Widen the filter (port 80 instead of dst port 80), or capture where both directions pass.',
  latestText: true,
}

export const CUT_SHORT: FindingKind = {
  id: 'cut-short',
  severity: 'note',
  title: 'packets were cut short by the snapshot length',
  meaning: 'The capture kept the beginning of packets only.',
  told: 'Packets whose captured length is less than their length on the wire.',
  limits: 'What was said behind the cut cannot be judged: requests, TLS handshakes, error answers.',
  advice: 'Capture whole packets: leave out -s of tcpdump, --snaplen of tcpflow.',
  latestText: true,
}

export const MID_STREAM: FindingKind = {
  id: 'mid-stream',
  severity: 'note',
  title: 'connections began before the capture',
  meaning: 'The handshake of these connections was not captured.',
  told: 'The first packet that was seen is no SYN.',
  limits: 'Window scale, segment size, and what was asked before are not known for them.',
  advice: 'Begin the capture before the connections, or make the client connect anew.',
  latestText: true,
}

export const DUPLICATE_POINTS: FindingKind = {
  id: 'duplicate-points',
  severity: 'note',
  title: 'packets were captured more than once',
  meaning:
    'The capture has several points of one path, and each shows the same packet: a veth and its bridge, for one.',
  told: 'The same packet at another interface within a millisecond; or the same segment again so soon that no TCP has sent it twice.',
  limits: 'A switch that mirrors both directions, and a network that doubles packets, look the same.',
  advice: 'Nothing needs to be done: copies are counted once. For the shortest path, capture on one interface.',
  latestText: true,
}

/** Told of the capture as a whole. */
const WHOLE: Subject = { place: 0, client: undefined, server: undefined }
const DATA_TO_TELL = 2
/** One packet that came twice says nothing of the capture. */
const COPIES_TO_TELL = 2

export const captureFaults: Rule = {
  kinds: [CAPTURE_LOSS, ONE_WAY, CUT_SHORT, MID_STREAM, DUPLICATE_POINTS],
  begin(judge: Judge): Judgement {
    let lostBytes = 0
    let copies = 0
    return {
      onClose(c) {
        if (hasCopies(c)) {
          copies += c.client.copies + c.server.copies
          tellCopies(judge, copies, c)
        }
        if (c.captureLostBytes > 0) {
          lostBytes += c.captureLostBytes
          tellLoss(judge, lostBytes, c)
        }
        if (isOneWay(c)) tellOneWay(judge, c)
        if (!c.seenFromStart && c.client.syns + c.server.syns === 0) tellMidStream(judge, c)
        if (c.client.cutBytes + c.server.cutBytes > 0) tellCut(judge, c)
      },
      onEnd() {
        if (judge.capture.kernelDrops > 0) tellLoss(judge, lostBytes, undefined)
        const { duplicatePackets } = judge.capture
        if (duplicatePackets > 0) tellCopies(judge, copies + duplicatePackets, undefined)
      },
    }
  },
}

function isOneWay({ client, server, seenBothWays }: ConnectionFacts): boolean {
  return !seenBothWays && client.dataSegments + server.dataSegments >= DATA_TO_TELL
}

function hasCopies({ client, server }: ConnectionFacts): boolean {
  return client.copies + server.copies >= COPIES_TO_TELL
}

function of(c: ConnectionFacts | undefined): Subject {
  return c === undefined ? WHOLE : { ...WHOLE, facts: c }
}

function tellLoss(judge: Judge, lostBytes: number, c: ConnectionFacts | undefined): void {
  const { kernelDrops } = judge.capture
  judge.find(CAPTURE_LOSS, of(c), 'certain', () => {
    const parts = [
      ...(kernelDrops > 0 ? [`the kernel dropped ${counted(kernelDrops, 'packet')}`] : []),
      ...(lostBytes > 0 ? [`${byteSize(lostBytes)} were acknowledged that the capture never saw`] : []),
    ]
    return {
      cause: `The capture itself lost packets: ${parts.join(', ')}.`,
      next: 'narrow the filter, or use a larger --buffer-size',
      evidence: [],
    }
  })
}

function tellOneWay(judge: Judge, c: ConnectionFacts): void {
  const seen = c.client.packets > 0 ? 'client' : 'server'
  judge.find(ONE_WAY, of(c), 'certain', () => ({
    cause: 'Of some connections only one direction was captured; who answered, and when, cannot be told there.',
    next: 'widen the filter, or capture where both directions pass',
    evidence: [{ micros: c.openMicros, text: `${c.clientEnd} -> ${c.serverEnd}: packets of the ${seen} alone` }],
  }))
}

function tellCut(judge: Judge, c: ConnectionFacts): void {
  const { cutSegments, cutBytes } = judge.capture
  judge.find(CUT_SHORT, of(c), 'certain', () => ({
    cause: `${counted(cutSegments, 'packet')} were cut short, ${byteSize(cutBytes)} are missing: what was said there cannot be judged.`,
    next: 'capture whole packets: no -s, or -s 0',
    evidence: [],
  }))
}

function tellMidStream(judge: Judge, c: ConnectionFacts): void {
  judge.find(MID_STREAM, of(c), 'certain', () => ({
    cause: 'Some connections began before the capture: what happened before, and how they were opened, is not known.',
    next: '',
    evidence: [{ micros: c.openMicros, text: `${c.clientEnd} -> ${c.serverEnd}: the first packet seen is no SYN` }],
  }))
}

function tellCopies(judge: Judge, copies: number, c: ConnectionFacts | undefined): void {
  judge.find(DUPLICATE_POINTS, of(c), 'likely', () => ({
    cause: `${counted(copies, 'packet')} came more than once: the capture sees one path at several points. Each is counted once.`,
    next: '',
    evidence: [],
  }))
}
