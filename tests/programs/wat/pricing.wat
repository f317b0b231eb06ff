;; Exports an interface that others are linked to: each quote is 42.
(component
  (core module $code
    (memory (export "memory") 1)
    ;; One argument at a time, and always at the same place.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
    (func (export "quote") (param i32 i32) (result i64) i64.const 42))
  (core instance $code (instantiate $code))
  (func $quote (param "item" string) (result u64)
    (canon lift (core func $code "quote") (memory (core memory $code "memory"))
      (realloc (core func $code "realloc"))))
  (instance $quotes (export "quote" (func $quote)))
  (export "acme:pricing/quotes@1.0.0" (instance $quotes)))
