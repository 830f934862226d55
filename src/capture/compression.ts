// The ways in which captures are compressed, told by their first bytes. The decoders are loaded when one is met.

import type { Transform } from 'node:stream'
import zlib from 'node:zlib'

/** Gives the next piece of compressed data, undefined at the end. A piece is never written to again. */
export type NextPiece = () => Promise<Buffer | undefined>

/**
 * Yields decompressed pieces of bounded size, none of which is written to again; throws any Error on damage. What was
 * decoded before the damage is yielded.
 */
export type Decompress = (next: NextPiece) => AsyncGenerator<Uint8Array, void, undefined>

export interface Compression {
  readonly name: string
  readonly decompress: Decompress
  /** The decoder keeps back what it had when it fails, so a second run in single bytes gives more. */
  readonly losesTailOnDamage: boolean
}

/** Bytes that identify() wants to see, where there are so many. */
export const MAGIC_BYTES = 6

const GZIP: Compression = { name: 'gzip', decompress: gunzip, losesTailOnDamage: true }
const ZSTD: Compression = { name: 'zstd', decompress: unzstd, losesTailOnDamage: false }
const XZ: Compression = { name: 'xz', decompress: unxz, losesTailOnDamage: true }
const BZIP2: Compression = { name: 'bzip2', decompress: bunzip2, losesTailOnDamage: false }

/** undefined: not compressed, as far as can be seen. */
export function identifyCompression(buf: Buffer, start: number, end: number): Compression | undefined {
  const head = buf.toString('latin1', start, Math.min(end, start + MAGIC_BYTES))
  if (head.startsWith('\x1f\x8b')) return GZIP
  // A zstd file may begin with a skippable frame, as pzstd's do.
  if (head.startsWith('\x28\xb5\x2f\xfd') || /^[\x50-\x5f]\x2a\x4d\x18/.test(head)) return ZSTD
  if (head.startsWith('\xfd7zXZ\0')) return XZ
  if (/^BZh[1-9]/.test(head)) return BZIP2
  return undefined
}

/** Could more bytes turn this into one of the above? */
export function mayBeCompression(firstByte: number): boolean {
  return firstByte === 0x1f || firstByte === 0x28 || firstByte >>> 4 === 5 || firstByte === 0xfd || firstByte === 0x42
}

function gunzip(next: NextPiece): AsyncGenerator<Uint8Array, void, undefined> {
  return throughStream(zlib.createGunzip({ chunkSize: 65536 }), next)
}

/** Pulls through a stream of node:zlib so that what a failing write had produced before is still handed on. */
async function* throughStream(stream: Transform, next: NextPiece): AsyncGenerator<Uint8Array, void, undefined> {
  let failure: Error | undefined
  let wake = () => {}
  stream.on('error', (error) => {
    failure = error
    wake()
  })
  stream.on('readable', () => wake())
  try {
    for (;;) {
      const piece = await next()
      let taken = false
      const onTaken = () => {
        taken = true
        wake()
      }
      if (piece === undefined) stream.once('end', onTaken).end()
      else stream.write(piece, onTaken)
      for (;;) {
        const output: Buffer | null = stream.read()
        if (output !== null) {
          yield output
          continue
        }
        if (failure !== undefined) throw failure
        if (taken) break
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      if (piece === undefined) return
    }
  } finally {
    stream.destroy()
  }
}

async function* unzstd(next: NextPiece): AsyncGenerator<Uint8Array, void, undefined> {
  const native = (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress
  if (native !== undefined) {
    yield* throughStream(native(), next)
    return
  }
  const { Decompress } = await import('fzstd')
  const outputs: Uint8Array[] = []
  const decoder = new Decompress((output) => {
    if (output.length > 0) outputs.push(output)
  })
  for (;;) {
    const piece = await next()
    const length = piece?.length ?? 0
    // Four bytes can stand for 128 KiB: little at a time keeps what a piece can become within bounds.
    for (let at = 0; at < length; at += 512) {
      yield* pushed(() => decoder.push(piece!.subarray(at, at + 512)), outputs)
    }
    if (piece === undefined) {
      yield* pushed(() => decoder.push(new Uint8Array(0), true), outputs)
      return
    }
  }
}

/** Runs a push, hands on what it put out, and only then fails if it failed. */
function* pushed(push: () => void, outputs: Uint8Array[]): Generator<Uint8Array, void, undefined> {
  let failure: unknown
  try {
    push()
  } catch (error) {
    failure = error
  }
  yield* outputs.splice(0)
  if (failure !== undefined) throw failure
}

/** Concatenated streams are one file; the library stops after each, so their seams are looked for here. */
async function* unxz(next: NextPiece): AsyncGenerator<Uint8Array, void, undefined> {
  const { XzReadableStream } = (await import('xz-decompress')).default
  let piece = await next()
  while (piece !== undefined) {
    let unread: Buffer | undefined = piece
    let last: Buffer = piece
    const compressed = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const given: Buffer | undefined = unread ?? (await next())
          unread = undefined
          if (given === undefined) return controller.close()
          last = given
          controller.enqueue(given)
        },
      },
      { highWaterMark: 0 },
    )
    const reader = new XzReadableStream(compressed).getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        if (value.length > 0) yield value
      }
    } finally {
      await reader.cancel().catch(() => {})
    }
    const following: Buffer | undefined = await next()
    const rest: Buffer = following === undefined ? last : Buffer.concat([last, following])
    // The footer's magic, padding in words of zeros, the next header's magic.
    const seam = /YZ(?:\0{4})*(?=\xfd7zXZ\0)/.exec(rest.toString('latin1'))
    piece = seam === null ? undefined : rest.subarray(seam.index + seam[0].length)
  }
}

async function* bunzip2(next: NextPiece): AsyncGenerator<Uint8Array, void, undefined> {
  const bzip2 = (await import('unbzip2-stream/lib/bzip2.js')).default
  const bitIterator = (await import('unbzip2-stream/lib/bit_iterator.js')).default
  const queue: Buffer[] = []
  let available = 0
  let ended = false
  const gather = async (bytes: number): Promise<void> => {
    while (!ended && available < bytes) {
      const piece = await next()
      if (piece === undefined) ended = true
      else {
        queue.push(piece)
        available += piece.length
      }
    }
  }
  await gather(4)
  const bits = bitIterator(() => queue.shift())
  for (;;) {
    // The bits of a block come without waiting, so all of it must be there: it is never larger than this.
    await gather(bits.bytesRead + 4)
    if (bits.bytesRead >= available) return
    const blockBytes = 100_000 * bzip2.header(bits)
    const work = new Int32Array(blockBytes)
    let crc: number | null = 0
    while (crc !== null) {
      await gather(bits.bytesRead + blockBytes + 25_000)
      work.fill(0)
      let output = Buffer.allocUnsafeSlow(blockBytes)
      let length = 0
      const put = (byte: number) => {
        if (length === output.length) output = Buffer.concat([output, Buffer.allocUnsafeSlow(output.length)])
        output[length++] = byte
      }
      crc = bzip2.decompress(bits, put, work, blockBytes, crc)
      if (length > 0) yield output.subarray(0, length)
    }
  }
}
