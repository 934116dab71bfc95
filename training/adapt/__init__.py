"""`cpd train adapt`: a model made better for one's own captions, on a CPU, in minutes."""
