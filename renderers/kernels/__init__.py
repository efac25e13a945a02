"""Compiled inner loops. Everything public lives one folder up; these take plain arrays and numbers.

No fast-math, no parallel loops, no fused multiply-adds: the bits are the same on every machine.
"""
