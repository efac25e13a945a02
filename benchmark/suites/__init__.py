"""What is asked: suites as data, their portraits made by the generator, and each portrait with its truth."""
