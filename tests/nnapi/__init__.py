"""NNAPI's operand lists and conformance cases: reading, mapping both ways, running."""
