// Requests of protocols that have no parser here, and by which the server is asked to wait until there is something to say.

const MONGODB_MESSAGE = 2013
/** Of the document in an awaitable hello (MongoDB, "Server Discovery and Monitoring"): the server answers when it changes. */
const TOPOLOGY_VERSION = 'topologyVersion\0'

/** Fetch, JoinGroup, SyncGroup (Apache Kafka, protocol guide, "The Messages"). */
const KAFKA_WAITING = [1, 11, 14]
const KAFKA_HEADER_BYTES = 14
const LATEST_KAFKA_VERSION = 30
const LONGEST_CLIENT_ID = 255

/** `head[0..length)` is the beginning of a request of `bytes` bytes. */
export function asksToWait(head: Buffer, length: number, bytes: number): boolean {
  return isMongodbHello(head, length) || isKafkaWait(head, length, bytes)
}

function isMongodbHello(head: Buffer, length: number): boolean {
  if (length < 26 || head.readUInt32LE(12) !== MONGODB_MESSAGE) return false
  return head.toString('latin1', 0, length).includes(TOPOLOGY_VERSION)
}

/** Length, key, version, correlation id, client id: a string with its length before it, -1 for none. */
function isKafkaWait(head: Buffer, length: number, bytes: number): boolean {
  if (length < KAFKA_HEADER_BYTES || head.readUInt32BE(0) !== bytes - 4) return false
  const idLength = head.readInt16BE(12)
  return (
    KAFKA_WAITING.includes(head.readUInt16BE(4)) &&
    head.readUInt16BE(6) <= LATEST_KAFKA_VERSION &&
    idLength >= -1 &&
    idLength <= LONGEST_CLIENT_ID
  )
}
