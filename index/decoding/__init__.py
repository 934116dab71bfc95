"""Child processes that decode: no video can hang, crash or fill the process that asks."""
