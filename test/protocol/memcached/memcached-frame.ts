// Writes a frame of memcached's binary protocol.

interface Parts {
  key?: string
  /** Bytes of extras and value, zeros. */
  extras?: number
  value?: number | Buffer
  status?: number
  opaque?: number
}

export function frame(magic: 0x80 | 0x81, opcode: number, parts: Parts = {}): Buffer {
  const key = Buffer.from(parts.key ?? '')
  const extras = Buffer.alloc(parts.extras ?? 0)
  const value = typeof parts.value === 'object' ? parts.value : Buffer.alloc(parts.value ?? 0)
  const header = Buffer.alloc(24)
  header[0] = magic
  header[1] = opcode
  header.writeUInt16BE(key.length, 2)
  header[4] = extras.length
  header.writeUInt16BE(parts.status ?? 0, 6)
  header.writeUInt32BE(key.length + extras.length + value.length, 8)
  header.writeUInt32BE(parts.opaque ?? 0, 12)
  return Buffer.concat([header, extras, key, value])
}
