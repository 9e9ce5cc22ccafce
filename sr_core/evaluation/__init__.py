"""How well generated sound fits: in time, in kind, in loudness and in place, beside baselines."""
