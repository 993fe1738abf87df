;; Find the cells of some columns of CSV rows and put them down column by column, as Arrow lays out text ("string views").
;;
;; The text is looked at 64 bytes at a time: one bit a byte says where separators outside quotes are, and counting
;; them passes over the other columns. `steps` tells for one row what to do at which separator: pairs of i32,
;; how many separators further on, and flags:
;;   1  a cell of these ends with this separator
;;   2  the row ends here
;; Such a cell always starts behind the separator of the step before (or at the row's start).
;;
;; A column is a bitmap of the rows that have text in it and, `views` bytes further on, 16 bytes a row: the length and
;; up to 12 bytes of text, or the length, the first 4 bytes, 0 and where in the heap the text stands. From one column
;; to the next it is `stride` bytes. Bitmaps and rows have to be zero from `row` on: of an empty cell nothing is written.
;;
;; Vectors live in registers only: no function is called, since a call would save them with instructions that are
;; slow after others have used the wide registers.
(module
  (memory (export "memory") 1)

  ;; By length, which bytes of a text follow its length in a view; ff is a zero.
  (data (i32.const 0)
    "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff"
    "\ff\ff\ff\ff\00\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff"
    "\ff\ff\ff\ff\00\01\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff"
    "\ff\ff\ff\ff\00\01\02\ff\ff\ff\ff\ff\ff\ff\ff\ff"
    "\ff\ff\ff\ff\00\01\02\03\ff\ff\ff\ff\ff\ff\ff\ff"
    "\ff\ff\ff\ff\00\01\02\03\04\ff\ff\ff\ff\ff\ff\ff"
    "\ff\ff\ff\ff\00\01\02\03\04\05\ff\ff\ff\ff\ff\ff"
    "\ff\ff\ff\ff\00\01\02\03\04\05\06\ff\ff\ff\ff\ff"
    "\ff\ff\ff\ff\00\01\02\03\04\05\06\07\ff\ff\ff\ff"
    "\ff\ff\ff\ff\00\01\02\03\04\05\06\07\08\ff\ff\ff"
    "\ff\ff\ff\ff\00\01\02\03\04\05\06\07\08\09\ff\ff"
    "\ff\ff\ff\ff\00\01\02\03\04\05\06\07\08\09\0a\ff"
    "\ff\ff\ff\ff\00\01\02\03\04\05\06\07\08\09\0a\0b")

  ;; Returns how much of the heap is used, how many bytes of text were consumed, whole rows only, how many rows stand
  ;; in the columns, and whether there may be more than ASCII in the text. Consumed is -1 for text that is not plainly
  ;; so many columns a row, which then has to be read by somebody more patient.
  ;; 64 readable bytes behind the text and 16 writable ones behind the heap are needed.
  (func (export "scan")
    (param $steps i32) (param $text i32) (param $length i32)
    (param $columns i32) (param $views i32) (param $stride i32) (param $row i32)
    (param $heap i32) (param $used i32)
    (result i32 i32 i32 i32)
    (local $at i32) (local $end i32) (local $step i32) (local $left i32) (local $flags i32)
    (local $start i32) (local $here i32) (local $stop i32) (local $count i32)
    (local $consumed i32) (local $began i32) (local $newlines i32)
    (local $bits i32) (local $view i32) (local $size i32) (local $from i32) (local $found i32) (local $byte i32)
    (local $kept i32)
    (local $separators i64) (local $lines i64) (local $quotes i64) (local $outside i64)
    (local $inside i64) (local $still_inside i64) (local $openers i64) (local $may_open i64)
    (local $valid i64) (local $closed i64) (local $behind i64)
    (local $bytes v128) (local $all v128) (local $comma v128) (local $newline v128) (local $quote v128)
    (local.set $comma (i8x16.splat (i32.const 44)))
    (local.set $newline (i8x16.splat (i32.const 10)))
    (local.set $quote (i8x16.splat (i32.const 34)))
    (local.set $at (local.get $text))
    (local.set $end (i32.add (local.get $text) (local.get $length)))
    (local.set $step (local.get $steps))
    (local.set $left (i32.load (local.get $step)))
    (local.set $start (local.get $text))
    (local.set $began (local.get $row))
    (local.set $kept (i32.add (local.get $heap) (local.get $used)))
    (local.set $used (local.get $kept))
    (local.set $bits (i32.add (local.get $columns) (i32.shr_u (local.get $row) (i32.const 3))))
    (local.set $view (i32.add (i32.add (local.get $columns) (local.get $views))
      (i32.shl (local.get $row) (i32.const 4))))
    (local.set $may_open (i64.const 1))
    (block $end_of_text
      (loop $sixty_four
        (br_if $end_of_text (i32.ge_u (local.get $at) (local.get $end)))

        (local.set $bytes (v128.load (local.get $at)))
        (local.set $all (v128.or (local.get $all) (local.get $bytes)))
        (local.set $lines (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $newline)))))
        (local.set $quotes (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $quote)))))
        (local.set $separators (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $comma)))))
        (local.set $bytes (v128.load offset=16 (local.get $at)))
        (local.set $all (v128.or (local.get $all) (local.get $bytes)))
        (local.set $lines (i64.or (local.get $lines) (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $newline)))) (i64.const 16))))
        (local.set $quotes (i64.or (local.get $quotes) (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $quote)))) (i64.const 16))))
        (local.set $separators (i64.or (local.get $separators) (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $comma)))) (i64.const 16))))
        (local.set $bytes (v128.load offset=32 (local.get $at)))
        (local.set $all (v128.or (local.get $all) (local.get $bytes)))
        (local.set $lines (i64.or (local.get $lines) (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $newline)))) (i64.const 32))))
        (local.set $quotes (i64.or (local.get $quotes) (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $quote)))) (i64.const 32))))
        (local.set $separators (i64.or (local.get $separators) (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $comma)))) (i64.const 32))))
        (local.set $bytes (v128.load offset=48 (local.get $at)))
        (local.set $all (v128.or (local.get $all) (local.get $bytes)))
        (local.set $lines (i64.or (local.get $lines) (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $newline)))) (i64.const 48))))
        (local.set $quotes (i64.or (local.get $quotes) (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $quote)))) (i64.const 48))))
        (local.set $separators (i64.or (local.get $separators) (i64.shl
          (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $bytes) (local.get $comma)))) (i64.const 48))))
        (local.set $separators (i64.or (local.get $separators) (local.get $lines)))

        ;; the last step of the text: bytes behind its end do not count
        (local.set $valid (i64.const -1))
        (if (i32.gt_u (i32.add (local.get $at) (i32.const 64)) (local.get $end))
          (then
            (local.set $outside (i64.sub (i64.shl (i64.const 1)
              (i64.extend_i32_u (i32.sub (local.get $end) (local.get $at)))) (i64.const 1)))
            (local.set $valid (local.get $outside))
            (local.set $lines (i64.and (local.get $lines) (local.get $outside)))
            (local.set $quotes (i64.and (local.get $quotes) (local.get $outside)))
            (local.set $separators (i64.and (local.get $separators) (local.get $outside)))))

        (local.set $openers (local.get $separators))
        (if (i64.ne (i64.const 0)
              (i64.or (i64.or (local.get $quotes) (local.get $still_inside)) (local.get $closed)))
          (then
            ;; a byte is inside quotes when an odd number of them stands up to it
            (local.set $inside (local.get $quotes))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 1))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 2))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 4))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 8))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 16))))
            (local.set $inside (i64.xor (local.get $inside) (i64.shl (local.get $inside) (i64.const 32))))
            (local.set $inside (i64.xor (local.get $inside) (local.get $still_inside)))
            (local.set $still_inside (i64.shr_s (local.get $inside) (i64.const 63)))
            (local.set $outside (i64.xor (local.get $inside) (i64.const -1)))
            ;; behind a quote that closes stands a separator, the second of a doubled quote, or a row's end of two
            ;; characters; also in columns that are passed over
            (local.set $behind (i64.and (local.get $quotes) (local.get $outside)))
            (local.set $closed (i64.or (local.get $closed) (i64.shl (local.get $behind) (i64.const 1))))
            (local.set $closed (i64.and (i64.and (local.get $closed) (local.get $valid))
              (i64.xor (i64.const -1) (i64.or (local.get $separators) (local.get $quotes)))))
            (block $well_closed
              (loop $next_closed
                (br_if $well_closed (i64.eqz (local.get $closed)))
                (if (i32.ne (i32.const 13) (i32.load8_u
                      (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $closed))))))
                  (then (return (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0))))
                (local.set $closed (i64.and (local.get $closed) (i64.sub (local.get $closed) (i64.const 1))))
                (br $next_closed)))
            (local.set $closed (i64.shr_u (local.get $behind) (i64.const 63)))
            (local.set $separators (i64.and (local.get $separators) (local.get $outside)))
            (local.set $lines (i64.and (local.get $lines) (local.get $outside)))
            ;; a quote may open behind a separator, or behind one that closed: the second of a doubled quote
            (local.set $openers (i64.or (local.get $separators)
              (i64.and (local.get $quotes) (local.get $outside))))
            (if (i64.ne (i64.const 0) (i64.and
                  (i64.and (local.get $quotes) (local.get $inside))
                  (i64.xor (i64.const -1)
                    (i64.or (i64.shl (local.get $openers) (i64.const 1)) (local.get $may_open)))))
              (then (return (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0))))))
        (local.set $may_open (i64.shr_u (local.get $openers) (i64.const 63)))

        (local.set $newlines (i32.add (local.get $newlines) (i32.wrap_i64 (i64.popcnt (local.get $lines)))))
        (local.set $count (i32.wrap_i64 (i64.popcnt (local.get $separators))))
        (block $no_step_here
          (loop $next_step
            (br_if $no_step_here (i32.lt_u (local.get $count) (local.get $left)))
            (local.set $count (i32.sub (local.get $count) (local.get $left)))
            (block $passed
              (loop $pass
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br_if $passed (i32.eqz (local.get $left)))
                (local.set $separators
                  (i64.and (local.get $separators) (i64.sub (local.get $separators) (i64.const 1))))
                (br $pass)))
            (local.set $here (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $separators)))))
            (local.set $separators (i64.and (local.get $separators) (i64.sub (local.get $separators) (i64.const 1))))
            (local.set $flags (i32.load offset=4 (local.get $step)))
            (if (i32.and (local.get $flags) (i32.const 1))
              (then
                ;; a row may end with two characters
                (local.set $stop (i32.sub (local.get $here) (i32.and
                  (i32.eq (local.get $flags) (i32.const 3))
                  (i32.eq (i32.load8_u (i32.sub (local.get $here) (i32.const 1))) (i32.const 13)))))
                (local.set $size (i32.sub (local.get $stop) (local.get $start)))
                (if (i32.eq (i32.load8_u (local.get $start)) (i32.const 34))
                  (then
                    (local.set $start (i32.add (local.get $start) (i32.const 1)))
                    (local.set $size (i32.sub (local.get $size) (i32.const 2)))
                    (local.set $stop (i32.sub (local.get $stop) (i32.const 1)))
                    (if (i32.or (i32.lt_s (local.get $size) (i32.const 0))
                          (i32.ne (i32.load8_u (local.get $stop)) (i32.const 34)))
                      (then (return (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0))))
                    (local.set $from (local.get $start))
                    (block $quote_found
                      (loop $look
                        (local.set $found
                          (i8x16.bitmask (i8x16.eq (v128.load (local.get $from)) (local.get $quote))))
                        (br_if $quote_found (local.get $found))
                        (local.set $from (i32.add (local.get $from) (i32.const 16)))
                        (br $look)))
                    ;; the first quote is not the closing one: of each two, one is text
                    (if (i32.ne (i32.add (local.get $from) (i32.ctz (local.get $found))) (local.get $stop))
                      (then
                        (local.set $from (local.get $start))
                        (local.set $start (local.get $used))
                        (local.set $size (i32.const 0))
                        (loop $next_byte
                          (local.set $byte (i32.load8_u (local.get $from)))
                          (i32.store8 (i32.add (local.get $start) (local.get $size)) (local.get $byte))
                          (local.set $size (i32.add (local.get $size) (i32.const 1)))
                          (local.set $from (i32.add (i32.add (local.get $from) (i32.const 1))
                            (i32.eq (local.get $byte) (i32.const 34))))
                          (br_if $next_byte (i32.lt_u (local.get $from) (local.get $stop))))))))
                (if (local.get $size)
                  (then
                    (i32.store8 (local.get $bits) (i32.or (i32.load8_u (local.get $bits))
                      (i32.shl (i32.const 1) (i32.and (local.get $row) (i32.const 7)))))
                    (if (i32.le_u (local.get $size) (i32.const 12))
                      (then
                        (v128.store (local.get $view) (i32x4.replace_lane 0
                          (i8x16.swizzle (v128.load (local.get $start))
                            (v128.load (i32.shl (local.get $size) (i32.const 4))))
                          (local.get $size))))
                      (else
                        (i32.store (local.get $view) (local.get $size))
                        (i32.store offset=4 (local.get $view) (i32.load (local.get $start)))
                        (i32.store offset=8 (local.get $view) (i32.const 0))
                        (i32.store offset=12 (local.get $view) (i32.sub (local.get $used) (local.get $heap)))
                        ;; 16 bytes at a time, so up to 15 too many, which the next copy replaces
                        (local.set $stop (i32.add (local.get $used) (local.get $size)))
                        (loop $more
                          (v128.store (local.get $used) (v128.load (local.get $start)))
                          (local.set $start (i32.add (local.get $start) (i32.const 16)))
                          (local.set $used (i32.add (local.get $used) (i32.const 16)))
                          (br_if $more (i32.lt_u (local.get $used) (local.get $stop))))
                        (local.set $used (local.get $stop))))))
                (local.set $bits (i32.add (local.get $bits) (local.get $stride)))
                (local.set $view (i32.add (local.get $view) (local.get $stride)))))
            (local.set $start (i32.add (local.get $here) (i32.const 1)))
            (local.set $step (i32.add (local.get $step) (i32.const 8)))
            (if (i32.and (local.get $flags) (i32.const 2))
              (then
                (if (i32.ne (i32.load8_u (local.get $here)) (i32.const 10))
                  (then (return (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0))))
                (local.set $row (i32.add (local.get $row) (i32.const 1)))
                (local.set $consumed (i32.sub (local.get $start) (local.get $text)))
                (local.set $kept (local.get $used))
                (local.set $bits (i32.add (local.get $columns) (i32.shr_u (local.get $row) (i32.const 3))))
                (local.set $view (i32.add (i32.add (local.get $columns) (local.get $views))
                  (i32.shl (local.get $row) (i32.const 4))))
                (local.set $step (local.get $steps))))
            (local.set $left (i32.load (local.get $step)))
            (br $next_step)))
        (local.set $left (i32.sub (local.get $left) (local.get $count)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $sixty_four)))
    ;; a newline that ended no row stands in a row of too few columns
    (if (i32.ne (local.get $newlines) (i32.sub (local.get $row) (local.get $began)))
      (then (return (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0))))
    (i32.sub (local.get $kept) (local.get $heap))
    (local.get $consumed)
    (local.get $row)
    (i8x16.bitmask (local.get $all))))
