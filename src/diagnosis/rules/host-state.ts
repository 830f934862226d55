// What the engine knows of a server that hangs, resets or cannot be reached: paused, killed for its memory, restarted, stopped.

import { duration } from '../../core/plain-numbers.ts'
import type { HostFacts } from '../../core/ports.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import type { Description, FindingKind, Judge, Judgement, Rule } from '../rule.ts'
import { ABORTED_TRANSFER } from './aborted-transfer.ts'
import { HUNG_PEER } from './answer-kinds.ts'
import { IDLE_CUT } from './idle-cut.ts'
import { RESET } from './reset.ts'
import { UNANSWERED } from './unanswered.ts'
import { HOST_UNREACHABLE } from './unreachable.ts'

/** The end of a container and the reset that it causes; the engine's clock is the host's. */
const SAME_MOMENT_MICROS = 1_500_000

export const hostState: Rule = {
  kinds: [],
  begin: (judge: Judge): Judgement => ({
    onExchange(_timed, c) {
      if (c !== undefined && judge.has(HUNG_PEER, c)) explainHung(judge, c)
    },
    onSynAgain: (c) => explainAbsence(judge, c),
    onIcmp: (c) => explainAbsence(judge, c),
    onClose(c) {
      explainAbsence(judge, c)
      for (const kind of [RESET, ABORTED_TRANSFER, IDLE_CUT]) if (judge.has(kind, c)) explainEnd(judge, c, kind)
    },
  }),
}

function explainHung(judge: Judge, c: ConnectionFacts): void {
  const { lastDataMicros, counted } = c
  judge.askHost(c.place, c.serverEnd, 'state', ({ name, state }) => {
    if (state !== 'paused') return
    judge.revise(HUNG_PEER, counted, 'certain', () => ({
      cause: `${name} is paused: its system acknowledges what is sent, and its processes do not run.`,
      next: `docker unpause ${name}`,
      evidence: [
        { micros: lastDataMicros, text: 'the request, acknowledged' },
        { micros: judge.nowMicros, text: `the engine says that ${name} is paused` },
      ],
    }))
  })
}

/** Once for each moment: a container may end more than once. */
function explainEnd(judge: Judge, c: ConnectionFacts, kind: FindingKind): void {
  const micros = c.server.finMicros || c.server.resetMicros
  if (micros === 0) return
  const { counted } = c
  // who does not know the connection any more may have been restarted at any time since it last spoke
  const isForgotten = c.server.resets > 0 && !c.server.resetHasAcknowledgement && c.server.finMicros === 0
  const since = isForgotten ? Math.max(c.server.lastDataMicros, c.server.acknowledgedMicros, c.openMicros) : micros
  judge.askHost(c.place, c.serverEnd, `end ${Math.floor(micros / 1e7)}`, (facts) => {
    const what = endOf(facts, since, micros)
    if (what !== '') judge.revise(kind, counted, 'certain', () => describeEnd(facts, what, micros))
  })
}

function endOf(
  { name, isOutOfMemory, exitCode, state, startedMicros, finishedMicros }: HostFacts,
  sinceMicros: number,
  micros: number,
): string {
  if (finishedMicros < sinceMicros - SAME_MOMENT_MICROS || finishedMicros > micros + SAME_MOMENT_MICROS) return ''
  const why = isOutOfMemory
    ? 'was killed, because it wanted more memory than it may have'
    : startedMicros > finishedMicros
      ? 'stopped'
      : `ended with exit code ${exitCode}`
  const then =
    startedMicros > finishedMicros
      ? `, and was started again ${duration(startedMicros - finishedMicros)} later`
      : ` (now ${state})`
  return `${name} ${why}${then}`
}

function describeEnd({ name, isOutOfMemory }: HostFacts, what: string, micros: number): Description {
  return {
    cause: `${what}: that broke the connection off.`,
    next: isOutOfMemory ? `docker update --memory SIZE ${name}, or find out what takes so much` : `docker logs ${name}`,
    evidence: [{ micros, text: `the end of the connection, and of ${name}` }],
  }
}

/** Who does not run answers nobody. */
function explainAbsence(judge: Judge, c: ConnectionFacts): void {
  const kind = [UNANSWERED, HOST_UNREACHABLE].find((each) => judge.has(each, c))
  if (kind === undefined) return
  const { firstSynMicros } = c.client
  const { counted, serverEnd: end } = c
  judge.askHost(c.place, c.serverEnd, 'state', ({ name, state, exitCode, isOutOfMemory }) => {
    if (state === '' || state === 'running') return
    const why = isOutOfMemory ? ', killed for its memory' : state === 'exited' ? `, exit code ${exitCode}` : ''
    judge.revise(kind, counted, 'certain', () => ({
      cause: `${name} does not run: it is ${state}${why}.`,
      next: state === 'paused' ? `docker unpause ${name}` : `docker start ${name}; docker logs ${name}`,
      evidence: [{ micros: firstSynMicros, text: `SYN to ${end}, no answer` }],
    }))
  })
}
