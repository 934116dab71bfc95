"""The addresses of the service. A route parses, asks the engine and shapes; it decides nothing."""
