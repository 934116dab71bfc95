"""How it is done: a model on its thread, a library, queues that refuse rather than grow."""
