// DNS messages for tests, byte by byte as in RFC 1035 §4.

export interface MessageFields {
  id?: number
  name?: string
  type?: number
  class?: number
  /** The second 16 bits of the header; the default is that of a query or answer with recursion. */
  flags?: number
  code?: number
  /** How many A records for the name. */
  answers?: number
  /** An OPT record, with this as the upper bits of the response code. */
  edns?: number
  /** Bytes of padding in a TXT record in the answer. */
  padding?: number
  /** Without the question. */
  bare?: boolean
}

export const A = 1
export const AAAA = 28
export const TXT = 16

function nameBytes(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.')
  const parts = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]))
  return Buffer.concat([...parts, Buffer.alloc(1)])
}

function shorts(...values: number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [value >> 8, value & 255]))
}

function message(flags: number, fields: MessageFields): Buffer {
  const { id = 1, name = 'example.com', type = A, answers = 0, edns, padding = 0, bare = false } = fields
  const question = bare ? Buffer.alloc(0) : Buffer.concat([nameBytes(name), shorts(type, fields.class ?? 1)])
  const records = Array.from({ length: answers }, () =>
    Buffer.concat([shorts(0xc00c, A, 1, 0, 60, 4), Buffer.from([192, 0, 2, 1])]),
  )
  if (padding > 0) records.push(Buffer.concat([shorts(0xc00c, TXT, 1, 0, 60, padding), Buffer.alloc(padding, 0x41)]))
  const additional = edns === undefined ? [] : [Buffer.from([0]), shorts(41, 1232, edns << 8, 0, 0)]
  return Buffer.concat([
    shorts(id, (fields.flags ?? flags) | (fields.code ?? 0), bare ? 0 : 1, records.length, 0, additional.length / 2),
    question,
    ...records,
    ...additional,
  ])
}

export function query(fields: MessageFields = {}): Buffer {
  return message(0x0100, fields)
}

export function answer(fields: MessageFields = {}): Buffer {
  return message(0x8180, fields)
}

/** As on TCP: the length, then the message. */
export function framed(...messages: Buffer[]): Buffer {
  return Buffer.concat(messages.flatMap((bytes) => [shorts(bytes.length), bytes]))
}
