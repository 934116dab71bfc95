"""Manifests from the layouts and annotation files that public data sets come in.

Nothing is downloaded. Each data set is a function from its unpacked folder to a Listing.
"""
