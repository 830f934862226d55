// Whole pcap files for tests, out of frames with times. See packet-builder.ts for the frames.

import { type Moment, timestampOf } from './packet-builder.ts'

export interface PcapOptions {
  /** Default 1, Ethernet. */
  linkType?: number
  /** Nanoseconds instead of microseconds. */
  nanoseconds?: boolean
  bigEndian?: boolean
  /** Frames longer than this are cut, as a capture does. Default 262144. */
  snapshotLength?: number
}

export interface PcapFrame {
  frame: Buffer
  time: Moment
  /** Default: the frame's length before the snapshot length cuts it. */
  originalLength?: number
}

/** A pcap file with these frames. */
export function pcapFile(frames: readonly PcapFrame[], options: PcapOptions = {}): Buffer {
  const snapshotLength = options.snapshotLength ?? 262144
  const words = (...values: number[]) => {
    const buf = Buffer.alloc(values.length * 4)
    values.forEach((value, i) => {
      if (options.bigEndian) buf.writeUInt32BE(value >>> 0, i * 4)
      else buf.writeUInt32LE(value >>> 0, i * 4)
    })
    return buf
  }
  const version = options.bigEndian ? 0x00020004 : 0x00040002
  const magic = options.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4
  const parts: Buffer[] = [words(magic, version, 0, 0, snapshotLength, options.linkType ?? 1)]
  for (const { frame, time, originalLength } of frames) {
    const { seconds, nanos } = timestampOf(time)
    const fraction = options.nanoseconds ? nanos : Math.floor(nanos / 1000)
    const kept = frame.subarray(0, snapshotLength)
    parts.push(words(seconds, fraction, kept.length, originalLength ?? frame.length), kept)
  }
  return Buffer.concat(parts)
}

/** Frames a millisecond apart, from a fixed moment on: for tests in which time does not matter. */
export function pcapOf(frames: readonly Buffer[], options: PcapOptions = {}): Buffer {
  return pcapFile(
    frames.map((frame, i) => ({ frame, time: 1_700_000_000 + i / 1000 })),
    options,
  )
}
