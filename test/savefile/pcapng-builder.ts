// Builds pcapng blocks byte by byte for tests, in either byte order, right or wrong: independent of the writer in src.

export interface Order {
  bigEndian?: boolean
}

function u16(value: number, { bigEndian }: Order): Buffer {
  const b = Buffer.alloc(2)
  if (bigEndian) b.writeUInt16BE(value)
  else b.writeUInt16LE(value)
  return b
}

export function u32(value: number, { bigEndian }: Order = {}): Buffer {
  const b = Buffer.alloc(4)
  if (bigEndian) b.writeUInt32BE(value >>> 0)
  else b.writeUInt32LE(value >>> 0)
  return b
}

export function u64(value: bigint, { bigEndian }: Order = {}): Buffer {
  const b = Buffer.alloc(8)
  if (bigEndian) b.writeBigInt64BE(BigInt.asIntN(64, value))
  else b.writeBigInt64LE(BigInt.asIntN(64, value))
  return b
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}

export function option(code: number, value: Buffer, order: Order = {}): Buffer {
  return Buffer.concat([u16(code, order), u16(value.length, order), padded(value)])
}

export function block(type: number, body: Buffer, order: Order = {}): Buffer {
  const length = u32(12 + body.length, order)
  return Buffer.concat([u32(type, order), length, body, length])
}

export function section(order: Order = {}, options: Buffer = Buffer.alloc(0)): Buffer {
  const body = [u32(0x1a2b3c4d, order), u16(1, order), u16(0, order), u64(-1n, order), options]
  return block(0x0a0d0d0a, Buffer.concat(body), order)
}

export function interfaceBlock(
  linkType: number,
  details: { snapshotLength?: number; options?: Buffer[] } = {},
  order: Order = {},
): Buffer {
  const head = [u16(linkType, order), u16(0, order), u32(details.snapshotLength ?? 0, order)]
  return block(1, Buffer.concat([...head, ...(details.options ?? [])]), order)
}

function time(ticks: bigint, order: Order): Buffer {
  return Buffer.concat([u32(Number(ticks >> 32n), order), u32(Number(ticks & 0xffffffffn), order)])
}

export function packetBlock(
  interfaceNumber: number,
  ticks: bigint,
  bytes: Buffer,
  details: { originalLength?: number; options?: Buffer } = {},
  order: Order = {},
): Buffer {
  const body = [
    u32(interfaceNumber, order),
    time(ticks, order),
    u32(bytes.length, order),
    u32(details.originalLength ?? bytes.length, order),
    padded(bytes),
    details.options ?? Buffer.alloc(0),
  ]
  return block(6, Buffer.concat(body), order)
}

export function oldPacketBlock(interfaceNumber: number, ticks: bigint, bytes: Buffer, order: Order = {}): Buffer {
  const lengths = [u32(bytes.length, order), u32(bytes.length, order)]
  const body = [u16(interfaceNumber, order), u16(0xffff, order), time(ticks, order), ...lengths, padded(bytes)]
  return block(2, Buffer.concat(body), order)
}

export function simplePacketBlock(bytes: Buffer, originalLength: number, order: Order = {}): Buffer {
  return block(3, Buffer.concat([u32(originalLength, order), padded(bytes)]), order)
}

export function statisticsBlock(interfaceNumber: number, ticks: bigint, options: Buffer[], order: Order = {}): Buffer {
  return block(5, Buffer.concat([u32(interfaceNumber, order), time(ticks, order), ...options]), order)
}
