// The keys that move the most bytes through a Redis or memcached: a table at the end, of the TOP keys (20).
//
//   TOP=10 tcpflow latency --script key-size.mjs -r redis.pcap

const top = Number(process.env.TOP ?? 20)
if (!(top >= 1)) throw new Error(`TOP is no number: ${process.env.TOP}`)

/** So many keys are told apart; beyond that the smallest half is forgotten. */
const MOST_KEYS = 200_000

/** @type {Map<string, { key: string, requests: number, bytes: number, largest: number, command: string }>} */
const keys = new Map()
let forgotten = 0

/** @param {import('tcpflow/script').ScriptExchange} e */
export function onExchange(e) {
  if (e.key === '' || (e.protocol !== 'redis' && e.protocol !== 'memcached')) return
  const size = e.requestBytes + e.responseBytes
  let of = keys.get(e.key)
  if (of === undefined) {
    if (keys.size >= MOST_KEYS) forgetSmallest()
    of = { key: e.key, requests: 0, bytes: 0, largest: 0, command: '' }
    keys.set(e.key, of)
  }
  of.requests++
  of.bytes += size
  if (size > of.largest) {
    of.largest = size
    of.command = e.command
  }
}

/** @param {import('tcpflow/script').ScriptRun} run */
export function onEnd(run) {
  run.print(`${'bytes'.padStart(14)} ${'requests'.padStart(10)} ${'largest'.padStart(12)}  largest by   key\n`)
  for (const each of largestFirst().slice(0, top)) {
    const { bytes, requests, largest, command, key } = each
    const numbers = `${String(bytes).padStart(14)} ${String(requests).padStart(10)} ${String(largest).padStart(12)}`
    run.print(`${numbers}  ${shown(command).padEnd(12)} ${shown(key)}\n`)
  }
  if (forgotten > 0) run.print(`${forgotten} small keys were forgotten on the way\n`)
}

function largestFirst() {
  return [...keys.values()].sort((a, b) => b.bytes - a.bytes || (a.key < b.key ? -1 : 1))
}

function forgetSmallest() {
  for (const { key } of largestFirst().slice(MOST_KEYS / 2)) keys.delete(key)
  forgotten += MOST_KEYS / 2
}

/** @param {string} text */
function shown(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '.')
}
