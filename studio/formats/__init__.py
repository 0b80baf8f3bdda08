"""Bytes ⇄ named tensors and metadata: every adapter file and image the studio reads or writes.

Owns: file layouts, key spellings, arithmetic that belongs to a file's kind (ΔW of a LoHa, …).
Refuses to know: neural network modules, base models, devices, training, the page.

Importing this package, reading headers and inspecting files never imports torch; functions that
return tensors import it when they are called.
"""
