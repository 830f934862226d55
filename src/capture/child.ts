// The capture child: a program of its own that runs libpcap on one interface and writes pcapng to its standard output.
// It loads next to nothing, because it holds the privilege and because its start is waited for.
//
// Standard input: one byte to begin, one to stop; its end stops too, so nobody's child outlives its parent. Standard error:
// the reason why it ended, see CaptureEnd. Under a flood libpcap's dispatch never returns to the event loop: everything that
// must happen on time is then done from within the packet callback.

import { readlinkSync, readSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { CaptureFailure, openCapture, type PcapBinding, presentInterfaces } from './capture-open.ts'
import { CaptureOutput } from './capture-output.ts'
import { type CaptureRequest, COMMAND_GO, checkCaptureRequest, formatCaptureEnd } from './capture-request.ts'
import { InterfaceWatch } from './interface-watch.ts'

const STATISTICS_INTERVAL_MILLIS = 200
/** How often a busy child looks at its standard input and flushes. */
const BUSY_INTERVAL_MILLIS = 50
const BUSY_CHECK_PACKETS = 64
/** So much from one wake-up, and the next may wait for BUSY_PAUSE_MILLIS, where the kernel's buffer has room enough. */
const BUSY_TURN_BYTES = 32 * 1024
const BUSY_PAUSE_MILLIS = 10
const BYTES_TO_PAUSE_A_MILLISECOND = 2 ** 20
/** The kernel's timers are coarse: a packet may come this much later than the buffer timeout says. */
const TIMEOUT_SLACK_MILLIS = 10
/** After a stop, packets that were captured before it still go out, for at most this long. */
const STOP_GRACE_MILLIS = 700

function main(): void {
  try {
    const request = checkCaptureRequest(parseJson(process.argv[2] ?? ''))
    if (typeof request === 'string') throw new CaptureFailure('failed', `bad request: ${request}`)
    refuseOtherNamespace(request)
    const binding = loadBinding()
    if (!waitForGo()) process.exit(0)
    new Capture(binding, request).start()
  } catch (error) {
    if (!(error instanceof CaptureFailure)) throw error
    fail(error)
  }
}

/** The process whose namespace was to be entered may have ended meanwhile, and another have got its number. */
function refuseOtherNamespace({ namespace }: CaptureRequest): void {
  if (namespace === undefined) return
  const entered = readlinkSync('/proc/self/ns/net')
  if (entered === `net:[${namespace.inode}]`) return
  throw new CaptureFailure('wrong-namespace', `${entered} instead of net:[${namespace.inode}]`)
}

/** The compiled part of the `pcap` package alone: the rest of it is protocol decoders, and ten times slower to load. */
function loadBinding(): PcapBinding {
  try {
    return createRequire(import.meta.url)('pcap/build/Release/pcap_binding') as PcapBinding
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const otherNode = message.includes('NODE_MODULE_VERSION')
    const why = otherNode ? 'the pcap package was built for another version of Node' : message.split('\n', 1)[0]
    throw new CaptureFailure('no-libpcap', why ?? '')
  }
}

class Capture {
  readonly #request: CaptureRequest
  readonly #output: CaptureOutput
  readonly #watch: InterfaceWatch
  // It must be kept referenced, or it is collected.
  readonly #session: ReturnType<typeof openCapture>
  readonly #command = Buffer.alloc(16)
  readonly #busyPauseMillis: number
  #nextFlushMillis = 0
  #nextStatisticsMillis = 0
  #stopping = false
  #stopDeadlineMillis = Number.POSITIVE_INFINITY
  #pollingByTimer = false

  constructor(binding: PcapBinding, request: CaptureRequest) {
    this.#request = request
    this.#output = new CaptureOutput({
      snapshotBytes: request.snapshotBytes,
      write: writeOut,
      check: () => this.#whileBusy(),
      packetsBetweenChecks: BUSY_CHECK_PACKETS,
      late: () => this.#finish(),
    })
    const pauseMillis = Math.floor(request.kernelBufferBytes / BYTES_TO_PAUSE_A_MILLISECOND)
    this.#busyPauseMillis = Math.min(pauseMillis, BUSY_PAUSE_MILLIS)
    this.#watch = new InterfaceWatch(request.interfaceName)
    this.#session = openCapture(binding, request, this.#output.onPacket)
  }

  start(): void {
    const { interfaceName, filter, snapshotBytes, place, description } = this.#request
    // The first bytes tell the parent that packets are being seen from now on.
    this.#output.begin(interfaceName, filter, this.#session.linkType, snapshotBytes, place, description)
    this.#output.flush()
    process.on('SIGTERM', () => this.#stop())
    process.on('SIGINT', () => this.#stop())
    process.stdin.on('data', () => this.#stop())
    process.stdin.on('end', () => this.#stop())
    process.stdin.on('error', () => this.#stop())
    this.#session.binding.read_callback = () => this.#onReadable()
    this.#session.binding.start_polling()
    setInterval(() => this.#onTimer(), STATISTICS_INTERVAL_MILLIS)
    setImmediate(() => this.#drain())
  }

  /**
   * Under load a wake-up costs more than the packets that it is for: it is better to let some more of them come together.
   */
  #onReadable(): void {
    const before = this.#output.writtenBytes
    this.#drain()
    if (this.#output.writtenBytes - before < BUSY_TURN_BYTES) return
    if (this.#busyPauseMillis > 0) sleep(this.#busyPauseMillis)
  }

  /** What timers and events would do, if they ever got their turn. Called from within `dispatch`. */
  #whileBusy(): void {
    const now = Date.now()
    if (now < this.#nextFlushMillis) return
    this.#nextFlushMillis = now + BUSY_INTERVAL_MILLIS
    if (now > this.#stopDeadlineMillis) this.#finish()
    if (now >= this.#nextStatisticsMillis) this.#statistics(now)
    this.#output.flush()
    this.#pollCommand()
  }

  #pollCommand(): void {
    try {
      readSync(0, this.#command)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return
    }
    this.#stop()
  }

  /** Takes all packets that are ready. */
  #drain(): void {
    const status = this.#session.binding.dispatch(this.#output.bytes, this.#output.header)
    this.#output.flush()
    // An interface that goes down makes its socket report an error, after which libuv polls it no more, not even when the
    // interface is up again: from here on the timer asks.
    if (status < 0 && !this.#pollingByTimer) {
      this.#pollingByTimer = true
      setInterval(() => this.#drain(), Math.max(this.#request.bufferTimeoutMillis, BUSY_INTERVAL_MILLIS))
    }
  }

  #onTimer(): void {
    this.#drain()
    const now = Date.now()
    // All packets up to here are out, so this moves the clock.
    this.#output.advance((now - this.#request.bufferTimeoutMillis - TIMEOUT_SLACK_MILLIS) * 1000)
    this.#statistics(now)
    this.#output.flush()
  }

  #statistics(now: number): void {
    this.#nextStatisticsMillis = now + STATISTICS_INTERVAL_MILLIS
    const { ps_recv, ps_drop, ps_ifdrop } = this.#session.binding.stats()
    this.#output.statistics(ps_recv, ps_drop, ps_ifdrop)
    if (this.#watch.gone()) this.#vanish()
  }

  #vanish(): never {
    this.#output.flush()
    const message = `${this.#request.interfaceName} is gone`
    writeSync(2, formatCaptureEnd({ code: 'interface-gone', message, interfaceNames: presentInterfaces() }))
    process.exit(0)
  }

  #stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    const now = Date.now()
    const lateMillis = this.#request.bufferTimeoutMillis + TIMEOUT_SLACK_MILLIS
    this.#output.stopAt(now * 1000)
    this.#stopDeadlineMillis = now + lateMillis + STOP_GRACE_MILLIS
    // The last packets may still lie in a block that the kernel has not handed over.
    setTimeout(() => {
      this.#drain()
      this.#finish()
    }, lateMillis)
  }

  #finish(): never {
    const { ps_recv, ps_drop, ps_ifdrop } = this.#session.binding.stats()
    this.#output.statistics(ps_recv, ps_drop, ps_ifdrop)
    this.#output.flush()
    process.exit(0)
  }
}

/** Waits for the first byte; false when there is none. */
function waitForGo(): boolean {
  const byte = Buffer.alloc(1)
  try {
    return readSync(0, byte) === 1 && byte[0] === COMMAND_GO
  } catch {
    return false
  }
}

/** Waits as long as the reader lets it: the kernel's ring is the queue, and counts what it must drop. */
function writeOut(buf: Buffer, start: number, end: number): void {
  let at = start
  while (at < end) {
    try {
      at += writeSync(1, buf, at, end - at)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN') sleep(1)
      else if (code === 'EPIPE' || code === 'ECONNRESET') process.exit(0)
      else throw error
    }
  }
}

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4))

function sleep(millis: number): void {
  Atomics.wait(nobodyWakes, 0, 0, millis)
}

function fail(failure: CaptureFailure): void {
  const { code, message } = failure
  writeSync(2, formatCaptureEnd({ code, message, interfaceNames: presentInterfaces() }))
  process.exitCode = 1
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

main()
