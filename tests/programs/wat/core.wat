;; A core module: what older toolchains make. It is valid WebAssembly, but no component.
(module
  (memory (export "memory") 1)
  (func (export "_start")))
