// A second thread that makes small files and writes full blocks, while we go on reading. Making a file costs the kernel thirty
// times what reassembling its bytes costs us, and copying a block about as much as filling it: two processors do both in little
// more than half the time. What it cannot do it gives back, to be done here as if there were no thread.

import { setTimeout as sleep } from 'node:timers/promises'
import { Worker, type WorkerOptions } from 'node:worker_threads'
import type { Arena } from '../../core/arena.ts'
import { ASLEEP, DONE, FileRing, JOB_WRITE, READY, RING_SLOTS, STOP, SUBMITTED, slotOf } from './file-ring.ts'

export interface FileThreadData {
  /** The ring's. */
  readonly shared: SharedArrayBuffer
  /** The arena's. */
  readonly memory: SharedArrayBuffer
}

/** Who gave a job hears what became of it, in the order given. He may do anything then but give jobs. */
export interface FileJob {
  onDone(): void
  /** It could not be done, and nothing is left behind of it. `content`: of a file to be made, until this returns. */
  onRefused(content: Buffer): void
}

/** A thread costs 30 ms and some memory: not for a few files. One full block is worth several small ones. */
const JOBS_BEFORE_A_THREAD = 512
const JOBS_A_BLOCK = 4
/** Bytes of full blocks under way: enough for the thread never to wait for us. */
const MAXIMUM_BYTES_UNDER_WAY = 4 * 1024 * 1024
/** Waking a thread costs as much as writing a block: it should find more than one. */
const JOBS_TO_WAKE_FOR = 8
const PATIENCE_MILLIS = 10_000
const POLL_MILLIS = 1
const NOTHING = Buffer.alloc(0)

export class FileThread {
  /** Jobs done by the thread, as far as they are settled. */
  jobsDone = 0
  readonly #arena: Arena
  readonly #jobs: (FileJob | undefined)[] = new Array(RING_SLOTS).fill(undefined)
  #ring: FileRing | undefined = undefined
  #worker: Worker | undefined = undefined
  #ended = false
  #asked = 0
  #submitted = 0
  #settled = 0
  #bytesUnderWay = 0
  #settling = false

  constructor(arena: Arena) {
    this.#arena = arena
  }

  /** There will be much to do: the thread starts now, and is ready when the first of it comes. */
  expectMuch(): void {
    if (this.#ring === undefined && !this.#ended) this.#start()
  }

  /** Tells what has been done since to those whose jobs it were. */
  settle(): void {
    const ring = this.#ring
    if (ring === undefined || this.#settling) return
    const done = Atomics.load(ring.control, DONE)
    while (this.#settled !== done) this.#settleOne(ring, ring.wasRefused(this.#settled))
    // it died: what it left is for others to do
    if (this.#ended) while (this.#settled !== this.#submitted) this.#settleOne(ring, true)
  }

  /**
   * Makes the file at `path` with `bytes` of `content`, which are copied, and gives it this time. Returns the job's number for
   * `waitFor`, or -1 when it is not taken: there is no thread yet, or enough for it to do.
   */
  make(job: FileJob, path: string, content: Buffer, bytes: number, seconds: number, nanos: number): number {
    const number = this.#submitted
    if (!this.#open(1) || !this.#ring!.fillMake(number, path, content, bytes, seconds, nanos)) return -1
    this.#submit(job)
    return number >>> 0
  }

  /**
   * Writes `bytes` at `address` of the arena, which stay as they are until the job is settled. Returns the job's number, or -1
   * when it is not taken. Waits when a lot is under way.
   */
  write(job: FileJob, descriptor: number, address: number, bytes: number, position: number): number {
    if (!this.#open(JOBS_A_BLOCK)) return -1
    const number = this.#submitted
    this.#ring!.fillWrite(number, descriptor, address, bytes, position)
    this.#submit(job)
    this.#bytesUnderWay += bytes
    // settled or not: half of it should be done
    if (this.#bytesUnderWay > MAXIMUM_BYTES_UNDER_WAY) {
      this.waitFor((this.#settled + ((this.#submitted - this.#settled) >> 1)) | 0)
    }
    return number >>> 0
  }

  /** The thread begins with what it was given now, and waits for no more. */
  wake(): void {
    if (this.#ring !== undefined) Atomics.notify(this.#ring.control, SUBMITTED)
  }

  /** Returns when the job is done, settled or not. */
  waitFor(job: number): void {
    const ring = this.#ring!
    this.wake()
    const deadline = performance.now() + PATIENCE_MILLIS
    for (;;) {
      const done = Atomics.load(ring.control, DONE)
      if (((done - job) | 0) > 0 || this.#ended || performance.now() > deadline) return
      Atomics.wait(ring.control, DONE, done, PATIENCE_MILLIS)
    }
  }

  /** Resolves when all is settled. There is no thread afterwards. */
  async finish(): Promise<void> {
    const ring = this.#ring
    const worker = this.#worker
    if (ring === undefined || worker === undefined) return
    this.#worker = undefined
    Atomics.store(ring.control, STOP, 1)
    this.wake()
    for (this.settle(); this.#settled !== this.#submitted; this.settle()) await sleep(POLL_MILLIS)
    this.#ended = true
    await worker.terminate()
  }

  #open(weight: number): boolean {
    const ring = this.#ring
    if (ring === undefined) {
      this.#asked += weight
      if (this.#asked > JOBS_BEFORE_A_THREAD && !this.#ended) this.#start()
      return false
    }
    if (this.#ended || this.#settling || this.#worker === undefined) return false
    return ((this.#submitted - this.#settled) | 0) < RING_SLOTS && Atomics.load(ring.control, READY) === 1
  }

  #start(): void {
    const ring = new FileRing()
    const data: FileThreadData = { shared: ring.shared, memory: this.#arena.shared }
    const end = () => {
      this.#ended = true
    }
    let worker: Worker
    try {
      // Its own streams are not ours: a pipe between them would make our standard output non-blocking.
      worker = newWorker({ workerData: data, stdout: true, stderr: true })
    } catch {
      // no more threads are allowed here: it goes on without
      end()
      return
    }
    worker.on('error', end)
    worker.on('exit', end)
    worker.unref()
    this.#ring = ring
    this.#worker = worker
  }

  #submit(job: FileJob): void {
    const { control } = this.#ring!
    this.#jobs[slotOf(this.#submitted)] = job
    this.#submitted = (this.#submitted + 1) | 0
    Atomics.store(control, SUBMITTED, this.#submitted)
    if (Atomics.load(control, ASLEEP) === 0) return
    if (((this.#submitted - Atomics.load(control, DONE)) | 0) >= JOBS_TO_WAKE_FOR) Atomics.notify(control, SUBMITTED)
  }

  #settleOne(ring: FileRing, refused: boolean): void {
    const number = this.#settled
    const slot = slotOf(number)
    const job = this.#jobs[slot]!
    this.#jobs[slot] = undefined
    const isWrite = ring.kindOf(number) === JOB_WRITE
    if (isWrite) this.#bytesUnderWay -= ring.bytesOf(number)
    this.#settling = true
    try {
      if (refused) job.onRefused(isWrite ? NOTHING : ring.contentOf(number))
      else {
        this.jobsDone++
        job.onDone()
      }
    } finally {
      this.#settling = false
      // only now may its slot be filled anew
      this.#settled = (number + 1) | 0
    }
  }
}

function newWorker(options: WorkerOptions): Worker {
  const built = !import.meta.url.endsWith('.ts')
  const program = new URL(`./file-thread-worker.${built ? 'js' : 'ts'}`, import.meta.url)
  if (built) return new Worker(program, options)
  // What lets the main thread run from the sources does not reach others.
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import('${program.href}') })`
  return new Worker(load, { ...options, eval: true })
}
