"""Parallel jobs in one process, several or on a cluster; signals; CPU threads."""
