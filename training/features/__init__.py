"""What a frozen tower says, computed once and kept by content."""
