"""The language that says which videos are meant: read, written as text and as JSON.

It knows no library; `index.catalog.filtering` asks one. The language is told in docs/filters.md.
"""

from index.filters.filter import Filter, filter_from_json, parse_filter

__all__ = ["Filter", "filter_from_json", "parse_filter"]
