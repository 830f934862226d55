// The ways in which captures are compressed, told by their first bytes. The decoders are loaded when one is met.

import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import type { Turns } from '../core/turns.ts'
import { ZstdFrames } from './zstd-frames.ts'

/** Gives the next piece of compressed data, undefined at the end. A piece is never written to again. */
export type NextPiece = () => Promise<Buffer | undefined>

/**
 * Yields decompressed pieces of bounded size, none of which is written to again; throws any Error on damage. What was
 * decoded before the damage is yielded. `turns` are taken while nothing comes out.
 */
export type Decompress = (next: NextPiece, turns: Turns) => AsyncGenerator<Uint8Array, void, undefined>

/** Thrown when the input ends where more must follow. */
export class EndsEarly extends Error {}

export interface Compression {
  readonly name: string
  readonly decompress: Decompress
  /** The decoder keeps back what it had when it fails, so another run in smaller pieces gives more. */
  readonly losesTailOnDamage: boolean
}

/** Bytes that identify() wants to see, where there are so many. */
export const MAGIC_BYTES = 6

const OUTPUT_BYTES = 65536
/** As the zstd program allows without being asked. */
const MAXIMUM_ZSTD_WINDOW_BYTES = 128 << 20

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

/** Members that follow each other are one file, which node:zlib sees to; so it does to padding with zeros. */
async function* gunzip(next: NextPiece): AsyncGenerator<Uint8Array, void, undefined> {
  yield* throughStream(zlib.createGunzip({ chunkSize: OUTPUT_BYTES }), next)
}

/** The parts of a decompressor of node:zlib that its types do not have in every version. */
interface ZlibTransform extends Transform {
  /** Compressed bytes taken. */
  bytesWritten: number
}

/**
 * Pulls through a stream of node:zlib so that what a failing write had produced before is still handed on. Returns what
 * it left of its last piece when it came to an end of its own, undefined when the input did.
 */
async function* throughStream(
  stream: ZlibTransform,
  next: NextPiece,
): AsyncGenerator<Uint8Array, Buffer | undefined, undefined> {
  let failure: Error | undefined
  let ended = false
  let given = 0
  let wake = () => {}
  stream.on('error', (error) => {
    failure = error
    wake()
  })
  stream.on('end', () => {
    ended = true
    wake()
  })
  stream.on('readable', () => wake())
  try {
    for (;;) {
      const piece = await next()
      given += piece?.length ?? 0
      let taken = false
      if (piece === undefined) stream.end()
      else {
        stream.write(piece, () => {
          taken = true
          wake()
        })
      }
      for (;;) {
        const output: Buffer | null = stream.read()
        if (output !== null) {
          yield output
          continue
        }
        if (failure !== undefined) throw piece === undefined ? new EndsEarly() : failure
        // It may say that it has taken a piece of which it left some, before it says that it has ended.
        const left = given - stream.bytesWritten
        if (ended || (taken && left > 0)) return piece?.subarray(piece.length - left)
        if (taken) break
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    stream.destroy()
  }
}

async function* unzstd(next: NextPiece, turns: Turns): AsyncGenerator<Uint8Array, void, undefined> {
  const native = (zlib as { createZstdDecompress?: (options: { chunkSize: number }) => ZlibTransform })
    .createZstdDecompress
  if (native === undefined) {
    yield* unzstdInJavaScript(next, turns)
    return
  }
  // It ends after a frame that ends within a piece, and another one costs a millisecond and a window: so pieces end where
  // frames do. Should it end all the same, the rest is for another one.
  let rest: Buffer | undefined
  let ahead: Buffer | undefined
  const frames = new ZstdFrames()
  const restAndNext = async () => {
    const piece = rest ?? ahead ?? (await next())
    if (rest !== undefined || piece === undefined) {
      rest = undefined
      return piece
    }
    const end = frames.push(piece)
    ahead = end < piece.length ? piece.subarray(end) : undefined
    return piece.subarray(0, end)
  }
  do rest = yield* throughStream(native({ chunkSize: OUTPUT_BYTES }), restAndNext)
  while (rest !== undefined && rest.length > 0)
  // Node 22's says nothing when a frame is cut off.
  if (!frames.whole) throw new EndsEarly()
}

/** It does not check checksums: before Node 22.15, damage that still decodes goes unnoticed. */
async function* unzstdInJavaScript(next: NextPiece, turns: Turns): AsyncGenerator<Uint8Array, void, undefined> {
  const { ZstdStream } = await import('../core/zstd/zstd-stream.ts')
  const stream = new ZstdStream(MAXIMUM_ZSTD_WINDOW_BYTES)
  for (;;) {
    const piece = await next()
    if (piece === undefined) {
      if (!stream.atFrameEnd) throw new EndsEarly()
      return
    }
    for (let at = 0; at < piece.length; ) {
      at = stream.push(piece, at, piece.length)
      const { output, outputStart, outputEnd } = stream
      if (outputEnd > outputStart) yield Buffer.from(output.subarray(outputStart, outputEnd))
      if (stream.failure === 'window') throw new Error('a frame wants more than 128 MiB of memory')
      if (stream.failure !== '') throw new Error('this is no zstd data')
      if (turns.due) await turns.take()
    }
  }
}

async function* unxz(next: NextPiece, turns: Turns): AsyncGenerator<Uint8Array, void, undefined> {
  const loaded = await import('xz-decompress')
  // CommonJS: what `import` makes of it differs between Node, the bundle and tsx.
  const { XzReadableStream } = loaded.default ?? loaded
  let ended = false
  const compressed = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = await next()
        if (piece !== undefined) return controller.enqueue(piece)
        ended = true
        controller.close()
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
      if (turns.due) await turns.take()
    }
  } catch (error) {
    throw ended ? new EndsEarly() : error
  } finally {
    // Else the library waits for ever before it reads another file.
    await reader.cancel().catch(() => {})
  }
}

async function* bunzip2(next: NextPiece, turns: Turns): AsyncGenerator<Uint8Array, void, undefined> {
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
  const bits = bitIterator(() => {
    const piece = queue.shift()
    if (piece === undefined) throw new EndsEarly()
    return piece
  })
  // Used again by every block of every stream: a block writes what it reads of it.
  let work = new Int32Array(0)
  const output = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  for (;;) {
    // The bits of a block come without waiting, so all of it must be there: it is never larger than this.
    await gather(bits.bytesRead + 4)
    if (bits.bytesRead >= available) return
    const blockBytes = 100_000 * bzip2.header(bits)
    if (work.length < blockBytes) work = new Int32Array(blockBytes)
    let crc: number | null = 0
    while (crc !== null) {
      await gather(bits.bytesRead + blockBytes + 25_000)
      const outputs: Uint8Array[] = []
      let length = 0
      const put = (byte: number) => {
        if (length === OUTPUT_BYTES) {
          outputs.push(Buffer.from(output))
          length = 0
        }
        output[length++] = byte
      }
      crc = bzip2.decompress(bits, put, work, blockBytes, crc)
      yield* outputs
      if (length > 0) yield Buffer.from(output.subarray(0, length))
      if (turns.due) await turns.take()
    }
  }
}
