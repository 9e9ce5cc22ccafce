"""The same work over many jobs: here, in processes, on a cluster; and threads of the CPU."""
