// The engine's event stream by Docker's API, so begun that no event is missed.

import { PassThrough, pipeline, type Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { EVENT_FILTERS } from './docker-answers.ts'
import type { EngineTransport } from './engine-transport.ts'

/** An engine that says nothing until something happens listens all the same. */
const SILENT_STREAM_MILLIS = 1000
/** How much of the past the event stream begins with, where both clocks agree: more than its start takes. */
const EVENT_OVERLAP_MILLIS = 50
/** The date of an answer is cut to seconds. */
const AGREEING_CLOCKS_MILLIS = 2000

/** Resolves once the engine notes events for us: with `since` none is lost between that and its first word. */
export async function subscribe(docker: Docker, transport: EngineTransport, signal: AbortSignal): Promise<Readable> {
  const since = eventsSince((await transport.ping()).date, Date.now())
  const options = { since, filters: EVENT_FILTERS, abortSignal: signal }
  const stream = docker.getEvents(options as unknown as Docker.GetEventsOptions) as Promise<Readable>
  const patience = new AbortController()
  try {
    const silent = sleep(SILENT_STREAM_MILLIS, undefined, { signal: patience.signal })
    return (await Promise.race([stream, silent])) ?? whenItComes(stream)
  } finally {
    patience.abort()
  }
}

/** From when on the engine is to tell, by its clock: what the date of its last answer says, or closer where ours agrees. */
function eventsSince(date: string | undefined, now: number): string | undefined {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return undefined
  const millis = Math.abs(now - theirs) < AGREEING_CLOCKS_MILLIS ? Math.max(theirs, now - EVENT_OVERLAP_MILLIS) : theirs
  return (millis / 1000).toFixed(9)
}

/** A stream that begins later: the events before are in it. */
function whenItComes(stream: Promise<Readable>): Readable {
  const later = new PassThrough()
  stream.then(
    (begun) => pipeline(begun, later, () => {}),
    (error) => later.destroy(error),
  )
  return later
}
