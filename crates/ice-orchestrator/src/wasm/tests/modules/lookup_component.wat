;; A component that opens a socket and asks for the addresses of a name, and ends well if both are refused.
(component
  (import "wasi:sockets/network@0.2.0" (instance $network
    (export "network" (type (sub resource)))
    (type $code (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
      "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
      "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused" "connection-reset"
      "connection-aborted" "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
      "permanent-resolver-failure"))
    (export "error-code" (type (eq $code)))
    (type $family (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $family)))))
  (alias export $network "network" (type $network-type))
  (alias export $network "error-code" (type $code-type))
  (alias export $network "ip-address-family" (type $family-type))
  (import "wasi:sockets/instance-network@0.2.0" (instance $own
    (alias outer 1 $network-type (type $outer-network))
    (export "network" (type $n (eq $outer-network)))
    (export "instance-network" (func (result (own $n))))))
  (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $lookup
    (alias outer 1 $network-type (type $outer-network))
    (export "network" (type $n (eq $outer-network)))
    (alias outer 1 $code-type (type $outer-code))
    (export "error-code" (type $c (eq $outer-code)))
    (export "resolve-address-stream" (type $stream (sub resource)))
    (type $outcome (result (own $stream) (error $c)))
    (export "resolve-addresses" (func (param "network" (borrow $n)) (param "name" string) (result $outcome)))))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp
    (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $socket-type))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $create
    (alias outer 1 $code-type (type $outer-code))
    (export "error-code" (type $c (eq $outer-code)))
    (alias outer 1 $family-type (type $outer-family))
    (export "ip-address-family" (type $f (eq $outer-family)))
    (alias outer 1 $socket-type (type $outer-socket))
    (export "tcp-socket" (type $s (eq $outer-socket)))
    (type $outcome (result (own $s) (error $c)))
    (export "create-tcp-socket" (func (param "address-family" $f) (result $outcome)))))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 16) "example.org"))
  (core instance $memory-instance (instantiate $memory))
  (alias core export $memory-instance "memory" (core memory $mem))
  (core func $get (canon lower (func $own "instance-network")))
  (core func $resolve (canon lower (func $lookup "resolve-addresses") (memory $mem)))
  (core func $open (canon lower (func $create "create-tcp-socket") (memory $mem)))
  (core module $main
    (import "host" "get" (func $get (result i32)))
    (import "host" "resolve" (func $resolve (param i32 i32 i32 i32)))
    (import "host" "open" (func $open (param i32 i32)))
    (import "host" "memory" (memory 1))
    (func (export "run") (result i32)
      (call $open (i32.const 0) (i32.const 128))
      (call $resolve (call $get) (i32.const 16) (i32.const 11) (i32.const 192))
      ;; Each is an error (1), the lookup's is `permanent-resolver-failure` (20), the socket's `access-denied` (1).
      (i32.eqz (i32.and
        (i32.and
          (i32.eq (i32.load8_u (i32.const 128)) (i32.const 1))
          (i32.eq (i32.load8_u (i32.const 192)) (i32.const 1)))
        (i32.and
          (i32.eq (i32.load8_u (i32.const 132)) (i32.const 1))
          (i32.eq (i32.load8_u (i32.const 196)) (i32.const 20)))))))
  (core instance $main-instance (instantiate $main
    (with "host" (instance
      (export "get" (func $get))
      (export "resolve" (func $resolve))
      (export "open" (func $open))
      (export "memory" (memory $mem))))))
  (func $run (result (result)) (canon lift (core func $main-instance "run")))
  (instance $run-instance (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run-instance)))
