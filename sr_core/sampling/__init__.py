"""Drawing sound: noise schedules and solvers, the loop over frames, and the whole pipeline."""
