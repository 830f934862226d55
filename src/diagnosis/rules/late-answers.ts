// server-slow and hung-peer: the request arrived, and the answer was late, or never came.

import type { Exchange } from '../../core/exchange.ts'
import { counted, duration } from '../../core/plain-numbers.ts'
import { sequenceDistance } from '../../core/sequence.ts'
import type { TimedExchange } from '../../core/timed-exchange.ts'
import { epochMicros } from '../../core/timestamp.ts'
import type { ConnectionFacts } from '../connection-facts.ts'
import { RAW_PROTOCOL, Routes, type RouteTimes } from '../route-times.ts'
import { about, type Description, type Judge, type Judgement, type Rule } from '../rule.ts'
import { shownRequest } from '../shown-request.ts'
import { UpstreamWaits } from '../upstream-waits.ts'
import { HUNG_PEER, SERVER_SLOW } from './answer-kinds.ts'
import { isOfNetwork } from './network-slow.ts'

/** A sort of request whose answers usually take so long is meant to wait. */
const LONG_POLL_MICROS = 15_000_000
const LONG_POLL_ANSWERS = 3
/** Far above the usual. */
const UNUSUAL_TIMES = 50
const UNUSUAL_LEAST_MICROS = 500_000
const ANSWERS_FOR_USUAL = 100
const ANSWERS_FOR_SHARE = 3
/** The clock that tells of requests which wait too long is ahead of the judge's by so much at most. */
const CLOCK_STEP_MICROS = 500_000
/** How bytes that are no text begin a request of a protocol that is not known. */
const UNPRINTABLE = '...'
/** What exchanges say that were not over at the end of the capture. */
const CAPTURE_ENDED = 'capture ended'
const MAXIMUM_REQUEST_CHARACTERS = 80

interface Asked {
  readonly protocol: string
  readonly request: string
}

export const lateAnswers: Rule = {
  kinds: [SERVER_SLOW, HUNG_PEER],
  begin(judge: Judge): Judgement {
    const answers = new LateAnswers(judge)
    return {
      onExchange(timed, c) {
        if (c !== undefined && !timed.exchange.blocking) answers.note(timed, c)
      },
      // who closes with a request pending has decided: another rule's
      onFin: (c, d) => answers.noteEnd(c, d === 1),
      onReset: (c, d) => answers.noteEnd(c, d === 1),
      onClose: (c) => answers.noteClose(c),
    }
  },
}

class LateAnswers {
  readonly #judge: Judge
  readonly #routes = new Routes()
  readonly #waits: UpstreamWaits

  constructor(judge: Judge) {
    this.#judge = judge
    this.#waits = new UpstreamWaits(judge.options.slowMicros / 2)
  }

  note(timed: TimedExchange, c: ConnectionFacts): void {
    const { exchange } = timed
    if (exchange.late) this.#judge.withdraw(HUNG_PEER, c)
    if (exchange.status === 'unanswered' || isCutOff(exchange)) this.#noteUnanswered(timed, c)
    else if (exchange.status === 'ok' || exchange.status === 'error') this.#noteAnswer(timed, c)
  }

  noteEnd(c: ConnectionFacts, byServer: boolean): void {
    if (byServer && serverHasEnded(c) && this.#judge.has(HUNG_PEER, c)) this.#judge.withdraw(HUNG_PEER, c)
  }

  /** It stands: what was said of "so far" holds to the end. */
  noteClose(c: ConnectionFacts): void {
    const { unanswered } = c
    if (unanswered === undefined || !this.#judge.has(HUNG_PEER, c)) return
    this.#judge.update(HUNG_PEER, about(c), () => this.#describeHung(unanswered, c, unanswered.micros, 'to the end'))
  }

  #noteAnswer(timed: TimedExchange, c: ConnectionFacts): void {
    const judge = this.#judge
    const micros = serverMicrosOf(timed)
    if (micros < 0) return
    this.#waits.note(timed)
    const { slowMicros } = judge.options
    const route = this.#routes.of(timed.exchange)
    const isUnusual =
      route.answers >= ANSWERS_FOR_USUAL &&
      micros >= UNUSUAL_LEAST_MICROS &&
      micros >= route.usualMicros * UNUSUAL_TIMES
    const isSlow = micros >= slowMicros
    route.note(micros, isSlow)
    if ((!isSlow && !isUnusual) || !isOfServer(timed, c, micros)) return
    if (isLongPoll(route)) {
      for (const each of route.told) judge.withdraw(SERVER_SLOW, each)
      route.told.length = 0
      return
    }
    if (isSlow) route.noteTold(c.counted)
    const more = isSlow ? {} : ({ severity: 'note', group: 'unusual' } as const)
    const certainty = timed.exchange.protocol === RAW_PROTOCOL ? 'possible' : 'likely'
    judge.find(SERVER_SLOW, about(c, more), certainty, () => this.#describeSlow(timed, c, micros, route))
  }

  #noteUnanswered(timed: TimedExchange, c: ConnectionFacts): void {
    const judge = this.#judge
    const { exchange } = timed
    this.#waits.note(timed)
    const { slowMicros, hungAfterMicros } = judge.options
    const route = this.#routes.of(exchange)
    if (!acknowledgedAll(c) || isLongPoll(route)) return
    const askedMicros = epochMicros(exchange.requestEnd)
    if (c.server.lastDataMicros >= askedMicros) return
    // it has decided to close, or was made to
    if (serverHasEnded(c)) return
    if (judge.nowMicros - askedMicros >= hungAfterMicros - Math.min(CLOCK_STEP_MICROS, hungAfterMicros / 2)) {
      if (wantsAnswer(exchange, c, route)) {
        judge.find(HUNG_PEER, about(c), 'possible', () => this.#describeHung(exchange, c, askedMicros, 'so far'))
      }
      return
    }
    const gaveUpMicros = c.client.finMicros || c.client.resetMicros
    const waited = gaveUpMicros - askedMicros
    if (gaveUpMicros === 0 || waited < slowMicros || exchange.protocol === RAW_PROTOCOL) return
    judge.find(SERVER_SLOW, about(c), 'likely', () => this.#describeGivenUp(exchange, c, askedMicros, gaveUpMicros))
  }

  #describeSlow(timed: TimedExchange, c: ConnectionFacts, micros: number, route: RouteTimes) {
    const { exchange } = timed
    const askedMicros = epochMicros(exchange.requestEnd)
    const answeredMicros = epochMicros(exchange.responseStart)
    const host = this.#judge.hostOf(c.place, c.serverEnd)
    const network = timed.networkMicros >= 0 ? `, of which the network took ${duration(timed.networkMicros)}` : ''
    const upstream = this.#upstreamOf(c, askedMicros, answeredMicros)
    return {
      cause: `${host} took ${duration(micros)} to answer ${requestOf(exchange)}${network}.${shareOf(route)}${upstream.text}`,
      next: upstream.next || `look at this request at ${host}: its log, or what it waits for`,
      evidence: [
        { micros: askedMicros, text: `request complete: ${requestOf(exchange)}` },
        {
          micros: answeredMicros,
          text: `first byte of the answer, ${duration(answeredMicros - askedMicros)} later`,
        },
      ],
    }
  }

  #describeGivenUp(exchange: Exchange, c: ConnectionFacts, askedMicros: number, gaveUpMicros: number) {
    const [client, host] = [this.#judge.hostOf(c.place, c.clientEnd), this.#judge.hostOf(c.place, c.serverEnd)]
    const waited = duration(gaveUpMicros - askedMicros)
    const upstream = this.#upstreamOf(c, askedMicros, gaveUpMicros)
    return {
      cause: `${host} had not answered ${requestOf(exchange)} after ${waited}; then ${client} gave up.${upstream.text}`,
      next: upstream.next || `look at this request at ${host}; is the time that ${client} allows for it long enough?`,
      evidence: [
        { micros: askedMicros, text: `request complete: ${requestOf(exchange)}` },
        { micros: c.server.acknowledgedMicros, text: 'acknowledged by the server' },
        { micros: gaveUpMicros, text: `the client closes, after ${waited} without a byte of an answer` },
      ],
    }
  }

  /** `howLong`: so far, or to the end. */
  #describeHung({ protocol, request }: Asked, c: ConnectionFacts, askedMicros: number, howLong: string): Description {
    const { nowMicros, options } = this.#judge
    const host = this.#judge.hostOf(c.place, c.serverEnd)
    const asked = quoted(protocol, request)
    const upstream = this.#upstreamOf(c, askedMicros, nowMicros)
    const waited = duration(Math.max(nowMicros - askedMicros, options.hungAfterMicros))
    const { keepAliveAnswers } = c.client
    const alive = keepAliveAnswers > 0 ? ` It still answers TCP keep-alives (${keepAliveAnswers}).` : ''
    return {
      cause: `${host} has taken ${asked} and sent no byte of an answer for ${waited} ${howLong}: its process hangs, or is very slow.${alive}${upstream.text}`,
      next: upstream.next || `see what the process of ${host} does: docker top, a stack dump; is it paused or stopped?`,
      evidence: [
        { micros: askedMicros, text: `request: ${asked}` },
        { micros: c.server.acknowledgedMicros, text: 'acknowledged by the server' },
        { micros: nowMicros, text: `no byte of an answer in ${waited}` },
      ],
    }
  }

  /** A sentence about what the server waited for itself just then, and where to look; both '' where nothing of it was seen. */
  #upstreamOf(c: ConnectionFacts, startMicros: number, endMicros: number): { text: string; next: string } {
    const wait = this.#waits.within(c.serverEnd.address, startMicros, endMicros)
    if (wait === undefined) return { text: '', next: '' }
    const waited = duration(Math.min(wait.endMicros, endMicros) - wait.startMicros)
    const end = this.#judge.endOf(wait.place, wait.server)
    const host = this.#judge.hostOf(c.place, c.serverEnd)
    return {
      text: ` Just then ${host} itself waited ${waited} for ${end} (${quoted(wait.protocol, wait.request)}).`,
      next: `look at ${end} first: ${host} waited for it`,
    }
  }
}

/** Less what the network took. Behind others in a pipeline it waited for them, and -1 is said. */
function serverMicrosOf({ exchange, serverMicros, firstByteMicros }: TimedExchange): number {
  if (exchange.aheadInPipeline > 0) return -1
  return serverMicros >= 0 ? serverMicros : firstByteMicros
}

/** Nothing was sent again while it was waited for, and turns are taken. */
function isOfServer({ exchange }: TimedExchange, c: ConnectionFacts, micros: number): boolean {
  const { client, server } = c
  const askedMicros = epochMicros(exchange.requestEnd)
  const sentAgainMicros = Math.max(client.lastRetransmissionMicros, server.lastRetransmissionMicros)
  if (sentAgainMicros > askedMicros && sentAgainMicros - askedMicros > micros / 2) return false
  if (isOfNetwork(exchange, c, micros)) return false
  return exchange.protocol !== RAW_PROTOCOL || takesTurns(exchange, c)
}

/** Of a protocol that is not known: the server never speaks by itself, and this is no TLS handshake, which has rules of its own. */
function takesTurns(exchange: Exchange, c: ConnectionFacts): boolean {
  if (!c.connection.openerKnown || c.serverSpokeUnasked) return false
  return c.answered > 1 || !exchange.request.startsWith(UNPRINTABLE)
}

/**
 * Of a protocol that is not known: the server has answered before. Logs, metrics and the like want no answer; on a connection
 * that began before the capture nobody knows who asks and who answers.
 */
function wantsAnswer(exchange: Exchange, c: ConnectionFacts, route: RouteTimes): boolean {
  if (exchange.protocol !== RAW_PROTOCOL) return true
  if (!c.connection.openerKnown) return false
  return !c.serverSpokeUnasked && (c.answered > 0 || (route.answers > 0 && takesTurns(exchange, c)))
}

/** The capture ended first; the client may have given up before. */
function isCutOff({ status, statusText }: Exchange): boolean {
  return status === 'unknown' && statusText === CAPTURE_ENDED
}

/** By itself, and not because the client had given up and closed. */
function serverHasEnded({ firstFinBy, firstResetBy }: ConnectionFacts): boolean {
  return firstFinBy === 1 || (firstFinBy < 0 && firstResetBy === 1)
}

function acknowledgedAll({ client, server }: ConnectionFacts): boolean {
  return server.hasAcknowledged && sequenceDistance(client.furthest, server.acknowledged) <= 0
}

function isLongPoll({ answers, usualMicros }: RouteTimes): boolean {
  return answers >= LONG_POLL_ANSWERS && usualMicros >= LONG_POLL_MICROS
}

function requestOf({ protocol, request }: Exchange): string {
  return quoted(protocol, request)
}

/** How many of its sort are slow; '' where too few are known. */
function shareOf({ answers, slow, usualMicros, slowestMicros }: RouteTimes): string {
  if (answers < ANSWERS_FOR_SHARE) return ''
  const share = `${counted(Math.max(1, slow), 'request')} of ${answers} of this sort took so long`
  return ` ${share}; usual is ${duration(usualMicros)}, the slowest took ${duration(slowestMicros)}.`
}

/** As it stands in a sentence; of what is no text (TLS, a protocol that is not known) nothing is shown. */
function quoted(protocol: string, request: string): string {
  if (protocol === RAW_PROTOCOL && (request.startsWith(UNPRINTABLE) || dotsIn(request) > request.length / 4))
    return 'a message that is encrypted or no text'
  return `"${shownRequest(request, MAXIMUM_REQUEST_CHARACTERS)}"`
}

function dotsIn(text: string): number {
  return text.split('.').length - 1
}
