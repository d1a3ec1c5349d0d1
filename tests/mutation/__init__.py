"""Mutation check: small faults planted in a copy of NIR, and who notices them.

`python -m tests.mutation` writes docs/mutation.md: for each fault the test that catches it, and after how many drawn
programs the fuzzer does.
"""
