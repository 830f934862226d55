// Takes the bytes that the writers write.

/** Takes `buf[start..end)`, lent: it must be copied or written before the call returns. */
export type ByteSink = (buf: Buffer, start: number, end: number) => void
