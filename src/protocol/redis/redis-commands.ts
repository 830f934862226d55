// What is known of Redis' commands (redis.io/commands): where the key is, whether the server may wait, which answers fit.

/** Where a command's first key is. Positive: the index of the argument, the command itself being 0. */
export const KEY_NONE = 0
/** The argument after the count of keys, which is the argument -n; none when that count is 0. */
export const KEY_AFTER_COUNT_IN_1 = -1
export const KEY_AFTER_COUNT_IN_2 = -2
/** The argument after the word STREAMS. */
export const KEY_AFTER_STREAMS = -3

/** Where a blocking command says how long the server may wait: in its last argument, or its first. 0 means for ever. */
export const WAITS_NOT = 0
export const WAITS_SECONDS_LAST = 1
export const WAITS_SECONDS_FIRST = 2
export const WAITS_MILLIS_LAST = 3
/** It does not say: the server gathers replicas before it answers them (repl-diskless-sync-delay). */
export const WAITS_UNSAID = 4

export const ANSWER_ANY = 0
/** An integer. */
export const ANSWER_INTEGER = 1
/** A string or null. */
export const ANSWER_STRING = 2
/** An array, a set, a map or null. */
export const ANSWER_ARRAY = 3
/** A simple string: `OK`, `PONG`. */
export const ANSWER_SIMPLE = 4

/** Commands that need more than the table, as RedisRequestText and RedisParser treat them. */
export const SPECIAL_NONE = 0
export const SPECIAL_AUTH = 1
export const SPECIAL_HELLO = 2
export const SPECIAL_CONFIG = 3
export const SPECIAL_ACL = 4
export const SPECIAL_CLIENT = 5
export const SPECIAL_MIGRATE = 6
export const SPECIAL_XREAD = 7
export const SPECIAL_SUBSCRIBE = 8
export const SPECIAL_UNSUBSCRIBE = 9
export const SPECIAL_MONITOR = 10
export const SPECIAL_SYNC = 11
export const SPECIAL_REPLCONF = 12
export const SPECIAL_MULTI = 13
export const SPECIAL_EXEC = 14
export const SPECIAL_RESET = 15
/** One without channels. */
export const SPECIAL_UNSUBSCRIBE_ALL = 16

export interface RedisCommand {
  /** Upper case; '' for one that is not in the table. */
  readonly name: string
  readonly key: number
  /** Whether it blocks: a WAITS_ value. */
  readonly waits: number
  /** The first argument is a part of the name: `CONFIG GET`. */
  readonly container: boolean
  readonly answer: number
  readonly special: number
}

/** Group of commands, then what they have in common. */
const NO_KEY = 'BGREWRITEAOF BGSAVE ECHO FAILOVER INFO LOLWUT PING QUIT RANDOMKEY SAVE SHUTDOWN'
const CONTAINERS = 'CLUSTER COMMAND DEBUG FUNCTION LATENCY MODULE PUBSUB SCRIPT SENTINEL SLOWLOG'
const CONTAINERS_WITH_KEY = 'MEMORY OBJECT XGROUP XINFO'
const KEY_FIRST =
  'BITCOUNT BITFIELD BITFIELD_RO BITPOS COPY DUMP GEOADD GEODIST GEORADIUS GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO ' +
  'GEORADIUS_RO GEOSEARCH GEOSEARCHSTORE HRANDFIELD LCS LINDEX LINSERT LMOVE LPOP LPOS RPOP RPOPLPUSH SET SORT ' +
  'SORT_RO SPOP SRANDMEMBER XADD ZADD ZINCRBY ZRANDMEMBER ZRANK ZREVRANK ZSCORE'
const KEY_FIRST_INTEGER =
  'APPEND DECR DECRBY DEL EXISTS EXPIRE EXPIREAT EXPIRETIME GETBIT HDEL HEXISTS HINCRBY HLEN HSET HSETNX HSTRLEN INCR ' +
  'INCRBY LLEN LPUSH LPUSHX LREM MOVE MSETNX PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PFADD PFCOUNT PTTL PUBLISH ' +
  'RENAMENX RPUSH RPUSHX SADD SCARD SDIFFSTORE SETBIT SETNX SETRANGE SINTERSTORE SISMEMBER SMOVE SPUBLISH SREM STRLEN ' +
  'SUNIONSTORE TOUCH TTL UNLINK XACK XDEL XLEN XTRIM ZCARD ZCOUNT ZDIFFSTORE ZINTERSTORE ZLEXCOUNT ZRANGESTORE ZREM ' +
  'ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE ZUNIONSTORE'
const KEY_FIRST_STRING = 'GET GETDEL GETEX GETRANGE GETSET HGET HINCRBYFLOAT INCRBYFLOAT SUBSTR'
const KEY_FIRST_ARRAY =
  'GEOHASH GEOPOS HGETALL HKEYS HMGET HPEXPIRE HSCAN HVALS LRANGE MGET SDIFF SINTER SMEMBERS SMISMEMBER SSCAN ' +
  'SUNION XAUTOCLAIM XCLAIM XPENDING XRANGE XREVRANGE ZMSCORE ZPOPMAX ZPOPMIN ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ' +
  'ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZSCAN'
const KEY_FIRST_SIMPLE = 'HMSET LSET LTRIM MSET PFMERGE PSETEX RENAME RESTORE SETEX TYPE WATCH'
const NO_KEY_ARRAY = 'KEYS SCAN TIME ROLE'
const NO_KEY_INTEGER = 'DBSIZE LASTSAVE'
const NO_KEY_SIMPLE = 'FLUSHALL FLUSHDB SELECT SWAPDB UNWATCH READONLY READWRITE ASKING REPLICAOF SLAVEOF'

const SIZE = 1024
const table: (RedisCommand | undefined)[] = new Array(SIZE).fill(undefined)

function add(names: string, common: Partial<RedisCommand>): void {
  for (const name of names.split(' ')) {
    let slot = hashOf(Buffer.from(name), 0, name.length)
    while (table[slot] !== undefined) slot = (slot + 1) & (SIZE - 1)
    table[slot] = { ...UNKNOWN_COMMAND, ...common, name }
  }
}

/** A command of a module, or one that is newer than the table: as most, it has a key first. */
export const UNKNOWN_COMMAND: RedisCommand = {
  name: '',
  key: 1,
  waits: WAITS_NOT,
  container: false,
  answer: ANSWER_ANY,
  special: SPECIAL_NONE,
}

add(NO_KEY, { key: KEY_NONE })
add(CONTAINERS, { key: KEY_NONE, container: true })
add(CONTAINERS_WITH_KEY, { key: 2, container: true })
add(KEY_FIRST, {})
add(KEY_FIRST_INTEGER, { answer: ANSWER_INTEGER })
add(KEY_FIRST_ARRAY, { answer: ANSWER_ARRAY })
add(KEY_FIRST_SIMPLE, { answer: ANSWER_SIMPLE })
add(NO_KEY_ARRAY, { key: KEY_NONE, answer: ANSWER_ARRAY })
add(NO_KEY_INTEGER, { key: KEY_NONE, answer: ANSWER_INTEGER })
add(NO_KEY_SIMPLE, { key: KEY_NONE, answer: ANSWER_SIMPLE })
add(KEY_FIRST_STRING, { answer: ANSWER_STRING })
add('BITOP', { key: 2, answer: ANSWER_INTEGER })
add('BLMOVE BLPOP BRPOP BRPOPLPUSH BZPOPMAX BZPOPMIN', { waits: WAITS_SECONDS_LAST })
add('WAIT WAITAOF', { key: KEY_NONE, waits: WAITS_MILLIS_LAST })
add('BLMPOP BZMPOP', { key: KEY_AFTER_COUNT_IN_2, waits: WAITS_SECONDS_FIRST })
add('EVAL EVALSHA EVALSHA_RO EVAL_RO FCALL FCALL_RO', { key: KEY_AFTER_COUNT_IN_2 })
add('LMPOP SINTERCARD ZDIFF ZINTER ZINTERCARD ZMPOP ZUNION', { key: KEY_AFTER_COUNT_IN_1 })
add('XREAD XREADGROUP', { key: KEY_AFTER_STREAMS, special: SPECIAL_XREAD })
add('AUTH', { key: KEY_NONE, special: SPECIAL_AUTH })
add('HELLO', { key: KEY_NONE, special: SPECIAL_HELLO })
add('CONFIG', { key: KEY_NONE, container: true, special: SPECIAL_CONFIG })
add('ACL', { key: KEY_NONE, container: true, special: SPECIAL_ACL })
add('CLIENT', { key: KEY_NONE, container: true, special: SPECIAL_CLIENT })
add('MIGRATE', { key: 3, special: SPECIAL_MIGRATE })
add('SUBSCRIBE PSUBSCRIBE SSUBSCRIBE', { special: SPECIAL_SUBSCRIBE })
add('UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE', { special: SPECIAL_UNSUBSCRIBE })
add('MONITOR', { key: KEY_NONE, special: SPECIAL_MONITOR })
add('SYNC PSYNC', { key: KEY_NONE, waits: WAITS_UNSAID, special: SPECIAL_SYNC })
add('REPLCONF', { key: KEY_NONE, container: true, special: SPECIAL_REPLCONF })
add('MULTI', { key: KEY_NONE, answer: ANSWER_SIMPLE, special: SPECIAL_MULTI })
add('EXEC DISCARD', { key: KEY_NONE, special: SPECIAL_EXEC })
add('RESET', { key: KEY_NONE, special: SPECIAL_RESET })

function hashOf(buf: Buffer, start: number, end: number): number {
  let hash = end - start
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (buf[i]! & 0xdf)) | 0
  return (hash ^ (hash >>> 10)) & (SIZE - 1)
}

/** The command named by `buf[start..end)` in any case; UNKNOWN_COMMAND for none in the table. */
export function findRedisCommand(buf: Buffer, start: number, end: number): RedisCommand {
  if (end - start > 24) return UNKNOWN_COMMAND
  let slot = hashOf(buf, start, end)
  for (;;) {
    const command = table[slot]
    if (command === undefined) return UNKNOWN_COMMAND
    if (isWord(buf, start, end, command.name)) return command
    slot = (slot + 1) & (SIZE - 1)
  }
}

/** Whether `buf[start..end)` is the upper-case `word` in any case. */
export function isWord(buf: Buffer, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false
  for (let i = 0; i < word.length; i++) {
    let byte = buf[start + i]!
    if (byte >= 0x61 && byte <= 0x7a) byte -= 32
    if (byte !== word.charCodeAt(i)) return false
  }
  return true
}
