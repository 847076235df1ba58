"""What is open in a space: decisions, their domains, counting, encoding and moves."""
