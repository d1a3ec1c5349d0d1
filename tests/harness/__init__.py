"""File tests: `.nir` files that say in their first line what to do with them, and what should come of it.

    // test: check
    func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = relu(%y) : tensor<4xf32>  // error: there is no value %y
      return %0
    }

Commands are in commands.py, the ways of stating expectations in expectations.py. `python -m tests.harness.update`
writes what comes of every file into it; then read the difference.
"""
