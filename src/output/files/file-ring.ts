// The shared memory through which the file thread (see file-thread.ts) gets its work: a ring of jobs, filled by one
// side and emptied by the other in the same order.

import { SMALL_BLOCK_BYTES } from './file-blocks.ts'

/** Most jobs at a time. */
export const RING_SLOTS = 512
const MAXIMUM_PATH_BYTES = 2048

/** Make a new file with these bytes and this time, and close it. */
export const JOB_MAKE = 1
/** Write bytes of the arena into an open file. */
export const JOB_WRITE = 2

// Words of the control part. Counts of jobs wrap around at 2^32.
/** 1 once the thread takes jobs. */
export const READY = 0
export const SUBMITTED = 1
export const DONE = 2
/** 1: the thread ends as soon as the ring is empty. */
export const STOP = 3
/** 1 while the thread waits to be woken. */
export const ASLEEP = 4
const CONTROL_WORDS = 16

// Words of a slot.
const KIND = 0
/** 1: the job failed and left nothing behind. */
const REFUSED = 1
const BYTES = 2
const PATH_BYTES = 3
const NANOS = 4
const DESCRIPTOR = 5
const ADDRESS = 6
const SLOT_WORDS = 12
// Doubles of a slot, counted in units of two words.
const SECONDS = 4
const POSITION = 5

const HEADER_BYTES = (CONTROL_WORDS + RING_SLOTS * SLOT_WORDS) * 4
const ROOM_BYTES = MAXIMUM_PATH_BYTES + SMALL_BLOCK_BYTES

/** One side's view of the ring. The values of a job can be read until its slot is filled again. */
export class FileRing {
  readonly shared: SharedArrayBuffer
  readonly control: Int32Array
  readonly #words: Int32Array
  readonly #doubles: Float64Array
  /** For each slot: a path, and the contents of a file to be made. */
  readonly #room: Buffer

  /** `shared`: the other side's ring; if absent, a new ring is made. */
  constructor(shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(HEADER_BYTES + RING_SLOTS * ROOM_BYTES)
    this.control = new Int32Array(this.shared, 0, CONTROL_WORDS)
    this.#words = new Int32Array(this.shared, CONTROL_WORDS * 4, RING_SLOTS * SLOT_WORDS)
    this.#doubles = new Float64Array(this.shared, CONTROL_WORDS * 4, (RING_SLOTS * SLOT_WORDS) / 2)
    this.#room = Buffer.from(this.shared, HEADER_BYTES)
  }

  /** False if the path is too long. `content` is copied: at most SMALL_BLOCK_BYTES. */
  fillMake(job: number, path: string, content: Buffer, bytes: number, seconds: number, nanos: number): boolean {
    if (path.length * 3 > MAXIMUM_PATH_BYTES) return false
    const at = slotOf(job) * ROOM_BYTES
    content.copy(this.#room, at + MAXIMUM_PATH_BYTES, 0, bytes)
    this.#set(job, PATH_BYTES, this.#room.write(path, at, 'utf8'))
    this.#set(job, KIND, JOB_MAKE)
    this.#set(job, REFUSED, 0)
    this.#set(job, BYTES, bytes)
    this.#set(job, NANOS, nanos)
    this.#doubles[doublesOf(job) + SECONDS] = seconds
    return true
  }

  fillWrite(job: number, descriptor: number, address: number, bytes: number, position: number): void {
    this.#set(job, KIND, JOB_WRITE)
    this.#set(job, REFUSED, 0)
    this.#set(job, BYTES, bytes)
    this.#set(job, DESCRIPTOR, descriptor)
    this.#set(job, ADDRESS, address)
    this.#doubles[doublesOf(job) + POSITION] = position
  }

  refuse(job: number): void {
    this.#set(job, REFUSED, 1)
  }

  wasRefused(job: number): boolean {
    return this.#get(job, REFUSED) === 1
  }

  kindOf(job: number): number {
    return this.#get(job, KIND)
  }

  bytesOf(job: number): number {
    return this.#get(job, BYTES)
  }

  pathOf(job: number): string {
    const at = slotOf(job) * ROOM_BYTES
    return this.#room.toString('utf8', at, at + this.#get(job, PATH_BYTES))
  }

  /** The ring's own memory. */
  contentOf(job: number): Buffer {
    const at = slotOf(job) * ROOM_BYTES + MAXIMUM_PATH_BYTES
    return this.#room.subarray(at, at + this.#get(job, BYTES))
  }

  secondsOf(job: number): number {
    return this.#doubles[doublesOf(job) + SECONDS]!
  }

  nanosOf(job: number): number {
    return this.#get(job, NANOS)
  }

  descriptorOf(job: number): number {
    return this.#get(job, DESCRIPTOR)
  }

  addressOf(job: number): number {
    return this.#get(job, ADDRESS)
  }

  positionOf(job: number): number {
    return this.#doubles[doublesOf(job) + POSITION]!
  }

  #get(job: number, word: number): number {
    return this.#words[slotOf(job) * SLOT_WORDS + word]!
  }

  #set(job: number, word: number, value: number): void {
    this.#words[slotOf(job) * SLOT_WORDS + word] = value
  }
}

/** Numbers of jobs are signed 32-bit counts. */
export function slotOf(job: number): number {
  return (job >>> 0) % RING_SLOTS
}

function doublesOf(job: number): number {
  return (slotOf(job) * SLOT_WORDS) / 2
}
