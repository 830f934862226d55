;; The sanitising kernel: captured bytes in, bytes that a terminal may safely get out. 16 bytes at a time.
;;
;; What may pass and what may not is listed in sanitize.ts. The output has as many bytes as the input: every byte of a
;; character or byte sequence that must not pass is replaced by one byte, so nothing has to be moved about.
;;
;; Rules for callers (sanitize.ts keeps them): the input begins at a character's first byte and does not end inside a
;; character nor with CR; 32 bytes after the input may be read, 32 bytes after the output may be written.
;;
;; UTF-8 (Unicode 15 table 3-7) is checked where its first byte stands, by looking ahead at the three bytes after it:
;;   lead   a byte C2..F4 that is followed by as many right continuation bytes as it announces
;;   lead3  of those, the ones of three or four bytes;   lead4  the ones of four bytes
;; A high byte passes if it is such a lead, or one, two or three bytes behind one that is long enough. What is behind
;; the block's beginning comes from the previous block's masks, shifted in.

(module
  (import "arena" "memory" (memory 1))

  ;; Constants of the multi-byte path. V8 builds a v128.const anew at every use in a long loop; a load is one instruction.
  (data $constants
    "\1f\1f\1f\1f\1f\1f\1f\1f\1f\1f\1f\1f\1f\1f\1f\1f" ;; 0: > gives 20 and up (signed)
    "\7f\7f\7f\7f\7f\7f\7f\7f\7f\7f\7f\7f\7f\7f\7f\7f" ;; 16: DEL
    "\09\09\09\09\09\09\09\09\09\09\09\09\09\09\09\09" ;; 32: TAB
    "\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a" ;; 48: LF
    "\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d" ;; 64: CR
    "\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f" ;; 80: a nibble
    "\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1" ;; 96: > gives C2 and up
    "\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5" ;; 112: < gives F4 and down
    "\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0" ;; 128: < gives continuation bytes
    "\df\df\df\df\df\df\df\df\df\df\df\df\df\df\df\df" ;; 144: > gives E0 and up
    "\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef" ;; 160: > gives F0 and up
    "\bf\bf\bf\bf\bf\bf\bf\bf\bf\bf\bf\bf\bf\bf\bf\bf" ;; 176: > gives no continuation bytes
    "\e0\e0\e0\e0\e0\e0\e0\e0\e0\e0\e0\e0\e0\e0\e0\e0" ;; 192: E0
    "\a0\a0\a0\a0\a0\a0\a0\a0\a0\a0\a0\a0\a0\a0\a0\a0" ;; 208: < gives 80..9F
    "\00\00\00\00\00\00\00\00\00\00\00\00\03\02\bc\40" ;; 224: lead's high nibble
    "\40\04\09\50\40\00\00\00\02\00\00\00\00\82\00\20" ;; 240: lead's low nibble
    "\00\00\00\00\00\00\00\00\5f\47\c5\e0\00\00\00\00" ;; 256: second byte's high nibble
    "\cd\c9\c1\c1\c1\d5\c1\c1\e1\c1\c1\e1\c3\c1\e5\e3" ;; 272: second byte's low nibble
  )
  (global (export "constantBytes") i32 (i32.const 288))
  (func (export "putConstants") (param $at i32)
    (memory.init $constants (local.get $at) (i32.const 0) (i32.const 288)))

  ;; 16 bytes below the arena's first allocation, to edit a mask in
  (global $scratch i32 (i32.const 16))

  ;; For a lead at `p` and its right number of continuation bytes: true if they must not pass, because they are
  ;; ill-formed or because the character is in the list of sanitize.ts.
  (func $hidden (param $p i32) (result i32)
    (local $lead i32) (local $pair i32) (local $third i32) (local $fourth i32)
    (local.set $lead (i32.load8_u (local.get $p)))
    (local.set $pair (i32.or (i32.shl (local.get $lead) (i32.const 8)) (i32.load8_u offset=1 (local.get $p))))
    (local.set $third (i32.load8_u offset=2 (local.get $p)))
    (local.set $fourth (i32.load8_u offset=3 (local.get $p)))
    ;; overlong: below U+0800, below U+10000; surrogates; beyond U+10FFFF
    (if (i32.eq (local.get $lead) (i32.const 0xe0)) (then (return (i32.lt_u (local.get $pair) (i32.const 0xe0a0)))))
    (if (i32.eq (local.get $lead) (i32.const 0xed)) (then (return (i32.ge_u (local.get $pair) (i32.const 0xeda0)))))
    (if (i32.lt_u (i32.sub (local.get $pair) (i32.const 0xf080)) (i32.const 16)) (then (return (i32.const 1))))
    (if (i32.eq (local.get $lead) (i32.const 0xf4)) (then (return (i32.ge_u (local.get $pair) (i32.const 0xf490)))))
    ;; U+0080..009F, U+00AD
    (if (i32.eq (local.get $lead) (i32.const 0xc2))
      (then (return (i32.or
        (i32.lt_u (local.get $pair) (i32.const 0xc2a0))
        (i32.eq (local.get $pair) (i32.const 0xc2ad))))))
    ;; U+034F, U+061C
    (if (i32.eq (local.get $pair) (i32.const 0xcd8f)) (then (return (i32.const 1))))
    (if (i32.eq (local.get $pair) (i32.const 0xd89c)) (then (return (i32.const 1))))
    ;; U+115F..1160 = E1 85 9F, E1 85 A0
    (if (i32.eq (local.get $pair) (i32.const 0xe185))
      (then (return (i32.lt_u (i32.sub (local.get $third) (i32.const 0x9f)) (i32.const 2)))))
    ;; U+17B4..17B5 = E1 9E B4..B5
    (if (i32.eq (local.get $pair) (i32.const 0xe19e))
      (then (return (i32.lt_u (i32.sub (local.get $third) (i32.const 0xb4)) (i32.const 2)))))
    ;; U+180B..180F = E1 A0 8B..8F
    (if (i32.eq (local.get $pair) (i32.const 0xe1a0))
      (then (return (i32.lt_u (i32.sub (local.get $third) (i32.const 0x8b)) (i32.const 5)))))
    ;; U+200B..200F = E2 80 8B..8F, U+2028..202E = E2 80 A8..AE
    (if (i32.eq (local.get $pair) (i32.const 0xe280))
      (then (return (i32.or
        (i32.lt_u (i32.sub (local.get $third) (i32.const 0x8b)) (i32.const 5))
        (i32.lt_u (i32.sub (local.get $third) (i32.const 0xa8)) (i32.const 7))))))
    ;; U+2060..206F = E2 81 A0..AF
    (if (i32.eq (local.get $pair) (i32.const 0xe281))
      (then (return (i32.lt_u (i32.sub (local.get $third) (i32.const 0xa0)) (i32.const 16)))))
    ;; U+3164 = E3 85 A4
    (if (i32.eq (local.get $pair) (i32.const 0xe385))
      (then (return (i32.eq (local.get $third) (i32.const 0xa4)))))
    ;; U+FE00..FE0F = EF B8 80..8F
    (if (i32.eq (local.get $pair) (i32.const 0xefb8))
      (then (return (i32.lt_u (local.get $third) (i32.const 0x90)))))
    ;; U+FEFF = EF BB BF
    (if (i32.eq (local.get $pair) (i32.const 0xefbb))
      (then (return (i32.eq (local.get $third) (i32.const 0xbf)))))
    ;; U+FFA0 = EF BE A0
    (if (i32.eq (local.get $pair) (i32.const 0xefbe))
      (then (return (i32.eq (local.get $third) (i32.const 0xa0)))))
    ;; U+FFF0..FFFB = EF BF B0..BB
    (if (i32.eq (local.get $pair) (i32.const 0xefbf))
      (then (return (i32.lt_u (i32.sub (local.get $third) (i32.const 0xb0)) (i32.const 12)))))
    ;; U+1BCA0..1BCA3 = F0 9B B2 A0..A3
    (if (i32.eq (local.get $pair) (i32.const 0xf09b))
      (then (return (i32.and
        (i32.eq (local.get $third) (i32.const 0xb2))
        (i32.lt_u (i32.sub (local.get $fourth) (i32.const 0xa0)) (i32.const 4))))))
    ;; U+1D173..1D17A = F0 9D 85 B3..BA
    (if (i32.eq (local.get $pair) (i32.const 0xf09d))
      (then (return (i32.and
        (i32.eq (local.get $third) (i32.const 0x85))
        (i32.lt_u (i32.sub (local.get $fourth) (i32.const 0xb3)) (i32.const 8))))))
    ;; U+E0000..E0FFF = F3 A0 80..BF xx
    (i32.eq (local.get $pair) (i32.const 0xf3a0)))

  ;; Clears the lanes of `lead` whose character must not pass. `candidates` has a bit for each lane worth asking.
  (func $clearHidden (param $src i32) (param $lead v128) (param $candidates i32) (result v128)
    (local $lane i32)
    (v128.store (global.get $scratch) (local.get $lead))
    (loop $next
      (local.set $lane (i32.ctz (local.get $candidates)))
      (if (call $hidden (i32.add (local.get $src) (local.get $lane)))
        (then (i32.store8 (i32.add (global.get $scratch) (local.get $lane)) (i32.const 0))))
      (local.set $candidates (i32.and (local.get $candidates) (i32.sub (local.get $candidates) (i32.const 1))))
      (br_if $next (local.get $candidates)))
    (v128.load (global.get $scratch)))

  ;; UTF-8 text. `replacement` is the byte that stands for every byte that does not pass; `k` is where the constants are.
  (func (export "text") (param $src i32) (param $end i32) (param $dst i32) (param $replacement i32) (param $k i32)
    (local $dots v128) (local $limit i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $after v128) (local $long3 v128) (local $long4 v128)
    (local $lead v128) (local $lead3 v128) (local $lead4 v128)
    (local $previous v128) (local $previous3 v128) (local $previous4 v128)
    (local $suspect v128)
    (local.set $dots (i8x16.splat (local.get $replacement)))
    (block $done
      (loop $more
        (br_if $done (i32.ge_u (local.get $src) (local.get $end)))
        (local.set $limit (i32.add (local.get $src) (i32.const 64)))
        (if (i32.gt_u (local.get $limit) (local.get $end))
          (then (local.set $limit (local.get $end)))
          (else
            (local.set $a (v128.load (local.get $src)))
            (local.set $b (v128.load offset=16 (local.get $src)))
            (local.set $c (v128.load offset=32 (local.get $src)))
            (local.set $d (v128.load offset=48 (local.get $src)))
            (if (i32.eqz (i8x16.bitmask (v128.or
                  (v128.or (local.get $a) (local.get $b)) (v128.or (local.get $c) (local.get $d)))))
              (then
                ;; 64 bytes of ASCII: 20..7E, TAB and LF pass, and CR where the byte one further on is LF
                (v128.store (local.get $dst) (v128.bitselect (local.get $a) (local.get $dots)
                  (v128.or
                    (v128.andnot (i8x16.gt_s (local.get $a) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
                                 (i8x16.eq (local.get $a) (v128.const i8x16 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127)))
                    (v128.or
                      (v128.or (i8x16.eq (local.get $a) (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9))
                               (i8x16.eq (local.get $a) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))
                      (v128.and (i8x16.eq (local.get $a) (v128.const i8x16 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13))
                                (i8x16.eq (v128.load offset=1 (local.get $src)) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))))))
                (v128.store offset=16 (local.get $dst) (v128.bitselect (local.get $b) (local.get $dots)
                  (v128.or
                    (v128.andnot (i8x16.gt_s (local.get $b) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
                                 (i8x16.eq (local.get $b) (v128.const i8x16 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127)))
                    (v128.or
                      (v128.or (i8x16.eq (local.get $b) (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9))
                               (i8x16.eq (local.get $b) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))
                      (v128.and (i8x16.eq (local.get $b) (v128.const i8x16 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13))
                                (i8x16.eq (v128.load offset=17 (local.get $src)) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))))))
                (v128.store offset=32 (local.get $dst) (v128.bitselect (local.get $c) (local.get $dots)
                  (v128.or
                    (v128.andnot (i8x16.gt_s (local.get $c) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
                                 (i8x16.eq (local.get $c) (v128.const i8x16 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127)))
                    (v128.or
                      (v128.or (i8x16.eq (local.get $c) (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9))
                               (i8x16.eq (local.get $c) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))
                      (v128.and (i8x16.eq (local.get $c) (v128.const i8x16 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13))
                                (i8x16.eq (v128.load offset=33 (local.get $src)) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))))))
                (v128.store offset=48 (local.get $dst) (v128.bitselect (local.get $d) (local.get $dots)
                  (v128.or
                    (v128.andnot (i8x16.gt_s (local.get $d) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
                                 (i8x16.eq (local.get $d) (v128.const i8x16 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127)))
                    (v128.or
                      (v128.or (i8x16.eq (local.get $d) (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9))
                               (i8x16.eq (local.get $d) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))
                      (v128.and (i8x16.eq (local.get $d) (v128.const i8x16 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13))
                                (i8x16.eq (v128.load offset=49 (local.get $src)) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))))))
                (local.set $previous (v128.const i64x2 0 0))
                (local.set $previous3 (v128.const i64x2 0 0))
                (local.set $previous4 (v128.const i64x2 0 0))
                (local.set $src (i32.add (local.get $src) (i32.const 64)))
                (local.set $dst (i32.add (local.get $dst) (i32.const 64)))
                (br $more)))))
        ;; up to 64 bytes of which some may be high
        (loop $block
          (local.set $a (v128.load (local.get $src)))
          (local.set $after (v128.load offset=1 (local.get $src)))
          (if (i32.eqz (i8x16.bitmask (local.get $a)))
            (then
              (v128.store (local.get $dst) (v128.bitselect (local.get $a) (local.get $dots)
                (v128.or
                  (v128.andnot (i8x16.gt_s (local.get $a) (v128.load offset=0 (local.get $k))) (i8x16.eq (local.get $a) (v128.load offset=16 (local.get $k))))
                  (v128.or
                    (v128.or (i8x16.eq (local.get $a) (v128.load offset=32 (local.get $k))) (i8x16.eq (local.get $a) (v128.load offset=48 (local.get $k))))
                    (v128.and (i8x16.eq (local.get $a) (v128.load offset=64 (local.get $k))) (i8x16.eq (local.get $after) (v128.load offset=48 (local.get $k))))))))
              (local.set $previous (v128.const i64x2 0 0))
              (local.set $previous3 (v128.const i64x2 0 0))
              (local.set $previous4 (v128.const i64x2 0 0)))
            (else
              ;; C2..F4 followed by a continuation byte …
              (local.set $lead (v128.and
                (v128.and (i8x16.gt_s (local.get $a) (v128.load offset=96 (local.get $k))) (i8x16.lt_s (local.get $a) (v128.load offset=112 (local.get $k))))
                (i8x16.lt_s (local.get $after) (v128.load offset=128 (local.get $k)))))
              ;; … E0..F4 by a second one, F0..F4 by a third one
              (local.set $long3 (i8x16.gt_s (local.get $a) (v128.load offset=144 (local.get $k))))
              (local.set $long4 (i8x16.gt_s (local.get $a) (v128.load offset=160 (local.get $k))))
              (local.set $lead (v128.andnot (local.get $lead)
                (v128.or
                  (v128.and (local.get $long3) (i8x16.gt_s (v128.load offset=2 (local.get $src)) (v128.load offset=176 (local.get $k))))
                  (v128.and (local.get $long4) (i8x16.gt_s (v128.load offset=3 (local.get $src)) (v128.load offset=176 (local.get $k)))))))
              ;; Which of them could be ill-formed after all (overlong, surrogate, beyond U+10FFFF) or a character that
              ;; must not pass, judged by the nibbles of the first two bytes. Each bit of the four tables is a class:
              ;; 0: C2 80..AF   1: CD 8F, D8 9C and a few more   2: E1 85 9E A0 and a few more   3: E2 80 81
              ;; 4: E3 85 and a few more   5: EF B8 BB BE BF   6: F0, F3, F4   7: ED A0..BF; and apart, E0 80..9F
              (local.set $suspect (v128.and (local.get $lead)
                (v128.or
                  (v128.and (i8x16.eq (local.get $a) (v128.load offset=192 (local.get $k))) (i8x16.lt_s (local.get $after) (v128.load offset=208 (local.get $k))))
                  (v128.and
                    (v128.and
                      (i8x16.swizzle (v128.load offset=224 (local.get $k))
                        (v128.and (i16x8.shr_u (local.get $a) (i32.const 4)) (v128.load offset=80 (local.get $k))))
                      (i8x16.swizzle (v128.load offset=240 (local.get $k))
                        (v128.and (local.get $a) (v128.load offset=80 (local.get $k)))))
                    (v128.and
                      (i8x16.swizzle (v128.load offset=256 (local.get $k))
                        (v128.and (i16x8.shr_u (local.get $after) (i32.const 4)) (v128.load offset=80 (local.get $k))))
                      (i8x16.swizzle (v128.load offset=272 (local.get $k))
                        (v128.and (local.get $after) (v128.load offset=80 (local.get $k)))))))))
              (if (v128.any_true (local.get $suspect))
                (then (local.set $lead (call $clearHidden (local.get $src) (local.get $lead)
                  (i32.xor (i32.const 0xffff)
                    (i8x16.bitmask (i8x16.eq (local.get $suspect) (v128.const i64x2 0 0))))))))
              (local.set $lead3 (v128.and (local.get $lead) (local.get $long3)))
              (local.set $lead4 (v128.and (local.get $lead) (local.get $long4)))
              (v128.store (local.get $dst) (v128.bitselect (local.get $a) (local.get $dots)
                (v128.or
                  (v128.or
                    (v128.andnot (i8x16.gt_s (local.get $a) (v128.load offset=0 (local.get $k))) (i8x16.eq (local.get $a) (v128.load offset=16 (local.get $k))))
                    (v128.or
                      (v128.or (i8x16.eq (local.get $a) (v128.load offset=32 (local.get $k))) (i8x16.eq (local.get $a) (v128.load offset=48 (local.get $k))))
                      (v128.and (i8x16.eq (local.get $a) (v128.load offset=64 (local.get $k))) (i8x16.eq (local.get $after) (v128.load offset=48 (local.get $k))))))
                  (v128.or
                    (v128.or (local.get $lead)
                      (i8x16.shuffle 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30
                        (local.get $previous) (local.get $lead)))
                    (v128.or
                      (i8x16.shuffle 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
                        (local.get $previous3) (local.get $lead3))
                      (i8x16.shuffle 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28
                        (local.get $previous4) (local.get $lead4)))))))
              (local.set $previous (local.get $lead))
              (local.set $previous3 (local.get $lead3))
              (local.set $previous4 (local.get $lead4))))
          (local.set $src (i32.add (local.get $src) (i32.const 16)))
          (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
          (br_if $block (i32.lt_u (local.get $src) (local.get $limit))))
        (br $more))))

  ;; ASCII only: every high byte is replaced too.
  (func (export "ascii") (param $src i32) (param $end i32) (param $dst i32) (param $replacement i32)
    (local $dots v128) (local $a v128) (local $b v128)
    (local.set $dots (i8x16.splat (local.get $replacement)))
    (block $done
      (loop $more
        (br_if $done (i32.ge_u (local.get $src) (local.get $end)))
        (local.set $a (v128.load (local.get $src)))
        (v128.store (local.get $dst)
          (v128.bitselect (local.get $a) (local.get $dots)
            (v128.or
              (v128.andnot (i8x16.gt_s (local.get $a) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
                           (i8x16.eq (local.get $a) (v128.const i8x16 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127)))
              (v128.or
                (v128.or (i8x16.eq (local.get $a) (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9))
                         (i8x16.eq (local.get $a) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))
                (v128.and (i8x16.eq (local.get $a) (v128.const i8x16 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13))
                          (i8x16.eq (v128.load offset=1 (local.get $src)) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))))))
        (local.set $src (i32.add (local.get $src) (i32.const 16)))
        (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
        (br_if $done (i32.ge_u (local.get $src) (local.get $end)))
        (local.set $b (v128.load (local.get $src)))
        (v128.store (local.get $dst)
          (v128.bitselect (local.get $b) (local.get $dots)
            (v128.or
              (v128.andnot (i8x16.gt_s (local.get $b) (v128.const i8x16 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31 31))
                           (i8x16.eq (local.get $b) (v128.const i8x16 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127)))
              (v128.or
                (v128.or (i8x16.eq (local.get $b) (v128.const i8x16 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9))
                         (i8x16.eq (local.get $b) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))
                (v128.and (i8x16.eq (local.get $b) (v128.const i8x16 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13))
                          (i8x16.eq (v128.load offset=1 (local.get $src)) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10)))))))
        (local.set $src (i32.add (local.get $src) (i32.const 16)))
        (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
        (br $more))))

  ;; Copies with colour: the `length` (1 to 16) bytes at `sequence` before the first byte of a line that is not CR or
  ;; LF, and ESC [ 0 m before the line's end (CR LF or LF), so that no colour reaches over a line end. `on`: colour is
  ;; on already. Writes at most 9.5 times the input plus 32 bytes. Returns the end of the output; global `on` tells how
  ;; it ended.
  (global $on (export "on") (mut i32) (i32.const 0))
  (func (export "paint") (param $src i32) (param $end i32) (param $dst i32)
      (param $sequence i32) (param $length i32) (param $isOn i32) (result i32)
    (local $bytes v128) (local $mask i32) (local $count i32) (local $byte i32)
    (block $done
      (loop $more
        (br_if $done (i32.ge_u (local.get $src) (local.get $end)))
        (if (i32.eqz (local.get $isOn))
          (then
            (local.set $byte (i32.load8_u (local.get $src)))
            (if (i32.or (i32.eq (local.get $byte) (i32.const 10)) (i32.eq (local.get $byte) (i32.const 13)))
              (then
                (i32.store8 (local.get $dst) (local.get $byte))
                (local.set $src (i32.add (local.get $src) (i32.const 1)))
                (local.set $dst (i32.add (local.get $dst) (i32.const 1)))
                (br $more)))
            (v128.store (local.get $dst) (v128.load (local.get $sequence)))
            (local.set $dst (i32.add (local.get $dst) (local.get $length)))
            (local.set $isOn (i32.const 1))))
        ;; within the line, 16 bytes at a time
        (loop $line
          (local.set $bytes (v128.load (local.get $src)))
          (v128.store (local.get $dst) (local.get $bytes))
          (local.set $mask (i8x16.bitmask (i8x16.eq (local.get $bytes)
            (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))))
          (if (i32.eqz (local.get $mask))
            (then
              (local.set $src (i32.add (local.get $src) (i32.const 16)))
              (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
              (br_if $line (i32.lt_u (local.get $src) (local.get $end)))
              ;; what was copied beyond the end does not count
              (local.set $dst (i32.sub (local.get $dst) (i32.sub (local.get $src) (local.get $end))))
              (br $done))))
        (local.set $count (i32.ctz (local.get $mask)))
        (local.set $src (i32.add (local.get $src) (local.get $count)))
        (local.set $dst (i32.add (local.get $dst) (local.get $count)))
        (if (i32.ge_u (local.get $src) (local.get $end))
          (then
            (local.set $dst (i32.sub (local.get $dst) (i32.sub (local.get $src) (local.get $end))))
            (br $done)))
        ;; at LF
        (if (i32.eq (i32.load8_u (i32.sub (local.get $dst) (i32.const 1))) (i32.const 13))
          (then
            (i32.store (i32.sub (local.get $dst) (i32.const 1)) (i32.const 0x6d305b1b))
            (i32.store16 offset=3 (local.get $dst) (i32.const 0x0a0d))
            (local.set $dst (i32.add (local.get $dst) (i32.const 5))))
          (else
            (i32.store (local.get $dst) (i32.const 0x6d305b1b))
            (i32.store8 offset=4 (local.get $dst) (i32.const 10))
            (local.set $dst (i32.add (local.get $dst) (i32.const 5)))))
        (local.set $src (i32.add (local.get $src) (i32.const 1)))
        (local.set $isOn (i32.const 0))
        (br $more)))
    (global.set $on (local.get $isOn))
    (local.get $dst))

  ;; Writes `\u` and four hex digits.
  (func $escape (param $dst i32) (param $unit i32)
    (i32.store16 (local.get $dst) (i32.const 0x755c))
    (i32.store8 offset=2 (local.get $dst) (call $digit (i32.shr_u (local.get $unit) (i32.const 12))))
    (i32.store8 offset=3 (local.get $dst) (call $digit (i32.shr_u (local.get $unit) (i32.const 8))))
    (i32.store8 offset=4 (local.get $dst) (call $digit (i32.shr_u (local.get $unit) (i32.const 4))))
    (i32.store8 offset=5 (local.get $dst) (call $digit (local.get $unit))))
  (func $digit (param $value i32) (result i32)
    (local.set $value (i32.and (local.get $value) (i32.const 15)))
    (i32.add (local.get $value)
      (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $value) (i32.const 10)))))

  ;; Well-formed UTF-8 as the inside of a JSON string: quotes, backslashes and everything that `text` would hide are
  ;; escaped (RFC 8259 section 7). At most 6 times the input plus 32 bytes. Returns the end of the output.
  (func (export "json") (param $src i32) (param $end i32) (param $dst i32) (param $k i32) (result i32)
    (local $a v128) (local $after v128) (local $special v128) (local $mask i32) (local $byte i32) (local $point i32)
    (block $done
      (br_if $done (i32.ge_u (local.get $src) (local.get $end)))
      (loop $more
        (local.set $a (v128.load (local.get $src)))
        (v128.store (local.get $dst) (local.get $a))
        (local.set $special (v128.or
          (v128.or
            (i8x16.lt_u (local.get $a) (v128.const i8x16 32 32 32 32 32 32 32 32 32 32 32 32 32 32 32 32))
            (i8x16.eq (local.get $a) (v128.const i8x16 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127)))
          (v128.or
            (i8x16.eq (local.get $a) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
            (i8x16.eq (local.get $a) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92)))))
        (if (i8x16.bitmask (local.get $a))
          (then
            ;; the suspects of `text`
            (local.set $after (v128.load offset=1 (local.get $src)))
            (local.set $special (v128.or (local.get $special) (i8x16.ne (v128.const i64x2 0 0)
              (v128.and
                (v128.and
                  (i8x16.swizzle (v128.load offset=224 (local.get $k))
                    (v128.and (i16x8.shr_u (local.get $a) (i32.const 4)) (v128.load offset=80 (local.get $k))))
                  (i8x16.swizzle (v128.load offset=240 (local.get $k))
                    (v128.and (local.get $a) (v128.load offset=80 (local.get $k)))))
                (v128.and
                  (i8x16.swizzle (v128.load offset=256 (local.get $k))
                    (v128.and (i16x8.shr_u (local.get $after) (i32.const 4)) (v128.load offset=80 (local.get $k))))
                  (i8x16.swizzle (v128.load offset=272 (local.get $k))
                    (v128.and (local.get $after) (v128.load offset=80 (local.get $k)))))))))))
        (local.set $mask (i8x16.bitmask (local.get $special)))
        (if (i32.eqz (local.get $mask))
          (then
            (local.set $src (i32.add (local.get $src) (i32.const 16)))
            (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
            (br_if $more (i32.lt_u (local.get $src) (local.get $end)))
            (local.set $dst (i32.sub (local.get $dst) (i32.sub (local.get $src) (local.get $end))))
            (br $done)))
        (local.set $mask (i32.ctz (local.get $mask)))
        (local.set $src (i32.add (local.get $src) (local.get $mask)))
        (local.set $dst (i32.add (local.get $dst) (local.get $mask)))
        (if (i32.ge_u (local.get $src) (local.get $end))
          (then
            (local.set $dst (i32.sub (local.get $dst) (i32.sub (local.get $src) (local.get $end))))
            (br $done)))
        (local.set $byte (i32.load8_u (local.get $src)))
        (if (i32.lt_u (local.get $byte) (i32.const 128))
          (then
            (local.set $src (i32.add (local.get $src) (i32.const 1)))
            ;; the second character of \" \\ \n \r \t, 0 for the others
            (local.set $point (local.get $byte))
            (if (i32.eq (local.get $byte) (i32.const 10)) (then (local.set $point (i32.const 110))))
            (if (i32.eq (local.get $byte) (i32.const 13)) (then (local.set $point (i32.const 114))))
            (if (i32.eq (local.get $byte) (i32.const 9)) (then (local.set $point (i32.const 116))))
            (if (i32.or (i32.lt_u (local.get $point) (i32.const 32)) (i32.eq (local.get $point) (i32.const 127)))
              (then
                (call $escape (local.get $dst) (local.get $byte))
                (local.set $dst (i32.add (local.get $dst) (i32.const 6))))
              (else
                (i32.store8 (local.get $dst) (i32.const 92))
                (i32.store8 offset=1 (local.get $dst) (local.get $point))
                (local.set $dst (i32.add (local.get $dst) (i32.const 2))))))
          (else
            (if (call $hidden (local.get $src))
              (then
                (local.set $point (i32.and (i32.load8_u offset=1 (local.get $src)) (i32.const 63)))
                (if (i32.lt_u (local.get $byte) (i32.const 0xe0))
                  (then
                    (call $escape (local.get $dst)
                      (i32.or (i32.shl (i32.and (local.get $byte) (i32.const 31)) (i32.const 6)) (local.get $point)))
                    (local.set $src (i32.add (local.get $src) (i32.const 2))))
                  (else
                    (local.set $point (i32.or (i32.shl (local.get $point) (i32.const 6))
                      (i32.and (i32.load8_u offset=2 (local.get $src)) (i32.const 63))))
                    (if (i32.lt_u (local.get $byte) (i32.const 0xf0))
                      (then
                        (call $escape (local.get $dst)
                          (i32.or (i32.shl (i32.and (local.get $byte) (i32.const 15)) (i32.const 12)) (local.get $point)))
                        (local.set $src (i32.add (local.get $src) (i32.const 3))))
                      (else
                        ;; a surrogate pair: point - 0x10000 in two halves of ten bits
                        (local.set $point (i32.or (i32.shl (local.get $point) (i32.const 6))
                          (i32.and (i32.load8_u offset=3 (local.get $src)) (i32.const 63))))
                        (local.set $point (i32.sub
                          (i32.or (i32.shl (i32.and (local.get $byte) (i32.const 7)) (i32.const 18)) (local.get $point))
                          (i32.const 0x10000)))
                        (call $escape (local.get $dst)
                          (i32.or (i32.const 0xd800) (i32.shr_u (local.get $point) (i32.const 10))))
                        (local.set $dst (i32.add (local.get $dst) (i32.const 6)))
                        (call $escape (local.get $dst)
                          (i32.or (i32.const 0xdc00) (i32.and (local.get $point) (i32.const 0x3ff))))
                        (local.set $src (i32.add (local.get $src) (i32.const 4)))))))
                (local.set $dst (i32.add (local.get $dst) (i32.const 6))))
              (else
                (i32.store8 (local.get $dst) (local.get $byte))
                (local.set $src (i32.add (local.get $src) (i32.const 1)))
                (local.set $dst (i32.add (local.get $dst) (i32.const 1)))))))
        (br_if $more (i32.lt_u (local.get $src) (local.get $end)))))
    (local.get $dst))
)
