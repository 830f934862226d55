// A slow log of any server, written by whoever watches the wire: a line for each exchange that took SLOW_MILLIS or more,
// failed, or was never answered. To standard output, or appended to the file SLOW_LOG.
//
//   SLOW_MILLIS=5 SLOW_LOG=slow.log tcpflow latency --script slow-log.mjs -i docker0 'port 6379'

import { createWriteStream } from 'node:fs'

const slowMicros = Number(process.env.SLOW_MILLIS ?? 10) * 1000
if (!(slowMicros >= 0)) throw new Error(`SLOW_MILLIS is no number: ${process.env.SLOW_MILLIS}`)
const log = process.env.SLOW_LOG ? createWriteStream(process.env.SLOW_LOG, { flags: 'a' }) : undefined
log?.on('error', (error) => console.error(`slow-log: ${error.message}`))

/** @param {import('tcpflow/script').ScriptExchange} e @param {import('tcpflow/script').ScriptRun} run */
export function onExchange(e, run) {
  const slow = e.latencyMicros >= slowMicros && !e.blocking
  if (!slow && e.status !== 'error' && e.status !== 'unanswered') return
  const took = e.latencyMicros < 0 ? 'no answer' : `${(e.latencyMicros / 1000).toFixed(3)} ms`
  const outcome = e.status === 'ok' ? '' : ` | ${e.status} ${e.statusText}`.trimEnd()
  const time = new Date((e.responseEndMicros || e.requestEndMicros) / 1000).toISOString()
  const line = `${time} ${place(e.client)} => ${place(e.server)} | ${took} | ${oneLine(e.request)}${outcome}\n`
  if (log === undefined) run.print(line)
  else log.write(line)
}

/** What waits for the disk is written. */
export function onEnd() {
  return log && new Promise((resolve) => log.end(resolve))
}

/** @param {import('tcpflow/script').ScriptHost} host */
function place(host) {
  const address = host.address.includes(':') ? `[${host.address}]` : host.address
  return `${host.name || address}:${host.port}`
}

/** Nothing that came over the wire begins a line of its own. @param {string} text */
function oneLine(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '.')
}
