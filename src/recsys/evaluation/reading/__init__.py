"""Reading inputs: where they are, whether each row keeps to its schema, one table per role."""
