;; The usual packet of a file, taken apart and reassembled without JavaScript: a record of a little-endian pcap file with an
;; Ethernet frame, IPv4 without options or fragments, and TCP of a connection in the table below, with nothing in it but an
;; acknowledgement that is no surprise and bytes that are due. Those are put where the flow gathers what is to be written.
;; Anything else is left where it lies for those who know more: no state is changed by a record that is not taken.
;;
;; Assembled by test/support/build-wasm.ts. Who calls it is fast-path-table.ts, which names the offsets in
;; `$h`; fast-path-entry.ts names those in entries.
(module
  (import "arena" "memory" (memory 0 65536 shared))

  ;; Addresses from `source` on as they lie in a packet, as one word of 64 bits, and the ports behind them: where in the table of
  ;; 16384 entries (64 bytes each, from a multiple of 128 on) to look. The entry next to it (its address with bit 6 flipped)
  ;; is the other place where it may be.
  (func $home (param $entries i32) (param $addresses i64) (param $ports i32) (result i32)
    (i32.add (local.get $entries)
      (i32.shl
        (i32.wrap_i64 (i64.shr_u
          (i64.mul
            (i64.xor (local.get $addresses) (i64.mul (i64.extend_i32_u (local.get $ports)) (i64.const 0x9e3779b97f4a7c15)))
            (i64.const 0xd6e8feb86659fd93))
          (i64.const 50)))
        (i32.const 6))))

  ;; The same for the addresses and ports at `key`.
  (func (export "home") (param $entries i32) (param $key i32) (result i32)
    (call $home (local.get $entries) (i64.load (local.get $key)) (i32.load offset=8 (local.get $key))))

  (func $swap32 (param $x i32) (result i32)
    (i32.or
      (i32.and (i32.rotl (local.get $x) (i32.const 8)) (i32.const 0x00ff00ff))
      (i32.and (i32.rotr (local.get $x) (i32.const 8)) (i32.const 0xff00ff00))))

  ;; Takes records from `$at` on that end by `$end`. Returns the address of the first that it did not take and says why in
  ;; `$h`: 0, it is for others; 1, its time is before the latest or has reached the limit; 2, the record before it has filled
  ;; the memory of an entry, and the rest of its bytes are for others. The latest time is kept in `$h`, too.
  (func (export "run") (param $h i32) (param $at i32) (param $end i32) (result i32)
    (local $entries i32) (local $dirty i32) (local $perSecond i32) (local $latest i64) (local $limit i64)
    (local $start i32) (local $captured i32) (local $stop i32) (local $packetEnd i32) (local $payload i32)
    (local $length i32) (local $room i32) (local $entry i32) (local $peer i32) (local $addresses i64) (local $ports i32)
    (local $ticks i32) (local $time i64) (local $acknowledgement i32) (local $behind i32) (local $lag i32)
    (local $packets i32) (local $frameBytes i32) (local $why i32)
    (local.set $entries (i32.load offset=32 (local.get $h)))
    (local.set $dirty (i32.load offset=36 (local.get $h)))
    (local.set $perSecond (i32.load (local.get $h)))
    (local.set $latest (i64.add
      (i64.mul (i64.load32_u offset=4 (local.get $h)) (i64.extend_i32_u (local.get $perSecond)))
      (i64.load32_u offset=8 (local.get $h))))
    (local.set $limit (i64.add
      (i64.mul (i64.load32_u offset=12 (local.get $h)) (i64.extend_i32_u (local.get $perSecond)))
      (i64.load32_u offset=16 (local.get $h))))
    (block $done
      (loop $next
        ;; the record, of which all bytes are there and were on the wire
        (local.set $start (i32.add (local.get $at) (i32.const 16)))
        (br_if $done (i32.gt_u (local.get $start) (local.get $end)))
        (local.set $captured (i32.load offset=8 (local.get $at)))
        (br_if $done (i32.ne (local.get $captured) (i32.load offset=12 (local.get $at))))
        (br_if $done (i32.gt_u (i32.sub (local.get $captured) (i32.const 54)) (i32.const 262144)))
        (local.set $stop (i32.add (local.get $start) (local.get $captured)))
        (br_if $done (i32.gt_u (local.get $stop) (local.get $end)))
        ;; EtherType, version and header length, more fragments and offset, protocol
        (br_if $done (i32.ne (i32.load16_u offset=12 (local.get $start)) (i32.const 0x0008)))
        (br_if $done (i32.ne (i32.load8_u offset=14 (local.get $start)) (i32.const 0x45)))
        (br_if $done (i32.and (i32.load16_u offset=20 (local.get $start)) (i32.const 0xff3f)))
        (br_if $done (i32.ne (i32.load8_u offset=23 (local.get $start)) (i32.const 6)))
        (local.set $packetEnd (i32.add
          (i32.add (local.get $start) (i32.const 14))
          (i32.or
            (i32.shl (i32.load8_u offset=16 (local.get $start)) (i32.const 8))
            (i32.load8_u offset=17 (local.get $start)))))
        (local.set $payload (i32.add
          (i32.add (local.get $start) (i32.const 34))
          (i32.and (i32.shr_u (i32.load8_u offset=46 (local.get $start)) (i32.const 2)) (i32.const 60))))
        (br_if $done (i32.gt_u (local.get $packetEnd) (local.get $stop)))
        (br_if $done (i32.gt_u (local.get $payload) (local.get $packetEnd)))
        (br_if $done (i32.lt_u (local.get $payload) (i32.add (local.get $start) (i32.const 54))))
        ;; ACK, but neither RST nor SYN nor FIN
        (br_if $done (i32.ne
          (i32.and (i32.load8_u offset=47 (local.get $start)) (i32.const 0x17))
          (i32.const 0x10)))

        (local.set $addresses (i64.load offset=26 align=1 (local.get $start)))
        (local.set $ports (i32.load offset=34 (local.get $start)))
        (local.set $entry (call $home (local.get $entries) (local.get $addresses) (local.get $ports)))
        (block $found
          (br_if $found (i32.and
            (i64.eq (i64.load (local.get $entry)) (local.get $addresses))
            (i32.eq (i32.load offset=8 (local.get $entry)) (local.get $ports))))
          (local.set $entry (i32.xor (local.get $entry) (i32.const 64)))
          (br_if $found (i32.and
            (i64.eq (i64.load (local.get $entry)) (local.get $addresses))
            (i32.eq (i32.load offset=8 (local.get $entry)) (local.get $ports))))
          (br $done))
        ;; 0 where it is free
        (local.set $peer (i32.load offset=12 (local.get $entry)))
        (br_if $done (i32.eqz (local.get $peer)))

        (local.set $ticks (i32.load offset=4 (local.get $at)))
        (br_if $done (i32.ge_u (local.get $ticks) (local.get $perSecond)))
        (local.set $time (i64.add
          (i64.mul (i64.load32_u (local.get $at)) (i64.extend_i32_u (local.get $perSecond)))
          (i64.extend_i32_u (local.get $ticks))))
        (if (i32.or
              (i64.lt_s (local.get $time) (local.get $latest))
              (i64.ge_s (local.get $time) (local.get $limit)))
          (then
            (local.set $why (i32.const 1))
            (br $done)))

        ;; what is acknowledged has been sent, and not long ago
        (local.set $acknowledgement (call $swap32 (i32.load offset=42 (local.get $start))))
        (local.set $behind (i32.sub (i32.load offset=16 (local.get $peer)) (local.get $acknowledgement)))
        (br_if $done (i32.gt_u (local.get $behind) (i32.const 16777216)))
        (local.set $lag (i32.sub (i32.load offset=16 (local.get $peer)) (i32.load offset=20 (local.get $peer))))

        (local.set $length (i32.sub (local.get $packetEnd) (local.get $payload)))
        (if (local.get $length)
          (then
            (br_if $done (i32.ne
              (call $swap32 (i32.load offset=38 (local.get $start)))
              (i32.load offset=16 (local.get $entry))))
            ;; 0 where there is no file yet
            (br_if $done (i32.eqz (i32.load offset=28 (local.get $entry))))
            (local.set $room (i32.sub (i32.load offset=28 (local.get $entry)) (i32.load offset=24 (local.get $entry))))))

        ;; it is taken
        (local.set $latest (local.get $time))
        (i64.store offset=4 align=4 (local.get $h) (i64.load align=1 (local.get $at)))
        (local.set $packets (i32.add (local.get $packets) (i32.const 1)))
        (local.set $frameBytes (i32.add (local.get $frameBytes) (local.get $captured)))
        ;; forward only, as StreamReassembly.acknowledge says
        (if (i32.or
              (i32.gt_s (local.get $lag) (local.get $behind))
              (i32.lt_s (local.get $lag) (i32.const -16777216)))
          (then (i32.store offset=20 (local.get $peer) (local.get $acknowledgement))))
        (if (i32.eqz (i32.load offset=32 (local.get $entry)))
          (then
            (i32.store (local.get $dirty) (local.get $entry))
            (local.set $dirty (i32.add (local.get $dirty) (i32.const 4)))))
        (i32.store offset=32 (local.get $entry) (i32.add (i32.load offset=32 (local.get $entry)) (i32.const 1)))
        (i32.store offset=40 (local.get $entry) (i32.add (i32.load offset=40 (local.get $entry)) (local.get $captured)))
        (i64.store offset=44 align=4 (local.get $entry) (i64.load align=1 (local.get $at)))
        (if (i32.eqz (local.get $length))
          (then
            (local.set $at (local.get $stop))
            (br $next)))

        (i64.store offset=52 align=4 (local.get $entry) (i64.load align=1 (local.get $at)))
        (local.set $at (local.get $stop))
        (i32.store offset=16 (local.get $entry) (i32.add (i32.load offset=16 (local.get $entry)) (local.get $length)))
        (i32.store offset=36 (local.get $entry) (i32.add (i32.load offset=36 (local.get $entry)) (local.get $length)))
        (if (i32.lt_u (local.get $length) (local.get $room))
          (then
            (memory.copy (i32.load offset=24 (local.get $entry)) (local.get $payload) (local.get $length))
            (i32.store offset=24 (local.get $entry) (i32.add (i32.load offset=24 (local.get $entry)) (local.get $length)))
            (br $next)))
        (memory.copy (i32.load offset=24 (local.get $entry)) (local.get $payload) (local.get $room))
        (i32.store offset=24 (local.get $entry) (i32.load offset=28 (local.get $entry)))
        (i32.store offset=40 (local.get $h) (local.get $entry))
        (i32.store offset=44 (local.get $h) (i32.add (local.get $payload) (local.get $room)))
        (i32.store offset=48 (local.get $h) (i32.sub (local.get $length) (local.get $room)))
        (local.set $why (i32.const 2))))
    (i32.store offset=20 (local.get $h) (local.get $why))
    (i32.store offset=36 (local.get $h) (local.get $dirty))
    (i32.store offset=24 (local.get $h) (local.get $packets))
    (i32.store offset=28 (local.get $h) (local.get $frameBytes))
    (local.get $at))
)
