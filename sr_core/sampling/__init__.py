"""Noise schedules, solvers and settings of drawing: pure functions of their arguments."""
