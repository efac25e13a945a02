"""Turns a static scan into a person of the ICT model: shape, colour, and how well both fit.

`register` is the whole way; the modules are its steps: target, fit, warp, person, bake.
"""

from meshes.register.person import Registration, Residual, register

__all__ = ["Registration", "Residual", "register"]
