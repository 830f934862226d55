// Parses the head of an HTTP/1 request (RFC 9112), as far as --metrics needs it: method, path and Host. Each connection
// gets one request read and one answer. Node's own server would read all pipelined requests and keep an answer for
// each.

/** Most bytes of a head. */
export const MAXIMUM_HEAD_BYTES = 8192

export interface RequestHead {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Host and port as sent; undefined if there is none (HTTP/1.0 only). */
  readonly host: string | undefined
}

// A line may end in LF alone (RFC 9112 §2.2).
const END_OF_HEAD = /\r?\n\r?\n/
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/1\.([01])$/
const ABSOLUTE_TARGET = /^https?:\/\/([^/?#]*)([^?#]*)/i

/**
 * The request at the beginning of `text` (latin1). undefined while its head is not complete; 'malformed' if it is not a
 * request, or lacks the Host that HTTP/1.1 demands, or has two.
 */
export function parseRequestHead(text: string): RequestHead | 'malformed' | undefined {
  const start = /^(\r?\n)*/.exec(text)![0].length
  const end = text.slice(start).search(END_OF_HEAD)
  if (end < 0) return undefined
  const [line = '', ...fields] = text.slice(start, start + end).split(/\r?\n/)
  const parts = REQUEST_LINE.exec(line)
  if (parts === null) return 'malformed'
  const [, method = '', target = '', minor] = parts
  const hosts = fields.filter((field) => /^host[ \t]*:/i.test(field))
  if (hosts.length > 1 || (hosts.length === 0 && minor === '1')) return 'malformed'
  const host = hosts[0]?.slice(hosts[0].indexOf(':') + 1).trim()
  const absolute = ABSOLUTE_TARGET.exec(target)
  // An absolute target outweighs the field (RFC 9112 §3.2.2).
  if (absolute !== null) return { method, host: absolute[1], path: absolute[2] || '/' }
  return { method, host, path: target.split('?')[0]! }
}

/**
 * Whether a Host names this machine: localhost, 127.0.0.0/8 or [::1], with or without a port. A web page can make its
 * own name point to 127.0.0.1 (DNS rebinding) and read what is served there; but then the Host is still the page's
 * name.
 */
export function isLoopbackHost(host: string): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d{0,5})?$/.exec(host)?.[1]?.toLowerCase()
  if (name === undefined) return false
  if (name === 'localhost' || name === 'localhost.' || name === '[::1]') return true
  const bytes = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(name)
  return bytes?.slice(1).every((byte) => Number(byte) <= 255) ?? false
}
