"""What the Makefile, the Procfile and CI run around the product; the product imports none of it."""
