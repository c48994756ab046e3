"""The loop: a configuration to a plan of stages, a plan to a finished run directory, on one machine or a cluster."""
