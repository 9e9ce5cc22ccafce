"""Noise schedules, solvers and sampling settings; all functions are pure."""
