// A script as somebody else would write it in TypeScript: that it compiles is half of its test.

import type {
  Script,
  ScriptConnection,
  ScriptData,
  ScriptExchange,
  ScriptRun,
} from '../../src/script/script-types.d.ts'

export function onConnection(connection: ScriptConnection, event: 'open' | 'close', run: ScriptRun): void {
  run.print(`${event} ${connection.client.address}\n`)
}

export function onData({ direction, data }: ScriptData): void {
  console.log(direction, data.length)
}

export async function onExchange(exchange: ScriptExchange): Promise<void> {
  console.log(exchange.protocol, exchange.statusText)
}

export const onEnd: NonNullable<Script['onEnd']> = (run) => run.print(Buffer.from('end\n'))
