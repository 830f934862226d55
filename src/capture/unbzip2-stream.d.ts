// The parts of unbzip2-stream that we use: its block decoder, because its stream decodes without bound at the end.

declare module 'unbzip2-stream/lib/bzip2.js' {
  /** Reads `count` bits; null skips to the next whole byte. */
  export type BitReader = { (count: number | null): number; bytesRead: number }
  const bzip2: {
    /** Reads a stream header; returns the block size in units of 100,000 bytes. Throws when it is none. */
    header(bits: BitReader): number
    /** Decodes a block, byte by byte, and returns the running CRC; null after the stream's end. Throws on damage. */
    decompress(
      bits: BitReader,
      output: (byte: number) => void,
      work: Int32Array,
      workSize: number,
      streamCrc: number,
    ): number | null
  }
  export default bzip2
}

declare module 'unbzip2-stream/lib/bit_iterator.js' {
  import type { BitReader } from 'unbzip2-stream/lib/bzip2.js'
  export default function bitIterator(nextBuffer: () => Uint8Array): BitReader
}
