"""Libraries among each other and among other tools: files of tables, shards, merging."""
