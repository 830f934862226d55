;; The sanitising kernel: captured bytes in, bytes that a terminal may safely get out. 16 and 64 bytes at a time.
;;
;; HIDDEN_RANGES in sanitize-text.ts lists what must not pass. Tables are made from it when this text is assembled
;; (test/support/hidden-character-tables.ts); they stand where a name is between two @.
;;
;; The output has as many bytes as the input: every byte of a character or byte sequence that must not pass is replaced by
;; one byte, so nothing has to be moved about.
;;
;; Rules for callers (sanitize.ts keeps them): the input begins at a character's first byte and does not end inside a
;; character nor with CR; 32 bytes after the input may be read, 32 bytes after the output may be written.
;;
;; UTF-8 (Unicode 15 table 3-7): a lead is a byte C2..F4 that is followed by as many continuation bytes (80..BF) as it
;; announces. A lead and its continuation bytes pass unless they are ill-formed in one of the rarer ways (overlong, a
;; surrogate, beyond U+10FFFF) or the character is hidden. Which leads may begin such a character is looked up by the
;; nibbles of one byte, which pairs by those of two; the few that are left are looked up one by one, in $hidden.

(module
  (import "arena" "memory" (memory 1 65536 shared))

  ;; Constants, and behind them a bit for each byte of a run. V8 builds a v128.const anew at every use in a long loop; a
  ;; load is one instruction.
  ;;
  ;; A class of bytes or of pairs is a bit. A byte is in a class if the rows of both of its nibbles have the bit, a pair if
  ;; the rows of all four have it. No class: the byte passes as it is, or no character that begins so is hidden.
  (data $constants
    "\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01\01" ;; 0: + makes 21 and up (signed) of what is printable
    "\20\20\20\20\20\20\20\20\20\20\20\20\20\20\20\20" ;; 16: > gives that
    "\00\00\00\00\00\00\00\00\00\ff\ff\00\00\00\00\00" ;; 32: by byte: TAB and LF
    "\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a\0a" ;; 48: LF
    "\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d\0d" ;; 64: CR
    "\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f\0f" ;; 80: a nibble
    "\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1\c1" ;; 96: > gives C2 and up
    "\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5\f5" ;; 112: < gives F4 and down
    "\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0\c0" ;; 128: < gives continuation bytes
    "\df\df\df\df\df\df\df\df\df\df\df\df\df\df\df\df" ;; 144: > gives E0 and up
    "\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef\ef" ;; 160: > gives F0 and up
    "\40\40\40\40\40\40\40\40\40\40\40\40\40\40\40\40" ;; 176: minus this (saturated), bit 7 is left of C0 and up
    "\60\60\60\60\60\60\60\60\60\60\60\60\60\60\60\60" ;; 192: … of E0 and up
    "\70\70\70\70\70\70\70\70\70\70\70\70\70\70\70\70" ;; 208: … of F0 and up
    @byteClasses@ ;; 224: class of a byte, by its high and its low nibble
    "\fe\fe\fe\fe\fe\fe\fe\fe\fe\fe\fe\fe\fe\fe\fe\fe" ;; 256: with C0: C0 and C1
    "\f0\f0\f0\f0\f0\f0\f0\f0\f0\f0\f0\f0\f0\f0\f0\f0" ;; 272: minus this, something is left of F1 and up
    @pairClasses@ ;; 288: class of a pair, by the nibbles of the lead and of the second byte
  )
  ;; First and last code point of everything that must not pass: hidden, a surrogate, or beyond U+10FFFF (so a search
  ;; always ends). They stand behind the bits, at 384.
  (data $ranges @ranges@)
  (global (export "constantBytes") i32 (i32.const @constantBytes@))
  (func (export "putConstants") (param $at i32)
    (memory.init $constants (local.get $at) (i32.const 0) (i32.const 352))
    (memory.init $ranges (i32.add (local.get $at) (i32.const 384)) (i32.const 0) (i32.const @rangeBytes@))
    (call $putExpansions (i32.add (local.get $at) (i32.const @expansionsOffset@))))

  ;; For each of the 256 sets of bytes in eight (bit 0: the first), 16 indices that make room before the bytes of the set:
  ;; FF for the room, 0 to 7 for the bytes.
  (func $putExpansions (param $at i32)
    (local $set i32) (local $bit i32) (local $to i32)
    (memory.fill (local.get $at) (i32.const 255) (i32.const 4096))
    (loop $sets
      (local.set $to (local.get $at))
      (local.set $bit (i32.const 0))
      (loop $bits
        (local.set $to (i32.add (local.get $to)
          (i32.and (i32.shr_u (local.get $set) (local.get $bit)) (i32.const 1))))
        (i32.store8 (local.get $to) (local.get $bit))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $bit (i32.add (local.get $bit) (i32.const 1)))
        (br_if $bits (i32.lt_u (local.get $bit) (i32.const 8))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (local.set $set (i32.add (local.get $set) (i32.const 1)))
      (br_if $sets (i32.lt_u (local.get $set) (i32.const 256)))))

  ;; For a lead at `p` and its right number of continuation bytes: true if they must not pass, because they are
  ;; ill-formed or because the character is hidden.
  (func $hidden (param $p i32) (param $k i32) (result i32)
    (local $lead i32) (local $point i32) (local $least i32)
    (local.set $lead (i32.load8_u (local.get $p)))
    (local.set $point (i32.and (i32.load8_u offset=1 (local.get $p)) (i32.const 63)))
    (if (i32.lt_u (local.get $lead) (i32.const 0xe0))
      (then
        (local.set $least (i32.const 0x80))
        (local.set $point (i32.or (local.get $point)
          (i32.shl (i32.and (local.get $lead) (i32.const 31)) (i32.const 6)))))
      (else
        (local.set $point (i32.or (i32.shl (local.get $point) (i32.const 6))
          (i32.and (i32.load8_u offset=2 (local.get $p)) (i32.const 63))))
        (if (i32.lt_u (local.get $lead) (i32.const 0xf0))
          (then
            (local.set $least (i32.const 0x800))
            (local.set $point (i32.or (local.get $point)
              (i32.shl (i32.and (local.get $lead) (i32.const 15)) (i32.const 12)))))
          (else
            (local.set $least (i32.const 0x10000))
            (local.set $point (i32.or
              (i32.or (i32.shl (local.get $point) (i32.const 6))
                (i32.and (i32.load8_u offset=3 (local.get $p)) (i32.const 63)))
              (i32.shl (i32.and (local.get $lead) (i32.const 7)) (i32.const 18))))))))
    ;; overlong
    (if (i32.lt_u (local.get $point) (local.get $least)) (then (return (i32.const 1))))
    (loop $next
      (if (i32.gt_u (local.get $point) (i32.load offset=388 (local.get $k)))
        (then
          (local.set $k (i32.add (local.get $k) (i32.const 8)))
          (br $next))))
    (i32.ge_u (local.get $point) (i32.load offset=384 (local.get $k))))

  ;; 64 bytes of well-formed structure (every lead has its continuation bytes): 0 if all of them may pass. May be wrong
  ;; the other way round: pairs are judged, not characters.
  (func $impure (param $src i32) (param $k i32) (result i32)
    (local $end i32) (local $a v128) (local $after v128) (local $impure v128) (local $pure v128) (local $nibble v128)
    (local $leadHigh v128) (local $leadLow v128) (local $secondHigh v128) (local $secondLow v128)
    (local.set $nibble (v128.load offset=80 (local.get $k)))
    (local.set $leadHigh (v128.load offset=288 (local.get $k)))
    (local.set $leadLow (v128.load offset=304 (local.get $k)))
    (local.set $secondHigh (v128.load offset=320 (local.get $k)))
    (local.set $secondLow (v128.load offset=336 (local.get $k)))
    (local.set $pure (v128.const i64x2 -1 -1))
    (local.set $end (i32.add (local.get $src) (i32.const 64)))
    (loop $block
      (local.set $a (v128.load (local.get $src)))
      (local.set $after (v128.load offset=1 (local.get $src)))
      (local.set $impure (v128.or
        (v128.or
          (local.get $impure)
          (v128.and
            (v128.and
              (i8x16.swizzle (local.get $leadHigh) (v128.and (i16x8.shr_u (local.get $a) (i32.const 4)) (local.get $nibble)))
              (i8x16.swizzle (local.get $leadLow) (v128.and (local.get $a) (local.get $nibble))))
            (v128.and
              (i8x16.swizzle (local.get $secondHigh) (v128.and (i16x8.shr_u (local.get $after) (i32.const 4)) (local.get $nibble)))
              (i8x16.swizzle (local.get $secondLow) (v128.and (local.get $after) (local.get $nibble))))))
        (v128.or
          (i8x16.eq (v128.and (local.get $a) (v128.load offset=256 (local.get $k))) (v128.load offset=128 (local.get $k)))
          (i8x16.sub_sat_u (local.get $a) (v128.load offset=272 (local.get $k))))))
      (local.set $pure (v128.and (local.get $pure)
        (v128.or (i8x16.lt_s (local.get $a) (v128.const i64x2 0 0))
          (v128.or
            (v128.or
              (i8x16.gt_s (i8x16.add (local.get $a) (v128.load offset=0 (local.get $k))) (v128.load offset=16 (local.get $k)))
              (i8x16.swizzle (v128.load offset=32 (local.get $k)) (local.get $a)))
            (v128.and
              (i8x16.eq (local.get $a) (v128.load offset=64 (local.get $k)))
              (i8x16.eq (local.get $after) (v128.load offset=48 (local.get $k))))))))
      (local.set $src (i32.add (local.get $src) (i32.const 16)))
      (br_if $block (i32.lt_u (local.get $src) (local.get $end))))
    (i32.or (v128.any_true (local.get $impure)) (i32.ne (i8x16.bitmask (local.get $pure)) (i32.const 0xffff))))

  ;; After a run of the careful path, which let the suspects pass: their bits are at `k`, one for each byte from `src` to
  ;; `end`. Replaces those that must not pass where they now stand, from `dst` on. 1 if the last one of them reaches
  ;; beyond the end: the bytes of it that the next run meets are to be taken for stray ones.
  (func $hideSuspects
      (param $src i32) (param $end i32) (param $dst i32) (param $k i32) (param $replacement i32) (result i32)
    (local $word i32) (local $bits i64) (local $p i32) (local $q i32)
    (local $lead i32) (local $second i32) (local $hiddenEnd i32)
    (local.set $word (local.get $k))
    (loop $words
      (local.set $bits (i64.load offset=352 (local.get $word)))
      (block $none
        (br_if $none (i64.eqz (local.get $bits)))
        (loop $next
          (local.set $p (i32.wrap_i64 (i64.ctz (local.get $bits))))
          (local.set $q (i32.add (local.get $dst) (local.get $p)))
          (local.set $p (i32.add (local.get $src) (local.get $p)))
          (local.set $lead (i32.load8_u (local.get $p)))
          (local.set $second (i32.load8_u offset=1 (local.get $p)))
          (block $passes
            ;; the classes of pairs once more: most suspects end here
            (br_if $passes (i32.eqz (i32.or (i32.gt_u (local.get $lead) (i32.const 0xf0))
              (i32.and
                (i32.and
                  (i32.load8_u offset=288 (i32.add (local.get $k) (i32.shr_u (local.get $lead) (i32.const 4))))
                  (i32.load8_u offset=304 (i32.add (local.get $k) (i32.and (local.get $lead) (i32.const 15)))))
                (i32.and
                  (i32.load8_u offset=320 (i32.add (local.get $k) (i32.shr_u (local.get $second) (i32.const 4))))
                  (i32.load8_u offset=336 (i32.add (local.get $k) (i32.and (local.get $second) (i32.const 15)))))))))
            (br_if $passes (i32.eqz (call $hidden (local.get $p) (local.get $k))))
            (i32.store8 (local.get $q) (local.get $replacement))
            (i32.store8 offset=1 (local.get $q) (local.get $replacement))
            (local.set $hiddenEnd (i32.add (local.get $p) (i32.const 2)))
            (br_if $passes (i32.lt_u (local.get $lead) (i32.const 0xe0)))
            (i32.store8 offset=2 (local.get $q) (local.get $replacement))
            (local.set $hiddenEnd (i32.add (local.get $p) (i32.const 3)))
            (br_if $passes (i32.lt_u (local.get $lead) (i32.const 0xf0)))
            (i32.store8 offset=3 (local.get $q) (local.get $replacement))
            (local.set $hiddenEnd (i32.add (local.get $p) (i32.const 4))))
          (local.set $bits (i64.and (local.get $bits) (i64.sub (local.get $bits) (i64.const 1))))
          (br_if $next (i64.ne (local.get $bits) (i64.const 0)))))
      (local.set $word (i32.add (local.get $word) (i32.const 8)))
      (local.set $src (i32.add (local.get $src) (i32.const 64)))
      (local.set $dst (i32.add (local.get $dst) (i32.const 64)))
      (br_if $words (i32.lt_u (local.get $src) (local.get $end))))
    (i32.gt_u (local.get $hiddenEnd) (local.get $end)))

  ;; UTF-8 text. `replacement` is the byte that stands for every byte that does not pass; `k` is where the constants are.
  ;;
  ;; 64 bytes of ASCII are judged byte by byte. 64 bytes of well-formed UTF-8 in which everything may pass, which is what
  ;; text is nearly always, are only found to be so and copied. For all else there is the careful path, which goes on for
  ;; 256 bytes, because what is no text here is seldom text in the next line.
  ;;
  ;; `previous` is the block behind: the bytes that ask for continuation bytes here are in it. The careful path leaves
  ;; only right leads in it. Behind the other paths' blocks nothing is amiss, so there it is the bytes themselves.
  (func (export "text") (param $src i32) (param $end i32) (param $dst i32) (param $replacement i32) (param $k i32)
    (local $limit i32) (local $run i32) (local $bits i32) (local $dots v128) (local $previous v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $after v128) (local $lead v128) (local $plain v128) (local $suspect v128) (local $suspects v128)
    (local $wrong v128)
    ;; constants: loaded once
    (local $asks1 v128) (local $asks2 v128) (local $asks3 v128) (local $continuation v128)
    (local $nibble v128) (local $classHigh v128) (local $classLow v128)
    (local.set $asks1 (v128.load offset=176 (local.get $k)))
    (local.set $asks2 (v128.load offset=192 (local.get $k)))
    (local.set $asks3 (v128.load offset=208 (local.get $k)))
    (local.set $continuation (v128.load offset=128 (local.get $k)))
    (local.set $nibble (v128.load offset=80 (local.get $k)))
    (local.set $classHigh (v128.load offset=224 (local.get $k)))
    (local.set $classLow (v128.load offset=240 (local.get $k)))
    (local.set $dots (i8x16.splat (local.get $replacement)))
    (block $done
      (loop $more
        (br_if $done (i32.ge_u (local.get $src) (local.get $end)))
        (block $careful
          (br_if $careful (i32.gt_u (i32.add (local.get $src) (i32.const 64)) (local.get $end)))
          (local.set $a (v128.load (local.get $src)))
          (local.set $b (v128.load offset=16 (local.get $src)))
          (local.set $c (v128.load offset=32 (local.get $src)))
          (local.set $d (v128.load offset=48 (local.get $src)))
          (if (i8x16.bitmask (v128.or
                (v128.or (local.get $a) (local.get $b)) (v128.or (local.get $c) (local.get $d))))
            (then
              ;; wrong: a continuation byte that is not asked for, or another byte in its place (bit 7 counts)
              (local.set $wrong (v128.xor (i8x16.lt_s (local.get $a) (local.get $continuation))
                (v128.or
                  (i8x16.sub_sat_u
                    (i8x16.shuffle 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 (local.get $previous) (local.get $a))
                    (local.get $asks1))
                  (v128.or
                    (i8x16.sub_sat_u
                      (i8x16.shuffle 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 (local.get $previous) (local.get $a))
                      (local.get $asks2))
                    (i8x16.sub_sat_u
                      (i8x16.shuffle 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 (local.get $previous) (local.get $a))
                      (local.get $asks3))))))
              (local.set $wrong (v128.or (local.get $wrong) (v128.xor (i8x16.lt_s (local.get $b) (local.get $continuation))
                (v128.or
                  (i8x16.sub_sat_u (v128.load offset=15 (local.get $src)) (local.get $asks1))
                  (v128.or
                    (i8x16.sub_sat_u (v128.load offset=14 (local.get $src)) (local.get $asks2))
                    (i8x16.sub_sat_u (v128.load offset=13 (local.get $src)) (local.get $asks3)))))))
              (local.set $wrong (v128.or (local.get $wrong) (v128.xor (i8x16.lt_s (local.get $c) (local.get $continuation))
                (v128.or
                  (i8x16.sub_sat_u (v128.load offset=31 (local.get $src)) (local.get $asks1))
                  (v128.or
                    (i8x16.sub_sat_u (v128.load offset=30 (local.get $src)) (local.get $asks2))
                    (i8x16.sub_sat_u (v128.load offset=29 (local.get $src)) (local.get $asks3)))))))
              (local.set $wrong (v128.or (local.get $wrong) (v128.xor (i8x16.lt_s (local.get $d) (local.get $continuation))
                (v128.or
                  (i8x16.sub_sat_u (v128.load offset=47 (local.get $src)) (local.get $asks1))
                  (v128.or
                    (i8x16.sub_sat_u (v128.load offset=46 (local.get $src)) (local.get $asks2))
                    (i8x16.sub_sat_u (v128.load offset=45 (local.get $src)) (local.get $asks3)))))))
              (br_if $careful (i8x16.bitmask (local.get $wrong)))
              ;; the last three bytes may ask for the first three behind the block
              (br_if $careful (i32.and (i32.const 7) (i8x16.bitmask (v128.andnot
                (v128.or
                  (i8x16.sub_sat_u (v128.load offset=63 (local.get $src)) (local.get $asks1))
                  (v128.or
                    (i8x16.sub_sat_u (v128.load offset=62 (local.get $src)) (local.get $asks2))
                    (i8x16.sub_sat_u (v128.load offset=61 (local.get $src)) (local.get $asks3))))
                (i8x16.lt_s (v128.load offset=64 (local.get $src)) (local.get $continuation))))))
              ;; a control or a lead that calls for a closer look
              (if (v128.any_true (v128.or
                    (v128.or
                      (v128.and
                        (i8x16.swizzle (local.get $classHigh) (v128.and (i16x8.shr_u (local.get $a) (i32.const 4)) (local.get $nibble)))
                        (i8x16.swizzle (local.get $classLow) (v128.and (local.get $a) (local.get $nibble))))
                      (v128.and
                        (i8x16.swizzle (local.get $classHigh) (v128.and (i16x8.shr_u (local.get $b) (i32.const 4)) (local.get $nibble)))
                        (i8x16.swizzle (local.get $classLow) (v128.and (local.get $b) (local.get $nibble)))))
                    (v128.or
                      (v128.and
                        (i8x16.swizzle (local.get $classHigh) (v128.and (i16x8.shr_u (local.get $c) (i32.const 4)) (local.get $nibble)))
                        (i8x16.swizzle (local.get $classLow) (v128.and (local.get $c) (local.get $nibble))))
                      (v128.and
                        (i8x16.swizzle (local.get $classHigh) (v128.and (i16x8.shr_u (local.get $d) (i32.const 4)) (local.get $nibble)))
                        (i8x16.swizzle (local.get $classLow) (v128.and (local.get $d) (local.get $nibble)))))))
                (then (br_if $careful (call $impure (local.get $src) (local.get $k)))))
              (local.set $previous (local.get $d)))
            (else
              (local.set $a (v128.bitselect (local.get $a) (local.get $dots)
                (v128.or
                  (v128.or
                    (i8x16.gt_s (i8x16.add (local.get $a) (v128.load offset=0 (local.get $k))) (v128.load offset=16 (local.get $k)))
                    (i8x16.swizzle (v128.load offset=32 (local.get $k)) (local.get $a)))
                  (v128.and
                    (i8x16.eq (local.get $a) (v128.load offset=64 (local.get $k)))
                    (i8x16.eq (v128.load offset=1 (local.get $src)) (v128.load offset=48 (local.get $k)))))))
              (local.set $b (v128.bitselect (local.get $b) (local.get $dots)
                (v128.or
                  (v128.or
                    (i8x16.gt_s (i8x16.add (local.get $b) (v128.load offset=0 (local.get $k))) (v128.load offset=16 (local.get $k)))
                    (i8x16.swizzle (v128.load offset=32 (local.get $k)) (local.get $b)))
                  (v128.and
                    (i8x16.eq (local.get $b) (v128.load offset=64 (local.get $k)))
                    (i8x16.eq (v128.load offset=17 (local.get $src)) (v128.load offset=48 (local.get $k)))))))
              (local.set $c (v128.bitselect (local.get $c) (local.get $dots)
                (v128.or
                  (v128.or
                    (i8x16.gt_s (i8x16.add (local.get $c) (v128.load offset=0 (local.get $k))) (v128.load offset=16 (local.get $k)))
                    (i8x16.swizzle (v128.load offset=32 (local.get $k)) (local.get $c)))
                  (v128.and
                    (i8x16.eq (local.get $c) (v128.load offset=64 (local.get $k)))
                    (i8x16.eq (v128.load offset=33 (local.get $src)) (v128.load offset=48 (local.get $k)))))))
              (local.set $d (v128.bitselect (local.get $d) (local.get $dots)
                (v128.or
                  (v128.or
                    (i8x16.gt_s (i8x16.add (local.get $d) (v128.load offset=0 (local.get $k))) (v128.load offset=16 (local.get $k)))
                    (i8x16.swizzle (v128.load offset=32 (local.get $k)) (local.get $d)))
                  (v128.and
                    (i8x16.eq (local.get $d) (v128.load offset=64 (local.get $k)))
                    (i8x16.eq (v128.load offset=49 (local.get $src)) (v128.load offset=48 (local.get $k)))))))
              (local.set $previous (v128.const i64x2 0 0))))
          (v128.store (local.get $dst) (local.get $a))
          (v128.store offset=16 (local.get $dst) (local.get $b))
          (v128.store offset=32 (local.get $dst) (local.get $c))
          (v128.store offset=48 (local.get $dst) (local.get $d))
          (local.set $src (i32.add (local.get $src) (i32.const 64)))
          (local.set $dst (i32.add (local.get $dst) (i32.const 64)))
          (br $more))
        ;; the careful path: a run of up to 256 bytes
        (local.set $limit (i32.add (local.get $src) (i32.const 256)))
        (if (i32.gt_u (local.get $limit) (local.get $end)) (then (local.set $limit (local.get $end))))
        (local.set $run (local.get $src))
        (local.set $bits (local.get $k))
        (local.set $suspects (v128.const i64x2 0 0))
        (v128.store offset=352 (local.get $k) (v128.const i64x2 0 0))
        (v128.store offset=368 (local.get $k) (v128.const i64x2 0 0))
        (loop $block
          (local.set $a (v128.load (local.get $src)))
          (local.set $after (v128.load offset=1 (local.get $src)))
          ;; C2..F4 followed by a continuation byte, E0..F4 by a second one, F0..F4 by a third one
          (local.set $lead (v128.andnot
            (v128.and
              (v128.and (i8x16.gt_s (local.get $a) (v128.load offset=96 (local.get $k))) (i8x16.lt_s (local.get $a) (v128.load offset=112 (local.get $k))))
              (i8x16.lt_s (local.get $after) (local.get $continuation)))
            (v128.or
              (v128.and
                (i8x16.gt_s (local.get $a) (v128.load offset=144 (local.get $k)))
                (i8x16.ge_s (v128.load offset=2 (local.get $src)) (local.get $continuation)))
              (v128.and
                (i8x16.gt_s (local.get $a) (v128.load offset=160 (local.get $k)))
                (i8x16.ge_s (v128.load offset=3 (local.get $src)) (local.get $continuation))))))
          (local.set $plain (i8x16.eq (v128.const i64x2 0 0)
            (v128.and
              (i8x16.swizzle (local.get $classHigh) (v128.and (i16x8.shr_u (local.get $a) (i32.const 4)) (local.get $nibble)))
              (i8x16.swizzle (local.get $classLow) (v128.and (local.get $a) (local.get $nibble))))))
          (local.set $suspect (v128.andnot (local.get $lead) (local.get $plain)))
          (local.set $suspects (v128.or (local.get $suspects) (local.get $suspect)))
          (i32.store16 offset=352 (local.get $bits) (i8x16.bitmask (local.get $suspect)))
          (local.set $b (v128.and (local.get $a) (local.get $lead)))
          ;; passes: a lead, what a lead asks for, plain ASCII, CR before LF (bit 7 counts)
          (v128.store (local.get $dst) (v128.bitselect (local.get $a) (local.get $dots)
            (i8x16.lt_s
              (v128.or
                (v128.or
                  (v128.or (local.get $lead) (v128.andnot (local.get $plain) (local.get $a)))
                  (v128.and (i8x16.eq (local.get $a) (v128.load offset=64 (local.get $k))) (i8x16.eq (local.get $after) (v128.load offset=48 (local.get $k)))))
                (v128.or
                  (i8x16.sub_sat_u
                    (i8x16.shuffle 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 (local.get $previous) (local.get $b))
                    (local.get $asks1))
                  (v128.or
                    (i8x16.sub_sat_u
                      (i8x16.shuffle 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 (local.get $previous) (local.get $b))
                      (local.get $asks2))
                    (i8x16.sub_sat_u
                      (i8x16.shuffle 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 (local.get $previous) (local.get $b))
                      (local.get $asks3)))))
              (v128.const i64x2 0 0))))
          (local.set $previous (local.get $b))
          (local.set $bits (i32.add (local.get $bits) (i32.const 2)))
          (local.set $src (i32.add (local.get $src) (i32.const 16)))
          (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
          (br_if $block (i32.lt_u (local.get $src) (local.get $limit))))
        (if (v128.any_true (local.get $suspects))
          (then
            (if (call $hideSuspects (local.get $run) (local.get $src)
                  (i32.sub (local.get $dst) (i32.sub (local.get $src) (local.get $run)))
                  (local.get $k) (local.get $replacement))
              (then (local.set $previous (v128.const i64x2 0 0))))))
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
  ;;
  ;; Where a backslash before the byte is all that an escape takes (JSON has several in each 16 bytes), eight bytes at a time
  ;; are spread over 16. Other escapes are written one by one.
  (func (export "json") (param $src i32) (param $end i32) (param $dst i32) (param $k i32) (result i32)
    (local $a v128) (local $after v128) (local $special v128) (local $nibble v128) (local $delta v128) (local $spread v128)
    (local $mask i32) (local $byte i32) (local $point i32)
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
            ;; the pairs that may be hidden, and F1 and up
            (local.set $after (v128.load offset=1 (local.get $src)))
            (local.set $nibble (v128.load offset=80 (local.get $k)))
            (local.set $special (v128.or
              (v128.or (local.get $special) (i8x16.gt_u (local.get $a) (v128.load offset=272 (local.get $k))))
              (i8x16.ne (v128.const i64x2 0 0)
                (v128.and
                  (v128.and
                    (i8x16.swizzle (v128.load offset=288 (local.get $k)) (v128.and (i16x8.shr_u (local.get $a) (i32.const 4)) (local.get $nibble)))
                    (i8x16.swizzle (v128.load offset=304 (local.get $k)) (v128.and (local.get $a) (local.get $nibble))))
                  (v128.and
                    (i8x16.swizzle (v128.load offset=320 (local.get $k)) (v128.and (i16x8.shr_u (local.get $after) (i32.const 4)) (local.get $nibble)))
                    (i8x16.swizzle (v128.load offset=336 (local.get $k)) (v128.and (local.get $after) (local.get $nibble))))))))))
        (local.set $mask (i8x16.bitmask (local.get $special)))
        (if (i32.eqz (local.get $mask))
          (then
            (local.set $src (i32.add (local.get $src) (i32.const 16)))
            (local.set $dst (i32.add (local.get $dst) (i32.const 16)))
            (br_if $more (i32.lt_u (local.get $src) (local.get $end)))
            (local.set $dst (i32.sub (local.get $dst) (i32.sub (local.get $src) (local.get $end))))
            (br $done)))
        ;; what makes TAB, LF and CR the letters of their escapes
        (local.set $delta
          (i8x16.swizzle (v128.const i8x16 0 0 0 0 0 0 0 0 0 107 100 0 0 101 0 0) (local.get $a)))
        (block $oneByOne
          (br_if $oneByOne (i32.gt_u (i32.add (local.get $src) (i32.const 16)) (local.get $end)))
          (br_if $oneByOne (v128.any_true (v128.andnot (local.get $special)
            (v128.or (i8x16.ne (local.get $delta) (v128.const i64x2 0 0))
              (v128.or
                (i8x16.eq (local.get $a) (v128.const i8x16 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34 34))
                (i8x16.eq (local.get $a) (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92)))))))
          (local.set $a (i8x16.add (local.get $a) (local.get $delta)))
          (local.set $point (i32.and (local.get $mask) (i32.const 255)))
          (local.set $spread (v128.load offset=@expansionsOffset@
            (i32.add (local.get $k) (i32.shl (local.get $point) (i32.const 4)))))
          (v128.store (local.get $dst) (v128.or
            (i8x16.swizzle (local.get $a) (local.get $spread))
            (v128.and (i8x16.eq (local.get $spread) (v128.const i64x2 -1 -1))
              (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92))))
          (local.set $dst (i32.add (i32.add (local.get $dst) (i32.const 8)) (i32.popcnt (local.get $point))))
          (local.set $point (i32.shr_u (local.get $mask) (i32.const 8)))
          (local.set $spread (v128.load offset=@expansionsOffset@
            (i32.add (local.get $k) (i32.shl (local.get $point) (i32.const 4)))))
          (v128.store (local.get $dst) (v128.or
            (i8x16.swizzle
              (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $a) (local.get $a))
              (local.get $spread))
            (v128.and (i8x16.eq (local.get $spread) (v128.const i64x2 -1 -1))
              (v128.const i8x16 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92 92))))
          (local.set $dst (i32.add (i32.add (local.get $dst) (i32.const 8)) (i32.popcnt (local.get $point))))
          (local.set $src (i32.add (local.get $src) (i32.const 16)))
          (br_if $more (i32.lt_u (local.get $src) (local.get $end)))
          (br $done))
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
            (if (call $hidden (local.get $src) (local.get $k))
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
