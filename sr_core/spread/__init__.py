"""The same work over many jobs: here, in processes, on a cluster."""
