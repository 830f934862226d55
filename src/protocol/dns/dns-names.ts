// Names of DNS types, response codes and domains (RFC 1035; numbers as registered with IANA).

import { ByteCache } from '../byte-cache.ts'

const CACHED_NAMES = 1024
const MAXIMUM_NAME_CHARACTERS = 256

const TYPES = new Map<number, string>([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [10, 'NULL'],
  [12, 'PTR'],
  [13, 'HINFO'],
  [15, 'MX'],
  [16, 'TXT'],
  [17, 'RP'],
  [18, 'AFSDB'],
  [24, 'SIG'],
  [25, 'KEY'],
  [28, 'AAAA'],
  [29, 'LOC'],
  [33, 'SRV'],
  [35, 'NAPTR'],
  [36, 'KX'],
  [37, 'CERT'],
  [39, 'DNAME'],
  [41, 'OPT'],
  [42, 'APL'],
  [43, 'DS'],
  [44, 'SSHFP'],
  [45, 'IPSECKEY'],
  [46, 'RRSIG'],
  [47, 'NSEC'],
  [48, 'DNSKEY'],
  [49, 'DHCID'],
  [50, 'NSEC3'],
  [51, 'NSEC3PARAM'],
  [52, 'TLSA'],
  [53, 'SMIMEA'],
  [55, 'HIP'],
  [59, 'CDS'],
  [60, 'CDNSKEY'],
  [61, 'OPENPGPKEY'],
  [62, 'CSYNC'],
  [63, 'ZONEMD'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [99, 'SPF'],
  [108, 'EUI48'],
  [109, 'EUI64'],
  [249, 'TKEY'],
  [250, 'TSIG'],
  [251, 'IXFR'],
  [252, 'AXFR'],
  [255, 'ANY'],
  [256, 'URI'],
  [257, 'CAA'],
  [32768, 'TA'],
  [32769, 'DLV'],
])

const RESPONSE_CODES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
  'DSOTYPENI',
  'RCODE12',
  'RCODE13',
  'RCODE14',
  'RCODE15',
  'BADVERS',
  'BADKEY',
  'BADTIME',
  'BADMODE',
  'BADNAME',
  'BADALG',
  'BADTRUNC',
  'BADCOOKIE',
]

export function isKnownType(type: number): boolean {
  return TYPES.has(type)
}

/** `AAAA`; of an unknown one as in RFC 3597: `TYPE65280`. */
export function typeName(type: number): string {
  return TYPES.get(type) ?? `TYPE${type}`
}

export function responseCodeName(code: number): string {
  return RESPONSE_CODES[code] ?? `RCODE${code}`
}

const names = new ByteCache<string>(CACHED_NAMES)

/**
 * The domain name whose labels, uncompressed and sound, are `buf[start..end)`, the root's empty one included: without the
 * last dot, `.` for the root itself; other bytes than printable ASCII as `\DDD` (RFC 1035 §5.1).
 */
export function domainName(buf: Buffer, start: number, end: number): string {
  const known = names.find(buf, start, end)
  if (known !== undefined) return known
  let text = ''
  for (let pos = start; buf[pos] !== 0; pos += buf[pos]! + 1) {
    if (text !== '') text += '.'
    const labelEnd = pos + 1 + buf[pos]!
    for (let i = pos + 1; i < labelEnd; i++) text += characterOf(buf[i]!)
  }
  const name = text === '' ? '.' : text.slice(0, MAXIMUM_NAME_CHARACTERS)
  names.keep(buf.toString('latin1', start, end), name)
  return name
}

function characterOf(byte: number): string {
  if (byte <= 0x20 || byte >= 0x7f) return `\\${String(byte).padStart(3, '0')}`
  const character = String.fromCharCode(byte)
  return character === '.' || character === '\\' ? `\\${character}` : character
}
