"""What `cpd` and all its commands end with; 0 is that all went well."""

NOT_ALL_WELL = 1
"""It ran, and told what failed or differs; or whoever read its output went away."""

CANNOT_RUN = 2
"""A sentence on stderr says why."""

INTERRUPTED = 130
"""By Ctrl-C or SIGTERM: 128 and the number of SIGINT, as shells have it."""
