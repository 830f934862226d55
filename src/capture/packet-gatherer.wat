;; The capture child's packet callback: libpcap's header and the packet become an Enhanced Packet Block (draft-ietf-opsawg-pcapng)
;; behind those that are gathered already. Called once for each packet, so it calls nothing itself but when there is need.
;;
;; Assembled by test/support/build-wasm.ts. Who calls it is capture-output.ts, which lays out the memory.
(module
  (import "host" "memory" (memory 1 65536))
  ;; Takes away what is gathered, and sets `used` to 0.
  (import "host" "flush" (func $flush))
  ;; Called after as many packets as `packetsUntilCheck` said; sets it anew.
  (import "host" "check" (func $check))
  ;; Called before a packet that is later than `stopMicros`.
  (import "host" "late" (func $late))

  (global $used (export "used") (mut i32) (i32.const 0))
  (global $packetsUntilCheck (export "packetsUntilCheck") (mut i32) (i32.const 0))
  ;; Microseconds since 1970 of the latest packet.
  (global $latestMicros (export "latestMicros") (mut i64) (i64.const 0))
  (global $stopMicros (export "stopMicros") (mut i64) (i64.const 0x7fffffffffffffff))
  ;; Where what is gathered lies, and how long it may get; where libpcap's header and the packet are put, and how much of
  ;; that there is at most. All addresses are multiples of 4.
  (global $gathered (mut i32) (i32.const 0))
  (global $room (mut i32) (i32.const 0))
  (global $header (mut i32) (i32.const 0))
  (global $packet (mut i32) (i32.const 0))
  (global $packetRoom (mut i32) (i32.const 0))

  (func (export "layOut") (param $header i32) (param $packet i32) (param $packetRoom i32) (param $gathered i32) (param $room i32)
    (global.set $header (local.get $header))
    (global.set $packet (local.get $packet))
    (global.set $packetRoom (local.get $packetRoom))
    (global.set $gathered (local.get $gathered))
    (global.set $room (local.get $room)))

  ;; The header: seconds, microseconds, captured and original length, 32 bits each.
  (func (export "onPacket")
    (local $header i32) (local $captured i32) (local $padded i32) (local $at i32) (local $end i32)
    (local $micros i64) (local $nanos i64)
    (local.set $header (global.get $header))
    (local.set $micros (i64.add
      (i64.mul (i64.load32_u (local.get $header)) (i64.const 1000000))
      (i64.load32_u offset=4 (local.get $header))))
    (if (i64.gt_s (local.get $micros) (global.get $stopMicros)) (then (call $late)))
    (local.set $captured (i32.load offset=8 (local.get $header)))
    (if (i32.gt_u (local.get $captured) (global.get $packetRoom))
      (then (local.set $captured (global.get $packetRoom))))
    (local.set $padded (i32.and (i32.add (local.get $captured) (i32.const 3)) (i32.const -4)))
    (if (i32.gt_u (i32.add (local.get $padded) (i32.const 32)) (i32.sub (global.get $room) (global.get $used)))
      (then (call $flush)))
    (local.set $at (i32.add (global.get $gathered) (global.get $used)))
    ;; of the packet, padding included
    (local.set $end (i32.add (local.get $at) (i32.add (local.get $padded) (i32.const 28))))
    (global.set $used (i32.add (global.get $used) (i32.add (local.get $padded) (i32.const 32))))
    (global.set $latestMicros (local.get $micros))

    (local.set $nanos (i64.mul (local.get $micros) (i64.const 1000)))
    (i32.store (local.get $at) (i32.const 6))
    (i32.store offset=4 (local.get $at) (i32.add (local.get $padded) (i32.const 32)))
    (i32.store offset=8 (local.get $at) (i32.const 0)) ;; the only interface
    (i32.store offset=12 (local.get $at) (i32.wrap_i64 (i64.shr_u (local.get $nanos) (i64.const 32))))
    (i32.store offset=16 (local.get $at) (i32.wrap_i64 (local.get $nanos)))
    (i32.store offset=20 (local.get $at) (local.get $captured))
    ;; the padding; where there are no bytes at all, this is the place of what comes next
    (i32.store (i32.sub (local.get $end) (i32.const 4)) (i32.const 0))
    (i32.store offset=24 (local.get $at) (i32.load offset=12 (local.get $header)))
    (memory.copy (i32.add (local.get $at) (i32.const 28)) (global.get $packet) (local.get $captured))
    (i32.store (local.get $end) (i32.add (local.get $padded) (i32.const 32)))

    (global.set $packetsUntilCheck (i32.sub (global.get $packetsUntilCheck) (i32.const 1)))
    (if (i32.eqz (global.get $packetsUntilCheck)) (then (call $check))))
)
