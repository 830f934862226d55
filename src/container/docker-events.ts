// Opens the engine's event stream, by Docker's API, in such a way that no event is missed.

import { PassThrough, pipeline, type Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { EVENT_FILTERS } from './docker-answers.ts'
import type { EngineTransport } from './engine-transport.ts'

/** Some engines send no headers before the first event. After this time they are taken to be ready. */
const SILENT_STREAM_MILLIS = 1000
/** The stream begins this much in the past if both clocks agree. Opening it takes less. */
const EVENT_OVERLAP_MILLIS = 50
/** Two clocks agree within this: the date of an answer has whole seconds only. */
const AGREEING_CLOCKS_MILLIS = 2000

/** Resolves once no later event can be missed: `since` brings those that happen before the stream begins. */
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

/** The time, by the engine's clock, from which it is to tell events: the date of its answer, or ours if that is close. */
function eventsSince(date: string | undefined, now: number): string | undefined {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return undefined
  const millis = Math.abs(now - theirs) < AGREEING_CLOCKS_MILLIS ? Math.max(theirs, now - EVENT_OVERLAP_MILLIS) : theirs
  return (millis / 1000).toFixed(9)
}

/** A stream to read from now on, for one that has not begun yet. */
function whenItComes(stream: Promise<Readable>): Readable {
  const later = new PassThrough()
  stream.then(
    (begun) => pipeline(begun, later, () => {}),
    (error) => later.destroy(error),
  )
  return later
}
