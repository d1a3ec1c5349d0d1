"""Android NNAPI's conformance cases: reading them, making NIR of them, comparing."""
