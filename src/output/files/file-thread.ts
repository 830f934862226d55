// A second thread that makes small files and writes full blocks while the main thread goes on reading. Making a file
// costs the kernel thirty times what reassembling its bytes costs us, and copying a block costs about as much as
// filling it; two processors do both in little more than half the time. The thread gives back what it cannot do, and
// the main thread does it as if there were no other.

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

/** Whoever gave a job is told what became of it, in the order given. He may do anything then except give jobs. */
export interface FileJob {
  onDone(): void
  /** The job failed and left nothing behind. `content` is that of a file to be made; valid until this returns. */
  onRefused(content: Buffer): void
}

/**
 * A thread costs 30 ms and some memory, which a few files are not worth. One full block counts as several small ones.
 */
const JOBS_BEFORE_A_THREAD = 512
const JOBS_A_BLOCK = 4
/** Most bytes of full blocks at a time: enough that the thread never waits for us. */
const MAXIMUM_BYTES_UNDER_WAY = 4 * 1024 * 1024
/** Waking the thread costs as much as writing a block, so it should find more than one. */
const JOBS_TO_WAKE_FOR = 8
const PATIENCE_MILLIS = 10_000
const POLL_MILLIS = 1
const NOTHING = Buffer.alloc(0)

export class FileThread {
  /** Jobs that the thread has done and that were settled. */
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

  /** There will be much to do: the thread starts now, so that it is ready when the first job comes. */
  expectMuch(): void {
    if (this.#ring === undefined && !this.#ended) this.#start()
  }

  /** Tells those who gave jobs what was done since the last call. */
  settle(): void {
    const ring = this.#ring
    if (ring === undefined || this.#settling) return
    const done = Atomics.load(ring.control, DONE)
    while (this.#settled !== done) this.#settleOne(ring, ring.wasRefused(this.#settled))
    // it died: the others do what it has left undone
    if (this.#ended) while (this.#settled !== this.#submitted) this.#settleOne(ring, true)
  }

  /**
   * Makes the file at `path` with `bytes` of `content`, which are copied, and sets its time. Returns the job's number
   * for `waitFor`, or -1 if the job is not accepted: there is no thread yet, or it has enough to do.
   */
  make(job: FileJob, path: string, content: Buffer, bytes: number, seconds: number, nanos: number): number {
    const number = this.#submitted
    if (!this.#open(1) || !this.#ring!.fillMake(number, path, content, bytes, seconds, nanos)) return -1
    this.#submit(job)
    return number >>> 0
  }

  /**
   * Writes `bytes` at `address` of the arena, which must not change until the job is settled. Returns the job's number,
   * or -1 if the job is not accepted. Waits if much is waiting to be written.
   */
  write(job: FileJob, descriptor: number, address: number, bytes: number, position: number): number {
    if (!this.#open(JOBS_A_BLOCK)) return -1
    const number = this.#submitted
    this.#ring!.fillWrite(number, descriptor, address, bytes, position)
    this.#submit(job)
    this.#bytesUnderWay += bytes
    // settled or not: until half of it is done
    if (this.#bytesUnderWay > MAXIMUM_BYTES_UNDER_WAY) {
      this.waitFor((this.#settled + ((this.#submitted - this.#settled) >> 1)) | 0)
    }
    return number >>> 0
  }

  /** The thread begins with the jobs that it has, and does not wait for more. */
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

  /** Resolves when everything is settled. There is no thread afterwards. */
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
      // The thread does not get our streams: a pipe between them would make our standard output non-blocking.
      worker = newWorker({ workerData: data, stdout: true, stderr: true })
    } catch {
      // no more threads are allowed here: go on without one
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
      // only now may its slot be filled again
      this.#settled = (number + 1) | 0
    }
  }
}

function newWorker(options: WorkerOptions): Worker {
  const built = !import.meta.url.endsWith('.ts')
  const program = new URL(`./file-thread-worker.${built ? 'js' : 'ts'}`, import.meta.url)
  if (built) return new Worker(program, options)
  // What lets the main thread run from the sources does not work in other threads.
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import('${program.href}') })`
  return new Worker(load, { ...options, eval: true })
}
