;; A component for `wasi:cli/command@0.2.0` that writes a line to standard output.
(component
  (import "wasi:io/error@0.2.0" (instance $error
    (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error-type))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $error-type (type $outer-error))
    (export "error" (type $e (eq $outer-error)))
    (export "output-stream" (type $out (sub resource)))
    (type $stream-error (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $stream-error-type (eq $stream-error)))
    (type $outcome (result (error $stream-error-type)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $out)) (param "contents" (list u8)) (result $outcome)))))
  (alias export $streams "output-stream" (type $out-type))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $out-type (type $outer-out))
    (export "output-stream" (type $out (eq $outer-out)))
    (export "get-stdout" (func (result (own $out))))))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 16) "hello from a component\n"))
  (core instance $memory-instance (instantiate $memory))
  (alias core export $memory-instance "memory" (core memory $mem))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory $mem)))
  (core module $main
    (import "host" "get" (func $get (result i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "memory" (memory 1))
    (func (export "run") (result i32)
      (call $write (call $get) (i32.const 16) (i32.const 23) (i32.const 128))
      (i32.const 0) (; outcome ;)))
  (core instance $main-instance (instantiate $main
    (with "host" (instance
      (export "get" (func $get))
      (export "write" (func $write))
      (export "memory" (memory $mem))))))
  (func $run (result (result)) (canon lift (core func $main-instance "run")))
  (instance $run-instance (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run-instance)))
