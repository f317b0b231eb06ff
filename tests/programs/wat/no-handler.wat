;; A component, and a valid one, but it exports nothing that could be called.
(component)
