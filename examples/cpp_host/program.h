// A program: what a compiled module hands to nir.runtime.invoke, read without Python. The format is described in
// docs/runtime.md. This file knows how programs are written, not how they are run.
#pragma once

#include <tvm/ffi/container/tensor.h>

#include <map>
#include <string>
#include <vector>

namespace nir {

// One line of a function: results = name subject (operands) {attributes} : type.
struct Operation {
  std::string name;
  std::string subject;  // such as @weight of `const @weight`; empty where there is none
  std::vector<std::string> results;
  std::vector<std::string> operands;
  std::map<std::string, std::string> attributes;  // as they are written
  std::vector<int64_t> shape;                     // of the first result
  std::string element;                            // of the first result, such as f32
};

struct Function {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<Operation> operations;
  std::vector<std::string> results;
};

struct Program {
  std::string text;
  std::string profile;
  std::vector<std::string> weights;  // names of the tensors that come first in every call
  Function function;
};

// Reads a program. Throws std::runtime_error, with the line where there is one, for anything else.
Program read_program(tvm::ffi::TensorView encoded);

}  // namespace nir
