"""Reports: one dictionary, written as JSON, text and a self-contained HTML page."""
