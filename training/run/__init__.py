"""A run: from pairs and a recipe to a bundle and its record, killed and resumed."""
