// Running a program in C++: the place where a driver of an accelerator would stand. What is here runs a handful of
// float operators in plain loops, to show what arrives and what is expected back.
#pragma once

#include <vector>

#include "program.h"

namespace nir {

// Computes `outputs` from `weights`, as many as the program names, and `inputs`. Throws std::runtime_error for an
// operator, a type or an attribute that this executor does not have.
void execute(const Program& program, const std::vector<tvm::ffi::TensorView>& weights,
             const std::vector<tvm::ffi::TensorView>& inputs, const std::vector<tvm::ffi::TensorView>& outputs);

}  // namespace nir
