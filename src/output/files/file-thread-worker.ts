// The code of the file thread: does the ring's jobs in their order until it is told to stop.

import { closeSync, openSync, unlinkSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { writeAll } from '../writing/write-all.ts'
import { NEW_FILE, PRIVATE_FILE } from './file-folder.ts'
import { ASLEEP, DONE, FileRing, JOB_MAKE, READY, STOP, SUBMITTED } from './file-ring.ts'
import type { FileThreadData } from './file-thread.ts'
import { setFileTimes } from './file-times.ts'

const { shared, memory } = workerData as FileThreadData
const ring = new FileRing(shared)
const arena = Buffer.from(memory)
const { control } = ring

Atomics.store(control, READY, 1)
for (let job = 0; ; ) {
  const submitted = Atomics.load(control, SUBMITTED)
  if (job === submitted) {
    if (Atomics.load(control, STOP) === 1) break
    Atomics.store(control, ASLEEP, 1)
    Atomics.wait(control, SUBMITTED, submitted)
    Atomics.store(control, ASLEEP, 0)
    continue
  }
  if (!(ring.kindOf(job) === JOB_MAKE ? make(job) : write(job))) ring.refuse(job)
  job = (job + 1) | 0
  Atomics.store(control, DONE, job)
  Atomics.notify(control, DONE)
}

/** False if it could not be made: the name is taken, the disk is full … The other side finds out why. */
function make(job: number): boolean {
  const path = ring.pathOf(job)
  let descriptor: number
  try {
    descriptor = openSync(path, NEW_FILE, PRIVATE_FILE)
  } catch {
    return false
  }
  if (fill(descriptor, job) && closed(descriptor)) return true
  try {
    unlinkSync(path)
  } catch {
    // gone already
  }
  return false
}

/** False if not all of it could be written; the file is closed then. */
function fill(descriptor: number, job: number): boolean {
  try {
    writeAll(descriptor, ring.contentOf(job), 0, ring.bytesOf(job), 0)
    setFileTimes(descriptor, ring.secondsOf(job), ring.nanosOf(job))
    return true
  } catch {
    closed(descriptor)
    return false
  }
}

/**
 * False if the bytes could not be written. The descriptor is closed either way, and its number may belong to another
 * file by now.
 */
function closed(descriptor: number): boolean {
  try {
    closeSync(descriptor)
    return true
  } catch {
    return false
  }
}

function write(job: number): boolean {
  try {
    const address = ring.addressOf(job)
    writeAll(ring.descriptorOf(job), arena, address, address + ring.bytesOf(job), ring.positionOf(job))
    return true
  } catch {
    return false
  }
}
