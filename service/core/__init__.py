"""What the service can do, without HTTP and without what does it: protocols, answers, failures."""
