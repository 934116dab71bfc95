"""What goes over the wire. Limits are types, so OpenAPI shows them."""
