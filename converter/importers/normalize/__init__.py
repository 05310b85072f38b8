"""What every importer does last: names, constants and shapes in one form."""
