"""The embedded database, with a patience that ends with the caller's."""
