"""What the ways to Relax share: emitting bindings, integer arithmetic as tensor programs, padding. Needs TVM.

Which operators there are, and what they become, is said by the packages that convert.
"""
